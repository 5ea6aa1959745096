"""A reader's favourites, which only they see."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from expertise.visibility import may_be_shown
from indexer.access import Reader
from indexer.state import reference_of
from search_api.addresses import agent_address, document_address, topic_address
from search_api.context import AnswerContext, InvalidParameter, NotFound, required
from search_api.favourites.storage import Favourite, SqlFavourites, SubjectKind
from search_api.people.agents import shown_agent

MAX_FAVOURITES = 500
"""Maximum number of favourites of an agent, so that a person can read the list."""


class FavouriteAction(StrEnum):
    """Action of a click. `forget_favourites` deletes all of them."""

    FAVOURITE = "favourite"
    NO_FAVOURITE = "no_favourite"
    FORGET_FAVOURITES = "forget_favourites"


@dataclass(frozen=True, slots=True)
class ShownFavourite:
    """A favourite that the reader may see. `address`: the address of its page.

    `title`: title of the document, which may be empty, name of the agent or label of the topic.
    """

    favourite: Favourite
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class OwnFavourites:
    """A reader's favourites, newest first.

    `hidden`: those that the reader may not see any more, or that are deleted; both look the same.
    """

    shown: tuple[ShownFavourite, ...] = ()
    hidden: tuple[Favourite, ...] = ()


def own_favourites(context: AnswerContext, reader: Reader) -> OwnFavourites:
    """Return the reader's favourites, under their rights. Raises `IndexUnreachable`."""
    favourites = context.part(SqlFavourites)
    if favourites is None:
        return OwnFavourites()
    owned, today = favourites.of(reader.agent_id or ""), context.today()
    documents = context.search.cards(_ids(owned, SubjectKind.DOCUMENT), reader)
    agents = context.people.agents(_ids(owned, SubjectKind.AGENT))
    visible = {
        SubjectKind.DOCUMENT: {
            id_: (card.title, document_address(id_)) for id_, card in documents.items()
        },
        SubjectKind.AGENT: {
            id_: (agent.name, agent_address(agent))
            for id_, agent in agents.items()
            if may_be_shown(agent, today, reader.agent_id)
        },
        SubjectKind.TOPIC: {
            id_: (topic.label, topic_address(topic)) for id_, topic in context.topics().items()
        },
    }
    return OwnFavourites(
        tuple(
            ShownFavourite(item, *visible[item.kind][item.subject])
            for item in owned
            if item.subject in visible[item.kind]
        ),
        tuple(item for item in owned if item.subject not in visible[item.kind]),
    )


def change_favourite(
    context: AnswerContext, reader: Reader, action: FavouriteAction, kind: SubjectKind, subject: str
) -> None:
    """Add or delete a favourite; `kind` and `subject` are ignored if all are deleted.

    Raises `NotFound` for a subject that the reader may not see, `InvalidParameter` for one that
    cannot be a favourite, and `IndexUnreachable`.
    """
    store, agent_id = required(context.part(SqlFavourites)), reader.agent_id or ""
    if action is FavouriteAction.FORGET_FAVOURITES:
        store.remove(agent_id)
    elif action is FavouriteAction.NO_FAVOURITE:
        store.remove(agent_id, kind, subject)
    else:
        _check(context, reader, kind, subject)
        if len(store.of(agent_id)) >= MAX_FAVOURITES:
            raise InvalidParameter(
                f"Vous en gardez déjà {MAX_FAVOURITES} : effacez-en dans « Préférences » d’abord."
            )
        store.add(agent_id, kind, subject)


def favourite_reverse(
    context: AnswerContext, reader: Reader, action: FavouriteAction, kind: SubjectKind, subject: str
) -> FavouriteAction | None:
    """Return the action that restores the present state; None if all favourites are deleted."""
    if action is FavouriteAction.FORGET_FAVOURITES:
        return None
    is_favourite = PageFavourites(context, reader).is_favourite(kind, subject)
    return FavouriteAction.FAVOURITE if is_favourite else FavouriteAction.NO_FAVOURITE


class PageFavourites:
    """State of a page's favourite buttons; the store is read for the first button."""

    def __init__(self, context: AnswerContext, reader: Reader) -> None:
        self._context, self._reader = context, reader

    def offered(self, kind: str, subject: str) -> bool:
        """Return whether the reader may mark a subject, which may not be themselves."""
        own = kind == SubjectKind.AGENT and subject == self._reader.agent_id
        return (
            self._context.part(SqlFavourites) is not None
            and bool(self._reader.agent_id)
            and not own
        )

    def is_favourite(self, kind: str, subject: str) -> bool:
        """Return whether it is a favourite of the reader."""
        return (SubjectKind(kind), subject) in self._marked

    def anchor(self, kind: str, subject: str) -> str:
        """Return an anchor of the page, to come back to."""
        return f"favori-{kind}-{reference_of(subject)}"

    @cached_property
    def _marked(self) -> frozenset[tuple[SubjectKind, str]]:
        store = self._context.part(SqlFavourites)
        owned = store.of(self._reader.agent_id or "") if store else ()
        return frozenset((favourite.kind, favourite.subject) for favourite in owned)


def _check(context: AnswerContext, reader: Reader, kind: SubjectKind, subject: str) -> None:
    """Raise `NotFound` or `InvalidParameter` if the reader may not mark the subject."""
    if kind is SubjectKind.DOCUMENT:
        context.readable_card(subject, reader)
    elif kind is SubjectKind.TOPIC:
        if subject not in context.topics():
            raise NotFound("Sujet inconnu : il n’est pas dans la liste.")
    elif subject == reader.agent_id:
        raise InvalidParameter("Vous ne pouvez pas vous garder en favori.")
    else:
        shown_agent(context, reader, subject)


def _ids(owned: Sequence[Favourite], kind: SubjectKind) -> tuple[str, ...]:
    return tuple(sorted({favourite.subject for favourite in owned if favourite.kind is kind}))
