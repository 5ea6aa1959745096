"""The items that a reader follows, and the changes since they last saw the news.

News is found by normal searches under the reader's rights, each time it is shown. An item that the
reader may not read looks like a deleted item, and neither can be followed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from urllib.parse import parse_qsl, urlsplit

from connectors.values import ContributorRole
from expertise.answer_values import BuildStatus
from expertise.peers import own_topics
from expertise.topics import Topic, TopicKind
from indexer.access import Reader, access_filter
from indexer.sql import in_utc
from indexer.values import FACETS, Card
from search_api.addresses import (
    QUESTION_SOURCE,
    community_address,
    document_address,
    question_address,
    topic_address,
)
from search_api.context import AnswerContext, InvalidParameter, NoBuild, NotFound, required
from search_api.following.storage import (
    Follow,
    FollowKind,
    OwnFollowing,
    SqlFollowing,
    follow_kinds,
)
from search_api.query.query import QUERY_CHARACTERS, Query, ResultOrder, since
from search_api.questions.documents import KIND
from search_api.questions.reading import known_agent, readable_thread
from search_api.questions.storage import Asking
from search_api.questions.values import AskedQuestion, ReaderScope
from search_api.topics.news import any_label
from search_api.topics.service import community_topic
from search_api.verification.service import verified_documents

MOST_SEARCHED = 20
"""Maximum number of followed topics, communities and searches, since each needs a search for news.
"""
MOST_QUESTIONS = 200
"""Maximum number of followed questions."""
NEWS_DAYS = 30
"""Number of days after which a change is not news any more, even if it was not seen."""
READ_OF_EACH = 50
"""Number of newest documents of one follow that are examined."""
MOST_ADDRESS = 4_000
"""Maximum length of a saved search's address, in characters."""
_UNKNOWN = {
    FollowKind.TOPIC: "Sujet inconnu : il n’est pas dans la liste.",
    FollowKind.COMMUNITY: "Cette communauté n’existe pas, ou n’a plus assez de membres.",
    FollowKind.QUESTION: "Cette question n’existe pas, ou ne vous est pas ouverte.",
    FollowKind.SEARCH: "Cette recherche ne peut être enregistrée : elle ne cherche rien.",
}


HOME_SEARCHES = 6
"""Maximum number of searches for news on the home page; the news page runs all of them."""


class FollowAction(StrEnum):
    """Action of a click. `forget` deletes all follows, `seen` marks the news as read."""

    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    FORGET = "forget"
    SEEN = "seen"


class NewsKind(StrEnum):
    """Kind of news: a document, a question that waits for an answer, an answer to a question."""

    DOCUMENT = "document"
    WAITING = "waiting"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class ShownFollow:
    """A followed item, as the reader may see it. `address`: the address of its page."""

    follow: Follow
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class OwnFollows:
    """Items that a reader follows, newest first.

    `hidden`: items that the reader may not see any more, or that are deleted; both look the same.
    """

    follows: tuple[ShownFollow, ...] = ()
    hidden: tuple[Follow, ...] = ()
    seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewsItem:
    """News that the reader may read. `document_id` is set for questions too.

    `entity`: path of the entity that published it, or to which the question is limited.
    """

    kind: NewsKind
    title: str
    address: str
    document_id: str
    moment: datetime
    entity: str = ""


@dataclass(frozen=True, slots=True)
class FollowNews:
    """The news of one follow, newest first. `more`: not all documents were examined."""

    shown: ShownFollow
    items: tuple[NewsItem, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """The news of a reader's follows and own topics.

    A document with news of several follows is only listed under the first. `follows`: whether there
    is a follow or a topic that the reader may see. `since`: the time from which changes count, None
    without follows and topics. `left`: number of follows and topics that were not searched.
    """

    found: tuple[FollowNews, ...] = ()
    follows: bool = False
    since: datetime | None = None
    left: int = 0

    @property
    def count(self) -> int:
        """Number of news items."""
        return sum(len(one.items) for one in self.found)

    @property
    def more(self) -> bool:
        """Whether there may be more news than `count`."""
        return bool(self.left) or any(one.more for one in self.found)

    def newest(self, most: int) -> list[tuple[NewsItem, ShownFollow]]:
        """Return the newest items, each with the follow or topic that it belongs to."""
        items = [(item, one.shown) for one in self.found for item in one.items]
        return sorted(items, key=lambda pair: pair[0].moment, reverse=True)[:most]


def own_follows(context: AnswerContext, reader: Reader) -> OwnFollows | None:
    """Return the reader's follows, under their rights; None if following is off.

    Raises `IndexUnreachable`.
    """
    following = context.part(SqlFollowing)
    if following is None or reader.agent_id is None:
        return None
    kept = following.of(reader.agent_id)
    shown = {one: _shown(context, reader, one) for one in kept.follows}
    return OwnFollows(
        tuple(found for found in shown.values() if found),
        tuple(one for one, found in shown.items() if found is None),
        kept.seen,
    )


def change_follow(
    context: AnswerContext,
    reader: Reader,
    action: FollowAction,
    kind: FollowKind = FollowKind.SEARCH,
    subject: str = "",
) -> None:
    """Follow an item, stop following it, or mark the news as read.

    Raises `NotFound` for an unknown or unreadable item, `InvalidParameter` for an item that cannot
    be followed, and `IndexUnreachable`.
    """
    following, agent = required(context.part(SqlFollowing)), known_agent(context, reader)
    if action is FollowAction.SEEN:
        following.see(agent.id)
    elif action is FollowAction.FORGET:
        if following.of(agent.id).follows:
            following.unfollow_all(agent.id)
    elif action is FollowAction.UNFOLLOW:
        this = _canonical(kind, subject)
        if this in follow_kinds(following.of(agent.id).follows)[kind]:
            following.unfollow(agent.id, kind, this)
    else:
        _follow(context, reader, following, kind, _canonical(kind, subject))


def news(
    context: AnswerContext,
    reader: Reader,
    after: datetime | None = None,
    until: datetime | None = None,
    most_searches: int | None = None,
    with_topics: bool = True,
) -> News:
    """Return readable changes of the reader's follows and own topics.

    Changes count from the moment at which the reader last marked the news as read, for at most
    `NEWS_DAYS`. `after` and `until` select another period. Changes before a follow began never
    count. A document counts by its own date; a date without a time counts as the end of its day.
    `most_searches`: maximum number of topics, communities and searches to search, None for all.
    Without `with_topics`, only follows count. Raises `IndexUnreachable`.
    """
    following = context.part(SqlFollowing)
    if reader.agent_id is None or not (following or with_topics):
        return News()
    kept = following.of(reader.agent_id) if following else OwnFollowing()
    day_ends = datetime.combine(context.today(), time.max, UTC)
    moment = until or (following.now() if following else day_ends)
    begins = max(after or kept.seen or datetime.min.replace(tzinfo=moment.tzinfo), _floor(moment))
    period = _Period(begins, until)
    own = frozenset(context.people.accounts_of(reader.agent_id))
    found, seen, shown_any, searches, left = [], set[str](), False, 0, 0
    topics = _own_topics(context, reader, kept, begins) if with_topics else ()
    for follow in (*kept.follows, *topics):
        shown = _shown(context, reader, follow)
        if shown is None:
            continue
        shown_any = True
        if follow.kind is not FollowKind.QUESTION:
            if searches == most_searches:
                left += 1
                continue
            searches += 1
        items, more = _new_of(context, reader, follow, period.from_(follow.since), own)
        new = [one for one in items if one.document_id not in seen]
        seen |= {one.document_id for one in new}
        if new:
            found.append(FollowNews(shown, tuple(new), more))
    return News(tuple(found), shown_any, begins if shown_any else None, left)


def _own_topics(
    context: AnswerContext, reader: Reader, kept: OwnFollowing, since: datetime
) -> Iterator[Follow]:
    """Yield the reader's own topics that they do not follow, as follows, strongest first."""
    build, agent = context.build(), context.people.agent(reader.agent_id or "")
    if isinstance(build, BuildStatus) or agent is None:
        return
    followed = follow_kinds(kept.follows)[FollowKind.TOPIC]
    own = (one.id for one in own_topics(build, agent) if one.kind is TopicKind.TOPIC)
    for topic_id in islice((one for one in own if one not in followed), MOST_SEARCHED):
        yield Follow(FollowKind.TOPIC, topic_id, since)


class PageFollows:
    """State of the follow buttons of a page; the store is read when the first button is shown."""

    def __init__(self, context: AnswerContext, reader: Reader) -> None:
        self._context, self._reader = context, reader

    def offered(self) -> bool:
        """Return whether the reader may follow anything here."""
        return self._context.part(SqlFollowing) is not None and self._reader.agent_id is not None

    def can(self, kind: str, subject: str) -> bool:
        """Return whether the reader may follow an item; a search may be too long to save."""
        try:
            _canonical(FollowKind(kind), subject)
        except InvalidParameter:
            return False
        return self.offered()

    def has(self, kind: str, subject: str) -> bool:
        """Return whether the reader follows an item."""
        following, agent_id = self._context.part(SqlFollowing), self._reader.agent_id
        if following is None or agent_id is None:
            return False
        wanted, follows = FollowKind(kind), following.follows_of(agent_id)
        return _canonical(wanted, subject) in follow_kinds(follows)[wanted]


@dataclass(frozen=True, slots=True)
class _Period:
    """A period after `begins`, and up to `ends` if it has an end."""

    begins: datetime
    ends: datetime | None

    def from_(self, moment: datetime) -> "_Period":
        return _Period(max(self.begins, moment), self.ends)

    def holds(self, moment: datetime) -> bool:
        return self.begins < moment and (self.ends is None or moment <= self.ends)


def _floor(moment: datetime) -> datetime:
    """Return the beginning of the first day of news, which does not change within a day."""
    first = moment - timedelta(days=NEWS_DAYS)
    return first.replace(hour=0, minute=0, second=0, microsecond=0)


def _new_of(
    context: AnswerContext, reader: Reader, follow: Follow, period: _Period, own: frozenset[str]
) -> tuple[Sequence[NewsItem], bool]:
    if follow.kind is FollowKind.QUESTION:
        return list(_answers(context, reader, follow.subject, period)), False
    if follow.kind is FollowKind.SEARCH:
        return _documents(context, reader, _read_address(follow.subject), period, own)
    topic = context.topics().get(follow.subject)
    if topic is None:
        return [], False
    items, more = _documents(context, reader, Query(any_label(topic)), period, own)
    asked = _questions(context, reader, topic, period)
    found = {one.document_id: one for one in (*items, *asked)}
    return sorted(found.values(), key=lambda one: (one.moment, one.title), reverse=True), more


def _questions(
    context: AnswerContext, reader: Reader, topic: Topic, period: _Period
) -> Iterator[NewsItem]:
    """Yield readable questions that were asked on the topic."""
    asking = context.part(Asking)
    if asking is None:
        return
    access = access_filter(reader)
    for thread in asking.questions.on_topic(topic.id, period.begins):
        one = thread.question
        readable = access.admits(one.access) and one.asker_id != reader.agent_id
        moment = max((one.modified, *(answer.written for answer in thread.answers)))
        if readable and period.holds(moment):
            kind = NewsKind.WAITING if thread.waits else NewsKind.DOCUMENT
            yield _news_of(one, kind, moment)


def _documents(
    context: AnswerContext,
    reader: Reader,
    followed: Query,
    period: _Period,
    own: frozenset[str],
) -> tuple[Sequence[NewsItem], bool]:
    """Return a search's documents of the period, newest first, and whether there may be more."""
    narrowed = since(followed.text, period.begins.date())
    asked = followed.but(
        text=followed.text if narrowed is None else narrowed,  # a pasted text has no operators
        page_size=READ_OF_EACH,
        order=ResultOrder.DATE,
        only=verified_documents(context) if followed.verified else None,
    )
    results = context.search.answer(asked, reader, context.today())
    items = []
    for card in (one.card for one in results.results):
        moment = _moment(card)
        if moment is not None and period.holds(moment) and not _asked_by(card, own):
            address_of = document_address(card.document_id)
            kind = NewsKind.WAITING if _waits(card) else NewsKind.DOCUMENT
            items.append(
                NewsItem(kind, card.title, address_of, card.document_id, moment, card.entity)
            )
    return items, results.more and len(items) == len(results.results)


def _answers(
    context: AnswerContext, reader: Reader, question_id: str, period: _Period
) -> Iterator[NewsItem]:
    """Yield other agents' new answers to a readable question, without counting a use of it."""
    try:
        thread = readable_thread(context, reader, question_id)
    except NotFound:
        return
    given = [
        one.written
        for one in thread.answers
        if one.author_id != reader.agent_id and period.holds(one.written)
    ]
    if given:
        yield _news_of(thread.question, NewsKind.ANSWER, max(given))


def _news_of(one: AskedQuestion, kind: NewsKind, moment: datetime) -> NewsItem:
    entity = one.scope_id if one.scope is ReaderScope.ENTITY else ""
    return NewsItem(kind, one.title, question_address(one.id), one.document_id, moment, entity)


def _moment(card: Card) -> datetime | None:
    """Return when a document was changed or created; the end of the day if it has no time."""
    written = card.modified or card.created
    if written is None:
        return None
    moment = in_utc(written)
    whole_day = moment.hour == moment.minute == moment.second == 0
    return moment + timedelta(days=1) if whole_day else moment


def _waits(card: Card) -> bool:
    answering = {ContributorRole.ANSWERER, ContributorRole.ACCEPTED_ANSWERER}
    roles = {row.role for row in card.contributions}
    return (ContributorRole.ASKER in roles and not roles & answering) or (
        card.kind == KIND and card.source == QUESTION_SOURCE and not roles & answering
    )


def _asked_by(card: Card, own: frozenset[str]) -> bool:
    return any(
        row.role is ContributorRole.ASKER and row.account in own for row in card.contributions
    )


def _follow(
    context: AnswerContext, reader: Reader, following: SqlFollowing, kind: FollowKind, subject: str
) -> None:
    if context.consent and context.consent.has_withdrawn(reader.agent_id or ""):
        raise InvalidParameter(
            "Vous êtes en retrait du service : revenez-y dans « Préférences » pour suivre."
        )
    if _shown(context, reader, Follow(kind, subject, following.now())) is None:
        raise NotFound(_UNKNOWN[kind])
    kept = follow_kinds(following.of(reader.agent_id or "").follows)
    if subject in kept[kind]:
        return
    questions = len(kept[FollowKind.QUESTION])
    others = sum(map(len, kept.values())) - questions
    number, most = (
        (questions, MOST_QUESTIONS) if kind is FollowKind.QUESTION else (others, MOST_SEARCHED)
    )
    if number >= most:
        raise InvalidParameter(
            f"Vous en suivez déjà {most} : retirez-en dans « Préférences » d’abord."
        )
    following.follow(reader.agent_id or "", kind, subject)


def _shown(context: AnswerContext, reader: Reader, follow: Follow) -> ShownFollow | None:
    """Return the followed item with its title.

    The result is None if the item is deleted or the reader may not see it.
    """
    subject = follow.subject
    if follow.kind is FollowKind.SEARCH:
        address = _read_address(subject)
        return ShownFollow(follow, _search_title(address), subject) if str(address) != "/" else None
    try:
        if follow.kind is FollowKind.QUESTION:
            question = readable_thread(context, reader, subject).question
            return ShownFollow(follow, question.title, question_address(question.id))
        if follow.kind is FollowKind.COMMUNITY:
            topic = community_topic(context, subject)
            title = f"Communauté « {topic.label} »"
            return ShownFollow(follow, title, community_address(topic))
    except (NotFound, NoBuild):
        return None
    known = context.topics().get(subject)
    return ShownFollow(follow, known.label, topic_address(known)) if known else None


def _canonical(kind: FollowKind, subject: str) -> str:
    """Return the canonical form of a subject. Raises `InvalidParameter` for too long a search."""
    if kind is not FollowKind.SEARCH:
        return subject
    address = str(_read_address(subject))
    if len(address) > MOST_ADDRESS:
        raise InvalidParameter("Cette recherche est trop longue pour être enregistrée.")
    return address


def _read_address(written: str) -> Query:
    """Return the search of an address: only its words and filters count."""
    try:
        pairs = parse_qsl(urlsplit(written).query)
    except ValueError:
        pairs = []
    filters: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if name in FACETS and value not in filters.get(name, ()):
            filters[name] = (*filters.get(name, ()), value)
    said = [value for name, value in pairs if name == "q"]
    text = " ".join(said[0].split())[:QUERY_CHARACTERS] if said else ""
    said_so = {name for name, value in pairs if value == "1"}
    return Query(text, filters, wide="wide" in said_so, verified="verified" in said_so)


def _search_title(query: Query) -> str:
    chosen = [value for _, value in query.chosen]
    narrowed = ", ".join([*chosen, *(["vérifiés par leur auteur"] if query.verified else [])])
    said = f"« {query.text} »" if query.text else "Tous les documents"
    return f"Recherche : {said}{f' ({narrowed})' if narrowed else ''}"
