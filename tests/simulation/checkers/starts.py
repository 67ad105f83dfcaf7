"""A member refuses to start only where its files have rotted, or where it runs already."""

from tests.simulation.checkers.checker import Checker


class Starts(Checker):
    name = "starts"

    def refused(self, member: int, problem: str, *, is_rotten: bool = False, is_second: bool = False) -> None:
        if not (is_rotten or is_second):
            self.violated(f"member {member} does not start: {problem}")
