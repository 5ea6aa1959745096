"""Who may read what, written from the rules and not from the product's code.

The tests against leaks compare answers with it. A test that asked `AccessFilter` would agree with
every mistake in it: `tests/mutate.py` names five (`RIGHTS`) that none of these tests may pass. The
rules are those of docs/architecture.md, «Rights», and of decisions 1, 9, 31 and 56.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from connectors.values import Access
from indexer.access import AccessFilter, Reader, access_filter
from indexer.ports import Index
from indexer.values import Question, ShowRequest


@dataclass(frozen=True)
class Unknown:
    """A `PrincipalLookup` for which `principals` name nobody known, and all others somebody."""

    principals: frozenset[str]

    def strangers(self, principals: Collection[str]) -> frozenset[str]:
        return self.principals.intersection(principals)


def may_read(
    reader: Reader, access: Access, source: str, space: str, unknown: Collection[str] = ()
) -> bool:
    """Return whether a reader may read a document. `unknown` are principals that name nobody."""
    if not reader.agent_id:
        return False
    for limit, place in ((reader.sources, source), (reader.spaces, space)):
        if limit is not None and place not in limit:
            return False
    silent = {_composed(authority) for authority in reader.unanswered}
    held = {
        _composed(principal)
        for principal in reader.principals
        if _authority(principal) not in silent
    }
    for denied in access.denied:
        if _composed(denied) in held or _authority(denied) in silent or denied in unknown:
            return False
    return any(_composed(allowed) in held for allowed in access.allowed)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _authority(principal: str) -> str:
    return _composed(principal).split(":", 1)[0]


def knowing(index: Index, unknown: Collection[str]) -> Index:
    """Return the index with a lookup of the `unknown` principals in each access filter."""
    return cast("Index", _KnowingIndex(index, Unknown(frozenset(unknown))))


@dataclass(frozen=True)
class _KnowingIndex:
    index: Index
    known: Unknown

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.index, name)

        def call(*arguments: Any, **named: Any) -> Any:
            held = {key: self._held(value) for key, value in named.items()}
            return method(*map(self._held, arguments), **held)

        return call

    def _held(self, argument: Any) -> Any:
        if isinstance(argument, AccessFilter):
            return argument.knowing(self.known)
        if isinstance(getattr(argument, "access", None), AccessFilter):
            return replace(argument, access=argument.access.knowing(self.known))
        return argument


def shown_by_id(index: Index, reader: Reader, document_ids: Iterable[str]) -> set[str]:
    """Return which of these documents the index shows to a reader who names them by id."""
    request = ShowRequest(access_filter(reader), tuple(document_ids), Question(), passages=0)
    return {shown.card.document_id for shown in index.show(request)}
