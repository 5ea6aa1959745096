"""A reader's favourites, which only they see."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from connectors.values import Agent
from expertise.topics import Topic
from expertise.visibility import may_be_shown
from indexer.access import Reader
from indexer.state import reference_of
from indexer.values import Card
from search_api.context import AnswerContext, InvalidParameter, NotFound, required
from search_api.favourites.storage import Favourite, SubjectKind
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
    """A favourite, with the document, agent or topic as the reader may see it."""

    favourite: Favourite
    document: Card | None = None
    agent: Agent | None = None
    topic: Topic | None = None

    @property
    def title(self) -> str:
        """Title of the document, name of the agent or label of the topic; empty if hidden."""
        if self.document:
            return self.document.title
        if self.agent:
            return self.agent.name
        return self.topic.label if self.topic else ""


@dataclass(frozen=True, slots=True)
class OwnFavourites:
    """A reader's favourites, newest first.

    `hidden`: those that the reader may not see any more, or that are deleted; both look the same.
    """

    shown: tuple[ShownFavourite, ...] = ()
    hidden: tuple[Favourite, ...] = ()


def own_favourites(context: AnswerContext, reader: Reader) -> OwnFavourites:
    """Return the reader's favourites, under their rights. Raises `IndexUnreachable`."""
    if context.favourites is None:
        return OwnFavourites()
    owned = context.favourites.of(reader.agent_id or "")
    documents = context.search.cards(_ids(owned, SubjectKind.DOCUMENT), reader)
    agents = context.people.agents(_ids(owned, SubjectKind.AGENT))
    topics, today = context.topics(), context.today()
    shown, hidden = [], []
    for favourite in owned:
        id_, agent = favourite.subject, None
        if favourite.kind is SubjectKind.AGENT:
            agent = agents.get(id_)
            agent = agent if agent and may_be_shown(agent, today, reader.agent_id) else None
        document = documents.get(id_) if favourite.kind is SubjectKind.DOCUMENT else None
        topic = topics.get(id_) if favourite.kind is SubjectKind.TOPIC else None
        if document or agent or topic:
            shown.append(ShownFavourite(favourite, document, agent, topic))
        else:
            hidden.append(favourite)
    return OwnFavourites(tuple(shown), tuple(hidden))


def change_favourite(
    context: AnswerContext, reader: Reader, action: FavouriteAction, kind: SubjectKind, subject: str
) -> None:
    """Add or delete a favourite; `kind` and `subject` are ignored if all are deleted.

    Raises `NotFound` for a subject that the reader may not see, `InvalidParameter` for one that
    cannot be a favourite, and `IndexUnreachable`.
    """
    store, agent_id = required(context.favourites), reader.agent_id or ""
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
        return self._context.favourites is not None and bool(self._reader.agent_id) and not own

    def is_favourite(self, kind: str, subject: str) -> bool:
        """Return whether it is a favourite of the reader."""
        return (SubjectKind(kind), subject) in self._marked

    def anchor(self, kind: str, subject: str) -> str:
        """Return an anchor of the page, to come back to."""
        return f"favori-{kind}-{reference_of(subject)}"

    @cached_property
    def _marked(self) -> frozenset[tuple[SubjectKind, str]]:
        store = self._context.favourites
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
