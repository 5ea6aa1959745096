"""The groups that a wiki's accounts are in, asked of the wiki when a reader comes."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue

from connectors.errors import SourceUnreachable
from connectors.mediawiki.answers import Member
from connectors.mediawiki.api import Api, PageFault
from connectors.mediawiki.channel import Channel
from connectors.mediawiki.place import WikiPlace

NO_NAME = frozenset("#<>[]|{}/\x1f\0")
"""What no account's name holds; the bar would ask for several."""


class WikiGroups:
    """The principals `name:group:…` of who holds accounts in the wiki of that name."""

    def __init__(self, name: str, place: WikiPlace) -> None:
        self._name, self._place = name, place
        self._idle: LifoQueue[Api] = LifoQueue()

    @property
    def name(self) -> str:
        """The source's name, with which its principals begin."""
        return self._name

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """The groups of all their accounts in this wiki; without an account, none, unasked.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        pairs = (account.partition(":") for account in accounts)
        own = {_shown(name) for source, _, name in pairs if source == self._name}
        names = sorted(name for name in own if name and not NO_NAME.intersection(name))
        if not names:
            return frozenset()
        with self._api() as api:
            rows = list(
                api.rows(Member, "users", list="users", ususers="|".join(names), usprop="groups")
            )
        # Only of whom was asked about, whatever the answer says besides.
        found = {group for row in rows if _shown(row.name) in names for group in row.groups}
        return frozenset(f"{self._name}:group:{group}" for group in found)

    @contextmanager
    def _api(self) -> Iterator[Api]:
        """A session for one question; one that failed is not used again."""
        place = self._place
        try:
            api = self._idle.get_nowait()
        except Empty:
            channel = Channel(place.root, place.manners, place.ca_file)
            api = Api(channel, place.user, place.password)
        try:
            yield api
        except PageFault as fault:
            raise SourceUnreachable(
                f"Le wiki {api.channel.host} ne dit pas les groupes d'un compte ({fault.code})."
            ) from fault
        self._idle.put(api)


def _shown(name: str) -> str:
    """As the wiki writes it: spaces, a large first letter, NFC.

    Groups of a name that is written otherwise would be taken for somebody else's.
    """
    plain = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    return plain[:1].upper() + plain[1:]
