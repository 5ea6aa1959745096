"""The home page's own topics and sample questions of the reader.

Every document is found by a search under the reader's rights, or checked under these rights again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from connectors.values import Agent, ContributorRole
from expertise.answer_values import BuildStatus, CommunityView
from expertise.peers import communities_of, own_topics
from expertise.topics import Topic, TopicKind
from indexer.access import Reader
from search_api.communities.service import Invitation, invitations
from search_api.context import AnswerContext
from search_api.ranking.results import Result
from search_api.topics.news import any_label, newest

SAMPLES = 4
"""Maximum number of sample questions."""
TOPICS_SEARCHED = 2
"""Number of topics, strongest first, in which samples are searched for; each topic needs a search.
"""
SAMPLE_CHARACTERS = 110
"""Maximum length of a sample question, in characters, like questions that people type."""


@dataclass(frozen=True, slots=True)
class Home:
    """The content of the home page. `topics` are the reader's own topics, strongest first.

    `invitations`: communities that wait for the reader's answer. `samples`: questions with an
    accepted answer, asked in their département or on their topics.
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
    found = [newest(context, reader, any_label(one), today) for one in searched]
    read = (one for some in (*found, _of_the_place(context, reader, agent, today)) for one in some)
    own = frozenset(context.people.accounts_of(agent.id))
    return Home(
        topics,
        communities,
        invitations(context, reader),
        tuple(_answered_questions(read, own)[:SAMPLES]),
    )


def _of_the_place(
    context: AnswerContext, reader: Reader, agent: Agent, today: date
) -> tuple[Result, ...]:
    if not agent.departement:
        return ()
    return newest(context, reader, "", today, {"area": (agent.departement,)})


def _answered_questions(read: Iterable[Result], own: frozenset[str]) -> list[str]:
    """Return titles of others' threads with an accepted answer.

    Titles that end in `?` come first.
    """
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
