"""First steps of all answers about questions to experts: the reader, and what they may read."""

import re
from collections.abc import Iterable

from connectors.values import Agent
from indexer.access import Reader, access_filter
from indexer.state import storable
from search_api.addresses import QUESTION_SOURCE
from search_api.context import AnswerContext, InvalidParameter, NotFound, required
from search_api.markdown import linked_documents
from search_api.questions.storage import Asking
from search_api.questions.values import MOST_TITLE, AskedQuestion, Thread

_ID = re.compile(r"[0-9a-f]{32}")
OTHER_TEXT = "Ce texte a changé depuis que vous l’avez lu : relisez-le, puis décidez."
_UNKNOWN = "Cette question n’existe pas, ou ne vous est pas ouverte."


def known_agent(context: AnswerContext, reader: Reader) -> Agent:
    """Return the reader's entry in the directory. Raises `NotFound`."""
    agent = context.people.agents([reader.agent_id or ""]).get(reader.agent_id or "")
    if agent is None:
        raise NotFound("L’annuaire ne vous connaît pas.")
    return agent


def readable_thread(context: AnswerContext, reader: Reader, question_id: str) -> Thread:
    """Return a question that the reader may read, with hidden texts only if they are their own.

    Raises `NotFound`, with the same text for an unknown, hidden or unreadable question.
    """
    return without_hidden(any_thread(context, reader, question_id), reader)


def without_hidden(thread: Thread, reader: Reader) -> Thread:
    """Return a question with hidden texts only if they are the reader's. Raises `NotFound`."""
    me = reader.agent_id
    if thread.question.hidden is not None and thread.question.asker_id != me:
        raise NotFound(_UNKNOWN)
    shown = (one for one in thread.answers if one.hidden is None or one.author_id == me)
    return Thread(thread.question, tuple(shown))


def any_thread(context: AnswerContext, reader: Reader, question_id: str) -> Thread:
    """Return a readable question with all hidden texts, for moderators. Raises `NotFound`."""
    questions = required(context.part(Asking)).questions
    known = _ID.fullmatch(question_id)
    thread = questions.one(question_id, with_hidden=True) if known else None
    if thread is None or not access_filter(reader).admits(thread.question.access):
        raise NotFound(_UNKNOWN)
    return thread


def open_links(context: AnswerContext, reader: Reader, texts: Iterable[str]) -> frozenset[str]:
    """Return the ids of documents that these texts link to and the reader may read.

    Raises `IndexUnreachable`.
    """
    ids = sorted(frozenset().union(*map(linked_documents, texts)))
    return frozenset(context.search.cards(ids, reader)) if ids else frozenset()


def closed_to_asker(
    context: AnswerContext, reader: Reader, question: AskedQuestion, document_ids: Iterable[str]
) -> frozenset[str]:
    """Return those of these documents that the reader may read and the question's asker may not.

    Raises `IndexUnreachable`.
    """
    if not question.asker_id or question.asker_id == reader.agent_id:
        return frozenset()
    own = context.search.cards(tuple(document_ids), reader)
    asker = required(context.part(Asking)).reader_of(question.asker_id)
    return frozenset(own) - frozenset(context.search.cards(tuple(own), asker))


def threads_on(context: AnswerContext, reader: Reader, topic_id: str) -> tuple[Thread, ...]:
    """Return questions asked here on a topic that the reader may read, newest first."""
    asking = context.part(Asking)
    if asking is None:
        return ()
    access = access_filter(reader)
    found = asking.questions.on_topic(topic_id)
    readable = (one for one in found if access.admits(one.question.access))
    return tuple(sorted(readable, key=lambda one: one.question.created, reverse=True))


def note_use(context: AnswerContext, reader: Reader, thread: Thread) -> None:
    """Store that an agent other than its asker and answerers opened a question today; no name."""
    own = {thread.question.asker_id, *(one.author_id for one in thread.answers)}
    if reader.agent_id not in own:
        required(context.part(Asking)).questions.retention.note_use(
            thread.question.id, context.today()
        )


def note_use_of_document(context: AnswerContext, reader: Reader, document_id: str) -> None:
    """Call `note_use` if the opened document is a question's."""
    source, _, question_id = document_id.partition(":")
    asking = context.part(Asking)
    if asking is None or source != QUESTION_SOURCE:
        return
    thread = asking.questions.one(question_id)
    if thread is not None:
        note_use(context, reader, thread)


def has_words(text: str) -> bool:
    """Return whether the text has visible characters: a link with a blank title cannot be seen."""
    return any(one.isprintable() and not one.isspace() for one in text)


def checked_text(text: str, most: int, empty: str = "") -> str:
    """Return the text without surrounding blanks. Raises `InvalidParameter`."""
    said = storable(text).replace("\r\n", "\n").strip()
    if empty and not has_words(said):
        raise InvalidParameter(empty)
    if len(said) > most:
        raise InvalidParameter(f"Écrivez {most} caractères au plus.")
    return said


def checked_title(title: str) -> str:
    """Return the title on one line. Raises `InvalidParameter`."""
    line = " ".join(title.split())
    return checked_text(line, MOST_TITLE, "Écrivez votre question en une phrase.")
