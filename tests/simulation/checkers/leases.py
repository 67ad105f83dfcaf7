"""A leader leads by its lease: at no instant of true time do two members hold one (rule 6)."""

from tests.simulation.checkers.checker import Checker


class Leases(Checker):
    name = "leases"

    def __init__(self) -> None:
        self.until_us: dict[int, int] = {}

    def lease(self, member: int, *, is_leader: bool, now_us: int, until_us: int) -> None:
        if not is_leader:
            self.until_us.pop(member, None)
            return
        for other, end_us in self.until_us.items():
            if other != member and end_us > now_us and until_us > now_us:
                left_s = (end_us - now_us) / 1e6
                self.violated(f"member {member} leads while the lease of member {other} lasts {left_s:.3f} s more")
        self.until_us[member] = until_us
