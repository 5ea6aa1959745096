"""Feeds of a search, a topic and open questions, and all results of a search. Each is one value.

All of them are answers of the core under the reader's rights. A feed reader asks again every hour
without anybody asking a question, so that nothing is written to the query log.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from indexer.access import Reader
from indexer.sql import in_utc
from quisait_feeds.storage import SqlFeedTokens
from search_api.addresses import document_address, question_address, topic_address
from search_api.context import AnswerContext, NotFound
from search_api.following.service import own_follows
from search_api.query.query import Query, ResultOrder
from search_api.query_log.recording import NoQueryLog
from search_api.questions.service import own_questions
from search_api.questions.storage import Asking
from search_api.questions.values import AskedQuestion
from search_api.search.filters import require_known_filters
from search_api.search.responses import search_answer
from search_api.search.schemas import DocumentBody, SearchBody
from search_api.search.service import answer_question
from search_api.topics.news import any_label

MOST_ENTRIES = 50
"""Maximum number of entries of a feed."""
MOST_ROWS = 1_000
"""Maximum number of results in a CSV file."""
ROWS_AT_ONCE = 100
"""Number of results that one search returns for a CSV file."""


@dataclass(frozen=True, slots=True)
class Feeds:
    """Dependencies of feeds. `reader_of` returns what an agent may read now."""

    tokens: SqlFeedTokens
    reader_of: Callable[[str], Reader]


@dataclass(frozen=True, slots=True)
class Entry:
    """A document or a question. `page` is the path of its page on this site."""

    page: str
    title: str
    updated: datetime
    authors: tuple[str, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest entries first, at most `MOST_ENTRIES`. `page`: the path of the same on a page."""

    title: str
    page: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """A feed that the agent may want. `path` follows the token in the feed's address."""

    title: str
    path: str


def search_feed(context: AnswerContext, reader: Reader, query: Query) -> Feed:
    """Return a search's newest documents; documents without a date have no place in a feed.

    Raises `InvalidParameter` for unknown filters, and `IndexUnreachable`.
    """
    require_known_filters(context, reader, query.filters)
    dated = replace(query, page=1, order=ResultOrder.DATE, as_typed=True)
    found = _answer(context, reader, replace(dated, page_size=MOST_ENTRIES))
    return Feed(_search_title(query), str(dated), tuple(_newest(map(_entry, found.documents))))


def topic_feed(context: AnswerContext, reader: Reader, topic_id: str) -> Feed:
    """Return the newest documents with a label of a topic.

    Raises `NotFound` for an unknown topic, `NoBuild` and `IndexUnreachable`.
    """
    context.required_build()
    topic = context.topics().get(topic_id)
    if topic is None:
        raise NotFound("Sujet inconnu : il n’est pas dans la liste.")
    found = search_feed(context, reader, Query(any_label(topic) or topic.label))
    return replace(found, title=f"Sujet : {topic.label}", page=topic_address(topic))


def questions_feed(context: AnswerContext, reader: Reader) -> Feed:
    """Return others' newest open questions, without telling which were put to the reader.

    Raises `NotFound` if questions are off, and `IndexUnreachable`.
    """
    own = own_questions(context, reader)
    asked = [question for _, question in own.waiting]
    asked += [*own.of_communities, *own.animated]
    asked += [*own.open_on_topics, *own.open_nearby, *own.open_elsewhere]
    entries = {one.id: _question_entry(one) for one in asked}
    return Feed("Questions sans réponse", "/questions", tuple(_newest(iter(entries.values()))))


def all_results(context: AnswerContext, reader: Reader, query: Query) -> tuple[DocumentBody, ...]:
    """Return the documents of all pages of a search in their order, at most `MOST_ROWS`.

    Raises `InvalidParameter` for unknown filters, and `IndexUnreachable`.
    """
    require_known_filters(context, reader, query.filters)
    documents: dict[str, DocumentBody] = {}
    for page in range(1, MOST_ROWS // ROWS_AT_ONCE + 1):
        found = _answer(context, reader, replace(query, page=page, page_size=ROWS_AT_ONCE))
        documents |= {one.id: one for one in found.documents}
        if not found.more:
            break
        if found.instead and found.did_you_mean:  # the further pages are those of this wording
            query = replace(query, text=found.did_you_mean, as_typed=True)
    return tuple(documents.values())


def feed_addresses(context: AnswerContext, reader: Reader, page: str) -> tuple[FeedAddress, ...]:
    """Return the feeds of a page, of open questions, and of what the reader follows.

    `page` is the address of the page of a search or a topic, or empty. Raises `IndexUnreachable`.
    """
    follows = own_follows(context, reader)
    named = [("La page d’où vous venez", _feed_path(page))]
    named += [("Les questions sans réponse", "questions")] if context.part(Asking) else []
    named += [(one.title, _feed_path(one.address)) for one in (follows.follows if follows else ())]
    found: dict[str, FeedAddress] = {}
    for title, path in named:
        if path:
            found.setdefault(path, FeedAddress(title, path))
    return tuple(found.values())


def _feed_path(address: str) -> str:
    """Return the feed's path for a page; empty for a page that has no feed."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.path == "/" and parts.query:
        return f"recherche?{urlencode(parse_qsl(parts.query))}"
    topic_id = unquote(parts.path.removeprefix("/topics/"))
    return f"sujet/{quote(topic_id, safe=':')}" if parts.path.startswith("/topics/") else ""


def _answer(context: AnswerContext, reader: Reader, query: Query) -> SearchBody:
    unnoted = replace(context, query_log=NoQueryLog())
    return search_answer(answer_question(unnoted, reader, query), context.today())


def _search_title(query: Query) -> str:
    chosen = [value for _, value in query.chosen]
    return f"Recherche : {', '.join(filter(None, [query.text.strip(), *chosen])) or 'tout'}"


def _newest(entries: Iterator[Entry | None]) -> list[Entry]:
    dated = filter(None, entries)
    return sorted(dated, key=lambda one: (one.updated, one.page), reverse=True)[:MOST_ENTRIES]


def _entry(document: DocumentBody) -> Entry | None:
    moment, passage = document.modified or document.created, document.passage
    if moment is None:
        return None
    authors = dict.fromkeys(one.name for one in document.authors if one.name)
    summary = passage.text[slice(*passage.excerpt)] if passage else ""
    page = document_address(document.id)
    return Entry(page, document.title, in_utc(moment), tuple(authors), summary)


def _question_entry(question: AskedQuestion) -> Entry:
    return Entry(question_address(question.id), question.title, in_utc(question.modified))
