"""One seeded source of chance per concern, so that a change in one leaves the others as they were."""

import random


class Randomness:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.concerns: dict[str, random.Random] = {}

    def of(self, concern: str) -> random.Random:
        """Random seeds itself from a string by SHA-512: the same on every machine and in every process."""
        if concern not in self.concerns:
            self.concerns[concern] = random.Random(f"{self.seed}/{concern}")
        return self.concerns[concern]
