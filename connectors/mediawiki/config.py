"""What a wiki's connector and its groups are told: where it is, and how fast it may be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.http_limits import HttpLimits


@dataclass(frozen=True, slots=True)
class WikiLimits(HttpLimits):
    """Those of one wiki. `maxlag_s`: requests wait while its replicas lag by more."""

    maxlag_s: int = 5


@dataclass(frozen=True, slots=True)
class WikiConfig:
    """A wiki: `url` is the address of api.php, or of the folder that contains it.

    `namespaces` names the readers of each namespace that is read, `allowed` those of the
    main one if `namespaces` does not. `user` may be a bot password's (`account@name`).
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    namespaces: Mapping[str, Sequence[str]] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    ca_file: str = ""
    limits: WikiLimits = field(default_factory=WikiLimits)

    @property
    def root(self) -> str:
        """The address of the folder that contains api.php, with a slash at its end."""
        return self.url.removesuffix("api.php").rstrip("/") + "/"
