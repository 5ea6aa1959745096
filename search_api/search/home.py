"""The page before a question is asked: the reader's topics and sample questions.

Every document is found by a search under the reader's rights, or read under them again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.values import Agent, ContributorRole
from expertise.answer_values import BuildStatus, CommunityView
from expertise.peers import communities_of, own_topics
from expertise.topics import Topic, TopicKind
from indexer.access import Reader
from indexer.values import Card
from search_api.communities.service import Invitation, invitations
from search_api.context import AnswerContext
from search_api.query.query import Query, ResultOrder
from search_api.ranking.results import Result
from search_api.wording import in_force

SAMPLES = 4
"""Maximum number of sample questions."""
TOPICS_SEARCHED = 2
"""Number of topics, strongest first, in which samples are looked for: each needs a search."""
READ_OF_EACH = 20
"""Number of documents of a topic, or of a département, that are looked through."""
RECENT = timedelta(days=365)
"""Older documents are not shown as changes of a community's topic."""
SAMPLE_CHARACTERS = 110
"""Maximum length of a sample question, in characters: nobody types a longer one."""
_SAID = re.compile(r'["()]')


@dataclass(frozen=True, slots=True)
class Home:
    """What concerns a reader before they ask.

    `topics` are theirs, strongest first. `invitations`: communities that wait for the reader's
    answer. `samples`: questions with an accepted answer, asked in their département or on their
    topics.
    """

    topics: tuple[Topic, ...] = ()
    communities: tuple[CommunityView, ...] = ()
    invitations: tuple[Invitation, ...] = ()
    samples: tuple[str, ...] = ()


def home(context: AnswerContext, reader: Reader) -> Home:
    """Return the reader's topics and samples; empty for a reader who is not in the directory.

    Raises `IndexUnreachable`.
    """
    today = context.today()
    agent = context.people.agent(reader.agent_id or "")
    if agent is None:
        return Home()
    build = context.build()
    topics: tuple[Topic, ...] = ()
    communities: tuple[CommunityView, ...] = ()
    if not isinstance(build, BuildStatus):
        topics = own_topics(build, agent)
        communities = communities_of(build, agent)
    searched = [one for one in topics if one.kind is TopicKind.TOPIC][:TOPICS_SEARCHED]
    found = [_newest(context, reader, any_label(one), today) for one in searched]
    read = (one for some in (*found, _of_the_place(context, reader, agent, today)) for one in some)
    own = frozenset(context.people.accounts_of(agent.id))
    return Home(
        topics,
        communities,
        invitations(context, reader),
        tuple(_answered_questions(read, own)[:SAMPLES]),
    )


def news_on(context: AnswerContext, reader: Reader, topic: Topic) -> tuple[Card, ...]:
    """Return a topic's documents of the last year, newest first. Raises `IndexUnreachable`."""
    today = context.today()
    found = (one.card for one in _newest(context, reader, any_label(topic), today))
    recent = (one for one in found if (day := _day(one)) is not None and today - day <= RECENT)
    return tuple(sorted(recent, key=_newest_first))


def _newest(
    context: AnswerContext,
    reader: Reader,
    text: str,
    today: date,
    filters: dict[str, tuple[str, ...]] | None = None,
) -> tuple[Result, ...]:
    """Return documents in force, newest first."""
    asked = Query(text, filters or {}, page_size=READ_OF_EACH, order=ResultOrder.DATE)
    found = context.search.answer(asked, reader, today).results
    return tuple(one for one in found if not one.replaced_by and in_force(one.card, today))


def _of_the_place(
    context: AnswerContext, reader: Reader, agent: Agent, today: date
) -> tuple[Result, ...]:
    if not agent.departement:
        return ()
    return _newest(context, reader, "", today, {"area": (agent.departement,)})


def any_label(topic: Topic) -> str:
    """Return a query that matches any label of a topic."""
    said = [" ".join(_SAID.sub(" ", label).split()) for label in topic.labels]
    quoted = [f'"{label}"' for label in said if label]
    return f"({' OU '.join(quoted)})" if len(quoted) > 1 else "".join(quoted)


def _answered_questions(read: Iterable[Result], own: frozenset[str]) -> list[str]:
    """Return titles of others' threads with an accepted answer; those ending in `?` first."""
    titles = {}
    for one in read:
        rows = one.card.contributions
        if any(row.role is ContributorRole.ASKER and row.account in own for row in rows):
            continue
        roles = {row.role for row in rows}
        title = one.card.title.strip()
        answered = {ContributorRole.ASKER, ContributorRole.ACCEPTED_ANSWERER} <= roles
        if answered and 0 < len(title) <= SAMPLE_CHARACTERS:
            titles[title] = not title.endswith("?")
    return sorted(titles, key=lambda title: titles[title])


def _day(card: Card) -> date | None:
    moment = card.modified or card.created
    return moment.date() if moment else None


def _newest_first(card: Card) -> tuple[int, str]:
    return -(_day(card) or date.min).toordinal(), card.document_id
