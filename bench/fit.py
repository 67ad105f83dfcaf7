"""The exponent of a power law through measured points. Pure."""

import math
from collections.abc import Sequence

Points = Sequence[tuple[float, float]]


def exponent(points: Points) -> float:
    """b of y = a·x^b, by least squares on the logarithms. Raises ValueError: less than two sizes, or not positive."""
    if len({x for x, _ in points}) < 2 or any(x <= 0 or y <= 0 for x, y in points):
        raise ValueError(f"no power law fits {points}")
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def shape(fitted: float) -> str:
    """In words, of a cost."""
    if fitted < -0.1:
        return "gets less"
    if fitted < 0.1:
        return "does not grow"
    if fitted < 0.9:
        return "grows more slowly than in step"
    return "grows in step" if fitted <= 1.15 else "grows faster than in step"
