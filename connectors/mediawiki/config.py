"""What a wiki's connector and its groups are told: where it is, and how fast it may be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WikiLimits:
    """The request rate and the time limits for one wiki.

    `timeout_s` limits each read from the socket, `total_timeout_s` a whole response,
    `max_wait_s` the sum of the waits before retries of one request. `maxlag_s`: requests wait
    while the wiki's replicas lag by more.
    """

    rate_per_s: float = 10.0
    timeout_s: float = 30.0
    total_timeout_s: float = 300.0
    max_wait_s: float = 300.0
    maxlag_s: int = 5
    max_bytes: int = 256 * 1024 * 1024


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
