"""The values of a question to those who know: the question, whom it was asked, its answers.

The recipients of a question are chosen and ordered once, when it is asked (`choosing`). It goes to
one of them at a time; then to the community of its topic; then to whoever animates the topic. Only
the agents themselves are told who declined and who let the time pass.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from connectors.values import APPLICATION_AUTHORITY, EVERYONE, Access
from indexer.state import digest

SOURCE = "questions"
"""The source whose documents are questions with their answers."""
AUTHORITY = APPLICATION_AUTHORITY
"""What vouches for the principals of entities and communities: the directory and the build."""
MOST_TITLE = 200
"""Characters of a question's title: one sentence."""
MOST_TEXT = 10_000
"""Characters of a question or an answer: some three pages."""
MOST_REASON = 500
"""Characters of a reason, or of what is missing."""
MOST_LISTED = 200
"""So many questions or texts of one list at most are shown."""
MOST_ASKED = 3
"""So many agents at most are asked one question: as many as a search names."""


class ReaderScope(StrEnum):
    """Who may read a question: the asker chooses, and nothing widens it.

    Of a community, its members on the day of asking who did not leave it since.
    """

    EVERYBODY = "everybody"
    COMMUNITY = "community"
    ENTITY = "entity"


class QuestionStage(StrEnum):
    """Whose turn it is to answer."""

    EXPERTS = "experts"
    COMMUNITY = "community"
    ANIMATOR = "animator"
    ANSWERED = "answered"


class RequestState(StrEnum):
    """Where one agent who is asked stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    PASSED_ON = "passed_on"
    EXPIRED = "expired"
    ANSWERED = "answered"


UNDECIDED = frozenset({RequestState.WAITING, RequestState.ACCEPTED})
"""The question still waits for this agent."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question. `topic_id` is empty where none was chosen.

    `scope_id`: the topic of a community, or the path of an entity; empty for everybody. `named`:
    the asker's name may be shown; else it is once somebody accepts to answer. `until` is when the
    stage ends, None for the last ones. `missing`: what the asker said the answers lack.
    `asker_id` is empty once what was kept of the asker was erased. `hidden`: why it is shown to its
    asker alone, None where it is shown; `outdated`: because this is a former text, that a restored
    database brought back. `corrected`: when its asker changed the text; no former one is kept.
    `modified` is of its answers too. `readers`: ids of the members of its community when it was
    asked; None while they are not chosen yet, and then the asker alone reads it.
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
    def written(self) -> datetime:
        """When the text became what it is; `modified` is of the answers too."""
        return self.corrected[-1] if self.corrected else self.created

    @property
    def text_digest(self) -> str:
        """Names this very text to who decides on it."""
        return _text_digest(self.title, self.text)

    @property
    def corrected_on(self) -> tuple[date, ...]:
        """The days on which it was corrected."""
        return _days(self.corrected)

    @property
    def document_id(self) -> str:
        """The id of its document."""
        return question_document(self.id)

    @property
    def access(self) -> Access:
        """Who may read it, the asker among them."""
        if self.scope is ReaderScope.EVERYBODY:
            return Access(frozenset({EVERYONE}))
        asker = {f"agent:{self.asker_id}"} if self.asker_id else set()
        if self.scope is ReaderScope.ENTITY:
            return Access(frozenset({scope_principal(self.scope, self.scope_id), *asker}))
        members = {f"agent:{one}" for one in self.readers or ()}
        # Who leaves the community reads it no more, whatever copy of the database is in use.
        return Access(frozenset(members | asker), frozenset({left_principal(self.scope_id)}))


def question_document(question_id: str) -> str:
    """The id of a question's document."""
    return f"{SOURCE}:{question_id}"


def scope_principal(scope: ReaderScope, scope_id: str) -> str:
    """The principal of an entity's agents."""
    return f"{AUTHORITY}:{scope.value}:{scope_id}"


def left_principal(topic_id: str) -> str:
    """The principal of the agents who left the community of a topic."""
    return f"{AUTHORITY}:left:{topic_id}"


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """An agent who is asked. `until`: when it goes to the next. `reason`: why it was passed on.

    `decided`: when the agent accepted, declined or passed it on; None if they did not.
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
    """An agent passed a question on, and why. `on` is None if the day was not kept."""

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
class GivenAnswer:
    """An answer as it is now. `corrected`: when it was corrected; no former text is kept.

    `author_id` is empty once what was kept of the author was erased. `hidden`: why it is shown to
    its author alone, None where it is shown; `outdated` as of a question. `valid_until`: the last
    day on which it is right, as its author says; None for no such day.
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
    def modified(self) -> datetime:
        """When the text became what it is."""
        return self.corrected[-1] if self.corrected else self.created

    @property
    def text_digest(self) -> str:
        """Names this very text to who decides on it."""
        return _text_digest("", self.text)

    @property
    def corrected_on(self) -> tuple[date, ...]:
        """The days on which it was corrected."""
        return _days(self.corrected)


def _text_digest(title: str, text: str) -> str:
    return digest(f"{title}\n{text}")[:32]


def _days(moments: Collection[datetime]) -> tuple[date, ...]:
    """Each day once, the earliest first."""
    return tuple(dict.fromkeys(one.date() for one in moments))


@dataclass(frozen=True, slots=True)
class Thread:
    """A question with its answers: the accepted one first, then by date."""

    question: AskedQuestion
    answers: tuple[GivenAnswer, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether nobody but the asker answered, or the answers lack something."""
        asker_id = self.question.asker_id
        answered = any(not asker_id or one.author_id != asker_id for one in self.answers)
        return not answered or bool(self.question.missing)

    @property
    def awaits_asker(self) -> bool:
        """Whether another answered, and the asker has said nothing of it: no help, lack, thanks."""
        told = self.question.stage is QuestionStage.ANSWERED or bool(self.question.missing)
        others = [one for one in self.answers if one.author_id != self.question.asker_id]
        return bool(others) and not told and not any(one.thanked for one in others)

    def shows_author(self, answer: GivenAnswer) -> bool:
        """Whether an answer's author may be shown: not the asker's, while they are unnamed."""
        return self.question.named or answer.author_id != self.question.asker_id


@dataclass(frozen=True, slots=True)
class AskingPreferences:
    """What an agent sets about the questions that they receive.

    `topics`: ids, empty for every topic. `per_week` is from 0 to `MOST_PER_WEEK`, None for what
    the settings say. `absent_until`: the last day on which nothing is asked.
    """

    receives: bool = True
    topics: tuple[str, ...] = ()
    per_week: int | None = None
    absent_until: date | None = None

    def is_absent(self, today: date) -> bool:
        """Whether the agent is away on that day."""
        return self.absent_until is not None and today <= self.absent_until


MOST_PER_WEEK = 20
"""What an agent may choose to receive in a week at most."""


@dataclass(frozen=True, slots=True)
class AskingRules:
    """What the settings decide. `hidden_names`: an asker may stay unnamed until somebody accepts.

    `answer_days`: how long one agent, or a community, has before it goes on. `per_week`: how many
    questions an agent receives in seven days who set nothing. `asked_per_day`, `answered_per_day`,
    `reported_per_day`, `found_per_day`: how many questions one agent may ask in 24 hours, how many
    answers give, how many texts report, how often say «Cela répond». `hidden_names_entities`: the
    entities, with those below, whose agents may stay unnamed; none: all.
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
        """Whether an agent may; `entities` are theirs and those above it."""
        chosen = self.hidden_names_entities
        return self.hidden_names and (not chosen or not set(chosen).isdisjoint(entities))


@dataclass(frozen=True, slots=True)
class TextReport:
    """A reader says that a text should not stand there. `answer_id` is empty for the question.

    Who reports it is shown to nobody but themselves. `decided`: whoever moderates it did so.
    """

    question_id: str
    answer_id: str
    agent_id: str
    reason: str
    created: datetime
    decided: bool = False


@dataclass(frozen=True, slots=True)
class HiddenText:
    """A text that is hidden: its question's whole where `answer_id` is empty."""

    question_id: str
    answer_id: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OwnAsking:
    """Everything that is kept of one agent here: for their own eyes, and for their export.

    `planned`: ids of the questions that they may be asked in their turn; `readable`: of those that
    they may read as a member of a community at the time.
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
    """Of questions that everybody may read: how many were asked, and met another's answer.

    `median`: the time to the first such answer, of those that met one; None for none.
    `found_again`: how often «Cela répond» was said of one, which spared asking it anew. Restricted
    questions count in nothing: a number would tell others that one was asked.
    """

    asked: int = 0
    answered: int = 0
    median: timedelta | None = None
    found_again: int = 0


RecentRequests = Mapping[str, int]
"""By agent id, how many questions they were asked since some moment; nobody means none."""
