"""Request and events of written answers, as the API publishes them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from indexer.values import FACETS
from quisait_written_answer.values import Outcome
from search_api.bodies import Body
from search_api.parameters import FILTER_VALUES

MOST_TURNS = 6

_Facet = Annotated[str, Field(pattern=f"^({'|'.join(FACETS)})$")]
_Values = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=FILTER_VALUES)]


class AskedAnswerBody(BaseModel):
    """A question to answer, with the earlier questions of its thread. Nothing is stored."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(min_length=1, max_length=1_000)
    filters: dict[_Facet, _Values] = Field(
        {},
        max_length=len(FACETS),
        description=f"values by facet: {', '.join(FACETS)}",
        json_schema_extra={"additionalProperties": False},
    )
    thread: list[Annotated[str, Field(max_length=1_000)]] = Field(
        [], max_length=MOST_TURNS, description="the questions before it, oldest first"
    )


class RewrittenBody(Body):
    """The question that is searched in place of a follow-up question."""

    type: Literal["question"] = "question"
    q: str


class NumberedPassageBody(Body):
    """A passage that the model gets, which the reader may read."""

    number: int
    id: str = Field(validation_alias="document_id")
    title: str
    heading: str
    page: str = Field(description="path of its page on this site, at what answers the question")
    dated: datetime | None


class PassagesBody(Body):
    """The passages, by the numbers that sentences cite."""

    type: Literal["passages"] = "passages"
    passages: list[NumberedPassageBody]


class SentenceBody(Body):
    """A sentence whose words, numbers, dates and names are in the passages that it cites."""

    type: Literal["sentence"] = "sentence"
    text: str = Field(description="plain text")
    cited: list[int]


class EndBody(Body):
    """The last event. Sentences are to be shown only if `outcome` is `written`."""

    type: Literal["end"] = "end"
    outcome: Outcome = Field(
        description="`nothing_to_send`: no passage that may be sent is expected to answer; "
        "`unsupported`: too few sentences were kept; `failed`: the model's server did not answer "
        "as it should, or not in time"
    )
    said: str = Field(description="a French sentence for people")
    kept: int
    struck: int = Field(description="sentences that were struck out")


EventBody = Annotated[
    RewrittenBody | PassagesBody | SentenceBody | EndBody, Field(discriminator="type")
]
