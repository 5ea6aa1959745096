"""Where a wiki is, as whom it is read, and who may read what it holds: what settings say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Manners:
    """What a wiki can be asked to bear, and for how long it is waited for.

    `timeout_s` bounds each silence, `answer_s` a whole answer, `patience_s` the sum of
    the waits of one request. `maxlag_s`: a wiki whose replicas lag by more is left alone.
    """

    rate_per_s: float = 10.0
    timeout_s: float = 30.0
    answer_s: float = 300.0
    patience_s: float = 300.0
    maxlag_s: int = 5
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WikiPlace:
    """A wiki: `url` is the address of api.php, or of the folder that it stands in.

    `namespaces` names the readers of each namespace that is read, `allowed` those of the
    main one where `namespaces` does not. `user` may be a bot password's (`account@name`).
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    namespaces: Mapping[str, Sequence[str]] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    ca_file: str = ""
    manners: Manners = field(default_factory=Manners)

    @property
    def root(self) -> str:
        """The folder that api.php is in, with a slash at its end."""
        return self.url.removesuffix("api.php").rstrip("/") + "/"
