"""Configuration of a wiki's connector and its groups: address, account, namespaces, limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.http_limits import HttpLimits
from connectors.installed import SourcePlace
from quisait_mediawiki.options import WikiOptions


@dataclass(frozen=True, slots=True)
class WikiConfig:
    """The configuration of a wiki: `url` is the address of api.php, or of its folder.

    `namespaces` maps each namespace that is read to its readers; `allowed` are the main namespace's
    readers if `namespaces` does not name it. `user` may be the name of a bot password
    (`account@name`).
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    namespaces: Mapping[str, Sequence[str]] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    ca_file: str = ""
    limits: HttpLimits = field(default_factory=HttpLimits)

    @property
    def root(self) -> str:
        """The address of the folder that contains api.php, with a slash at its end."""
        return self.url.removesuffix("api.php").rstrip("/") + "/"


def wiki_config(place: SourcePlace, options: WikiOptions) -> WikiConfig:
    """Return the configuration of a source's wiki.

    Raises `SourceRefused` if the password is missing or its file cannot be read.
    """
    return WikiConfig(
        options.url,
        options.user,
        place.password() if options.user else "",
        options.namespaces,
        place.default_access.allowed,
        place.file(options.ca_file),
        HttpLimits(rate_per_s=options.rate_per_s),
    )
