"""Values and port of answers whose sentences a model chooses."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from indexer.access import Reader
from indexer.values import Card
from search_api.limits import ConcurrencyLimiter, RateLimiter
from search_api.ranking.results import DocumentAuthor

Message = Mapping[str, str]
"""`role` and `content`, as the OpenAI chat API names them."""


class ModelFailed(Exception):
    """The model's server refused, ended early, or sent an invalid or too long answer."""


class LanguageModel(Protocol):
    """Port: a language model that answers messages."""

    def write(self, messages: Sequence[Message], most_tokens: int) -> AsyncGenerator[str, None]:
        """Yield the model's answer in pieces. Raises `ModelFailed`, also if it is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingRules:
    """Settings of what the model receives, and how long it may take.

    `sources`: only documents of these sources are sent. `spaces`: only documents of these spaces;
    empty means all. `restricted`: documents that are not open to all agents are sent, too.
    `passages`: how many, at most. `time_limit_s` is for the whole answer.
    """

    sources: frozenset[str]
    spaces: frozenset[str] = frozenset()
    restricted: bool = False
    passages: int = 8
    time_limit_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Writing:
    """Dependencies of chosen sentences.

    `reader_of` returns what an agent may read now. `rate` limits how often an agent may ask,
    `turns` how many questions run at once.
    """

    model: LanguageModel
    rules: WritingRules
    reader_of: Callable[[str], Reader]
    rate: RateLimiter = field(default_factory=lambda: RateLimiter({}))
    turns: ConcurrencyLimiter = field(
        default_factory=lambda: ConcurrencyLimiter(questions=1, waiting=1)
    )


@dataclass(frozen=True, slots=True)
class SentPassage:
    """A passage whose sentences are sent: `spans` are [start, end[ of those that may be chosen.

    `author` wrote it, None if the document has none. `asked`: the document's title is the question
    that the passage answers.
    """

    card: Card
    heading: str
    text: str
    spans: tuple[tuple[int, int], ...]
    author: DocumentAuthor | None
    asked: bool


@dataclass(frozen=True, slots=True)
class ChosenQuote:
    """Exact sentences of a passage that follow each other.

    `page`: path of the document's page, at what answers. `source`: a French line, who and when.
    """

    passage: SentPassage
    text: str
    page: str
    source: str


class Outcome(StrEnum):
    """How a choice ended. There are sentences only if it is `chosen`."""

    CHOSEN = "chosen"
    NOTHING_TO_SEND = "nothing_to_send"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChosenAnswer:
    """The sentences that a model chose, in its order, under at most one heading."""

    outcome: Outcome
    heading: str = ""
    quotes: tuple[ChosenQuote, ...] = ()
