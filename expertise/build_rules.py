"""The organisation's settings for builds."""

from dataclasses import dataclass

from connectors.values import normalize_principals
from expertise.asking_kinds import ASKING_KINDS
from expertise.corpus import asking_kinds


@dataclass(frozen=True, slots=True)
class BuildRules:
    """The organisation's settings for builds.

    `universal` are the principals that every agent has; `least_strength` is the threshold for
    holders; a build older than `oldest_days` is not shown. Documents of the kinds `asking` ask for
    a skill, and make nobody a holder. `least_known`, from 0 to 1, is the least probability that
    «alone» is right: that the agent holds the topic, and that no other holder is out of sight.
    """

    universal: frozenset[str] = frozenset({"everyone"})
    least_strength: float = 1.0
    oldest_days: int = 30
    asking: frozenset[str] = ASKING_KINDS
    least_known: float = 0.6

    def __post_init__(self) -> None:
        object.__setattr__(self, "universal", normalize_principals(self.universal))
        object.__setattr__(self, "asking", asking_kinds(self.asking))
