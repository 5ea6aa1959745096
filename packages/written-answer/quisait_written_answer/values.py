"""Values and port of written answers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from indexer.access import Reader
from search_api.limits import ConcurrencyLimiter, RateLimiter

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
    """Settings of written answers: what the model receives, and when its answer is shown.

    `sources`: only documents of these sources are sent. `spaces`: only documents of these spaces;
    empty means all. `restricted`: documents that are not open to all agents are sent, too.
    `least_share`: minimum share of the sentences, from 0 to 1, that must be kept. `time_limit_s` is
    for the whole answer.
    """

    sources: frozenset[str]
    spaces: frozenset[str] = frozenset()
    restricted: bool = False
    passages: int = 8
    least_share: float = 0.5
    time_limit_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Writing:
    """Dependencies of written answers.

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
class NumberedPassage:
    """A passage sent to the language model, with the number by which sentences cite it.

    `page`: path of its document's page. `dated`: the document's last change.
    """

    number: int
    document_id: str
    page: str
    title: str
    heading: str
    text: str
    dated: datetime | None


class Outcome(StrEnum):
    """How a written answer ended. Its sentences may only be shown if it is `written`."""

    WRITTEN = "written"
    NOTHING_TO_SEND = "nothing_to_send"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
