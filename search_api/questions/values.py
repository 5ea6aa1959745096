"""Values of a question to experts: the question, the requests to agents, the answers.

The recipients of a question are chosen and ordered once, when it is asked (`choosing`). It goes to
one of them at a time, then to the community of its topic, then to the topic's animator. Nobody else
is told that an agent declined or let the time pass.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from connectors.values import APPLICATION_AUTHORITY, EVERYONE, Access
from indexer.state import digest
from search_api.addresses import question_document

MOST_TITLE = 200
"""Maximum length of a question's title, in characters: one sentence."""
MOST_TEXT = 10_000
"""Maximum length of a question or an answer, in characters: about three pages."""
MOST_REASON = 500
"""Maximum length of a reason, or of what is missing, in characters."""
MOST_LISTED = 200
"""Maximum number of questions or texts shown in one list."""
MOST_ASKED = 3
"""Maximum number of agents asked one question: as many as a search names."""


class ReaderScope(StrEnum):
    """Agents who may read a question. The asker chooses the scope, and nothing widens it.

    `COMMUNITY`: its members on the day of asking who have not left it since.
    """

    EVERYBODY = "everybody"
    COMMUNITY = "community"
    ENTITY = "entity"


class QuestionStage(StrEnum):
    """The agents whose turn it is to answer a question."""

    EXPERTS = "experts"
    COMMUNITY = "community"
    ANIMATOR = "animator"
    ANSWERED = "answered"


class RequestState(StrEnum):
    """State of a question's request to one agent."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    PASSED_ON = "passed_on"
    EXPIRED = "expired"
    ANSWERED = "answered"


UNDECIDED = frozenset({RequestState.WAITING, RequestState.ACCEPTED})
"""States in which the question still waits for this agent."""


class _Text:
    """Times at which the text of a question or an answer was created and corrected."""

    __slots__ = ()
    created: datetime
    corrected: tuple[datetime, ...]

    @property
    def written(self) -> datetime:
        """Time of the last change of the text."""
        return self.corrected[-1] if self.corrected else self.created

    @property
    def corrected_on(self) -> tuple[date, ...]:
        """Days on which the text was corrected, earliest first."""
        return tuple(dict.fromkeys(one.date() for one in self.corrected))


@dataclass(frozen=True, slots=True)
class AskedQuestion(_Text):
    """A question. `topic_id` is empty if no topic was chosen.

    `scope_id`: the topic of a community or the path of an entity; empty for everybody. `named`: the
    asker's name may be shown; it becomes true when an agent accepts to answer. `until`: end of the
    stage, None for the last stages. `missing`: what the asker finds missing in the answers.
    `asker_id` is empty once the asker was erased. `hidden`: the reason why only its asker sees it,
    None if it is visible; `outdated`: hidden because it is a former text from a restored database.
    `corrected`: times at which its asker changed the text; former texts are not kept. `modified`
    also changes with its answers. `readers`: ids of the community's members when it was asked; None
    if they were not stored (by versions before 0.2.0), so that only the asker reads it.
    """

    id: str
    asker_id: str
    title: str
    text: str
    created: datetime
    modified: datetime
    topic_id: str = ""
    scope: ReaderScope = ReaderScope.EVERYBODY
    scope_id: str = ""
    named: bool = True
    stage: QuestionStage = QuestionStage.EXPERTS
    until: datetime | None = None
    missing: str = ""
    hidden: str | None = None
    corrected: tuple[datetime, ...] = ()
    readers: frozenset[str] | None = frozenset()
    outdated: bool = False

    @property
    def text_digest(self) -> str:
        """Digest that identifies exactly this text when a moderator decides on it."""
        return digest_of_text(self.title, self.text)

    @property
    def document_id(self) -> str:
        """Id of the question's document."""
        return question_document(self.id)

    @property
    def access(self) -> Access:
        """Access list of the question's document; it includes the asker."""
        if self.scope is ReaderScope.EVERYBODY:
            return Access(frozenset({EVERYONE}))
        asker = {f"agent:{self.asker_id}"} if self.asker_id else set()
        if self.scope is ReaderScope.ENTITY:
            return Access(frozenset({entity_principal(self.scope_id), *asker}))
        members = {f"agent:{one}" for one in self.readers or ()}
        # Agents who left the community are denied, even after an older database is restored.
        return Access(frozenset(members | asker), frozenset({left_principal(self.scope_id)}))


def entity_principal(path: str) -> str:
    """Return the principal of an entity's agents."""
    return f"{APPLICATION_AUTHORITY}:entity:{path}"


def left_principal(topic_id: str) -> str:
    """Return the principal of the agents who left the community of a topic."""
    return f"{APPLICATION_AUTHORITY}:left:{topic_id}"


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """The request to one agent to answer. `until`: when the question goes to the next agent.

    `reason`: why it was passed on. `decided`: when the agent accepted, declined or passed it on;
    None if they did not.
    """

    question_id: str
    agent_id: str
    state: RequestState
    asked: datetime
    until: datetime
    reason: str = ""
    decided: datetime | None = None


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Why an agent passed a question on. `on`: the day, None if it was not stored."""

    reason: str
    on: date | None


def is_with_somebody(requests: Sequence[AgentRequest], moment: datetime) -> bool:
    """Return whether the asker is told that somebody has the question.

    An agent who declined counts until their time is over, like one who is silent: nobody can tell
    the two apart. An agent who passed it on or answered does not: the asker is told of both.
    """
    told = {RequestState.PASSED_ON, RequestState.ANSWERED}
    return any(one.state not in told and one.until > moment for one in requests)


@dataclass(frozen=True, slots=True)
class GivenAnswer(_Text):
    """An answer, in its current version. `corrected`: times of changes; former texts are not kept.

    `author_id` is empty once the author was erased. `hidden`: the reason why only its author sees
    it, None if it is visible; `outdated`: as in `AskedQuestion`. `valid_until`: the last day on
    which it is right, according to its author, or None.
    """

    id: str
    question_id: str
    author_id: str
    text: str
    created: datetime
    corrected: tuple[datetime, ...] = ()
    accepted: bool = False
    thanked: bool = False
    hidden: str | None = None
    valid_until: date | None = None
    outdated: bool = False

    @property
    def text_digest(self) -> str:
        """Digest that identifies exactly this text when a moderator decides on it."""
        return digest_of_text("", self.text)


def digest_of_text(title: str, text: str) -> str:
    """Return the digest that identifies exactly this text; `title` is empty for an answer."""
    return digest(f"{title}\n{text}")[:32]


@dataclass(frozen=True, slots=True)
class Thread:
    """A question with its answers: the accepted answer first, then by date."""

    question: AskedQuestion
    answers: tuple[GivenAnswer, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether no agent but the asker has answered, or the asker finds something missing."""
        asker_id = self.question.asker_id
        answered = any(not asker_id or one.author_id != asker_id for one in self.answers)
        return not answered or bool(self.question.missing)

    @property
    def awaits_asker(self) -> bool:
        """Whether another agent answered, and the asker did not accept, thank or ask for more."""
        told = self.question.stage is QuestionStage.ANSWERED or bool(self.question.missing)
        others = [one for one in self.answers if one.author_id != self.question.asker_id]
        return bool(others) and not told and not any(one.thanked for one in others)

    def shows_author(self, answer: GivenAnswer) -> bool:
        """Return whether an answer's author may be shown: not if it is the unnamed asker."""
        return self.question.named or answer.author_id != self.question.asker_id


@dataclass(frozen=True, slots=True)
class QuestionLoad:
    """How many questions an agent was asked in seven days, and how many they may be asked.

    `usual`: how many if they choose no number.
    """

    this_week: int
    per_week: int
    usual: int


@dataclass(frozen=True, slots=True)
class AskingPreferences:
    """An agent's choices about the questions that they receive.

    `topics`: ids, empty for every topic. `per_week`: from 0 to `MOST_PER_WEEK`, None for the limit
    of the settings. `absent_until`: the last day on which nothing is asked.
    """

    receives: bool = True
    topics: tuple[str, ...] = ()
    per_week: int | None = None
    absent_until: date | None = None

    def is_absent(self, today: date) -> bool:
        """Return whether the agent is away on a day."""
        return self.absent_until is not None and today <= self.absent_until


MOST_PER_WEEK = 20
"""Highest weekly number of questions that an agent may choose to receive."""


@dataclass(frozen=True, slots=True)
class AskingRules:
    """Rules of the settings. `hidden_names`: an asker may stay unnamed until an agent accepts.

    `answer_days`: days that one agent or a community has before the question goes on. `per_week`:
    questions in seven days for an agent who set no limit. `asked_per_day`, `answered_per_day`,
    `reported_per_day`, `found_per_day`: how many questions, answers, reports and «Cela répond» one
    agent may give in 24 hours. `hidden_names_entities`: entities whose agents, and those of the
    entities below, may stay unnamed; empty for all.
    """

    answer_days: int = 3
    per_week: int = 2
    asked_per_day: int = 5
    hidden_names: bool = False
    hidden_names_entities: tuple[str, ...] = ()
    answered_per_day: int = 30
    reported_per_day: int = 10
    found_per_day: int = 30

    def may_hide_name(self, entities: Collection[str]) -> bool:
        """Return whether an agent of these `entities` (theirs and its parents) may stay unnamed."""
        chosen = self.hidden_names_entities
        return self.hidden_names and (not chosen or not set(chosen).isdisjoint(entities))


@dataclass(frozen=True, slots=True)
class TextReport:
    """A reader's report that a text should not be there. `answer_id` is empty for the question.

    Only the reader sees that they reported it. `decided`: a moderator has decided on it.
    `outdated`: it only says that an answer is no longer right, and its author reads it too.
    """

    question_id: str
    answer_id: str
    agent_id: str
    reason: str
    created: datetime
    decided: bool = False
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class OwnAsking:
    """Everything stored here about one agent, for their own page and their export.

    `planned`: ids of the questions that they may be asked in their turn, or were chosen for.
    `readable`: ids of the questions that they may read as a member of the community when it was
    asked.
    """

    preferences: AskingPreferences
    questions: tuple[AskedQuestion, ...] = ()
    answers: tuple[GivenAnswer, ...] = ()
    requests: tuple[AgentRequest, ...] = ()
    planned: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    reports: tuple[TextReport, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenQuestionFigures:
    """Number of questions open to everybody, and how many another agent answered.

    `median`: time to the first such answer, None if no question has one. `found_again`: how often
    «Cela répond» was said of such a question, so that it was not asked again. Restricted questions
    are not counted: a number would tell others that one was asked.
    """

    asked: int = 0
    answered: int = 0
    median: timedelta | None = None
    found_again: int = 0
