"""Documents that vanish from a source, or can no longer be read, in too great a number.

Their removal waits until an administrator confirms it. A deletion that the source states does
not.
"""

from dataclasses import dataclass

from indexer.errors import DeletionsHeld

GUARD_SHARE = 0.2
"""The share of a source that may vanish in one run without a confirmation."""
GUARD_FLOOR = 10
"""So many may vanish from a small source, where a share says little; but never all of several."""


@dataclass(slots=True)
class Guard:
    """Counts, over one run of a source, the deletions let through and those withheld.

    `share` lies between 0 and 1; at 1 every deletion passes.
    """

    source: str
    kept_at_start: int
    share: float
    let_go: int = 0
    withheld: int = 0

    def lets_go(self, going: int) -> bool:
        """Whether `going` more documents may be deleted; what may not is counted as withheld."""
        gone = self.let_go + self.withheld + going
        emptied = gone >= self.kept_at_start > 1
        many = gone > max(GUARD_FLOOR, self.share * self.kept_at_start)
        if going and self.share < 1 and (emptied or many):
            self.withheld += going
            return False
        self.let_go += going
        return True

    def check(self) -> None:
        """Raises `DeletionsHeld` where any deletion was withheld."""
        if self.withheld:
            raise DeletionsHeld(self.source, self.let_go + self.withheld, self.kept_at_start)
