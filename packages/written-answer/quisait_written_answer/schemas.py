"""Request and answer of the API: sentences that a model chose."""

from datetime import datetime
from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field

from indexer.values import FACETS
from quisait_written_answer.values import Outcome
from search_api.bodies import Body, ReferenceBody
from search_api.parameters import FILTER_VALUES
from search_api.search.schemas import AuthorBody

_Facet = Annotated[str, Field(pattern=f"^({'|'.join(FACETS)})$")]
_Values = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=FILTER_VALUES)]


class AskedAnswerBody(BaseModel):
    """A question to answer. Nothing of it is stored."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(min_length=1, max_length=1_000)
    filters: dict[_Facet, _Values] = Field(
        {},
        max_length=len(FACETS),
        description=f"values by facet: {', '.join(FACETS)}",
        json_schema_extra={"additionalProperties": False},
    )


class ChosenQuoteBody(Body):
    """Exact sentences of a document that the reader may read."""

    text: str = Field(description="whole sentences, as they stand in the document")
    document: ReferenceBody = Field(validation_alias=AliasPath("passage", "card"))
    section: str = Field(
        validation_alias=AliasPath("passage", "heading"), description="their heading, or empty"
    )
    asked: bool = Field(
        validation_alias=AliasPath("passage", "asked"),
        description="they answer a question, which is the document's title",
    )
    page: str = Field(description="path of its page on this site, at what answers the question")
    source: str = Field(description="a French line for people: the question, who answered, when")
    author: AuthorBody | None = Field(
        validation_alias=AliasPath("passage", "author"), description="who wrote them, if known"
    )
    dated: datetime | None = Field(
        validation_alias=AliasPath("passage", "card", "modified"),
        description="the document's last change; null if unknown",
    )


class ChosenAnswerBody(Body):
    """Sentences that a language model chose by their numbers; it writes none of them."""

    outcome: Outcome = Field(
        description="`chosen`; `no_answer`: the model found no sentence that answers; "
        "`nothing_to_send`: no passage that may be sent is expected to answer; `failed`: the "
        "model's server did not answer as it should, or not in time"
    )
    said: str = Field(description="a French sentence for people")
    heading: str = Field(description="one word above the sentences, or empty")
    quotes: list[ChosenQuoteBody] = Field(description="in the model's order; empty unless `chosen`")
