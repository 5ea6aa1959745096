"""Bodies of the API that several features share, and how a body is read from an answer."""

from collections.abc import Mapping
from datetime import date
from operator import attrgetter
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.geography import area_name
from connectors.values import Agent, ContactVia, ContributorRole
from search_api.addresses import document_address
from search_api.wording import contact, safe_text, web_address


class Joined:
    """The attributes of several values.

    An attribute is taken from `own`, or from the first part that has it.
    """

    def __init__(self, *parts: object, **own: object) -> None:
        self._parts = parts
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        for part in self._parts:
            if hasattr(part, name):
                return getattr(part, name)
        raise AttributeError(name)


KEYS = frozenset(
    {
        "accounts", "address", "answer", "community", "document", "groups", "id", "into", "kind",
        "original", "page", "question", "readable", "recipients", "source", "space", "subject",
        "to", "topics", "url", "value",
    }
)  # fmt: skip
"""Fields whose values go back into requests, beside those that end in `_id` or `_ids`: ids, values
of filters, addresses. They are sent as they are; every other text is a `safe_text`, as on pages.
"""


class Body(BaseModel):
    """A JSON object of the API, read from the attributes of an answer.

    Only the declared fields are sent; an answer may have more. A field that the answer itself does
    not have is read from its parts named in `parts_of_answer`, in their order.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)
    parts_of_answer: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _with_parts(cls, answer: Any) -> Any:
        if not cls.parts_of_answer or isinstance(answer, (dict, cls)):
            return answer
        return Joined(answer, *(attrgetter(name)(answer) for name in cls.parts_of_answer))

    @field_validator("*", mode="after")
    @classmethod
    def _safe(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        return value if name in KEYS or name.endswith(("_id", "_ids")) else _safe(value)


def _safe(value: Any) -> Any:
    if type(value) is str:
        return safe_text(value)
    return [_safe(one) for one in value] if isinstance(value, list) else value


class AreaBody(Body):
    """A département, a region, or another place that a question names."""

    code: str = Field(description="INSEE code, after `r` for a region; empty for other places")
    name: str = Field(description="name of the place")


def _departement(code: str) -> AreaBody | None:
    return AreaBody(code=code, name=area_name(code)) if code else None


Departement = Annotated[AreaBody | None, BeforeValidator(_departement)]
"""A département, read from its code, which may be empty."""


WebAddress = Annotated[str | None, BeforeValidator(web_address)]
"""A web address, read from the URL at the source; null unless it may become a link."""


DocumentPage = Annotated[str, BeforeValidator(document_address)]
"""The address of a document's page, read from the document's id."""


class PostBody(Body):
    """An agent's present post."""

    metier: str = Field(description="the métier, in the directory's words")
    entity: str = Field(description="path with slashes")
    office: str = Field(description="town or office; may be empty")
    departement: Departement = Field(description="null if the directory does not say")


class AgentBody(Body):
    """An agent who may be an expert."""

    id: str = Field(description="the agent's id, for `/agents/{agent_id}`")
    name: str = Field(description="given name and family name")
    email: str = Field(description="the address that their entity wishes to be used, or empty")
    contact_via: ContactVia = Field(description="whose address that is: theirs, the service's…")
    post: PostBody = Field(description="their present post")
    since: date | None = Field(
        validation_alias="arrival", description="arrival in the present post"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_agent(cls, agent: Agent) -> Joined:
        return Joined(agent, email=contact(agent).address, post=agent)


class ReferenceBody(Body):
    """Another document, which the reader may read too."""

    id: str = Field(
        validation_alias="document_id",
        description="the document's id, for `/documents/{document_id}`",
    )
    title: str = Field(description="its title; may be empty")
    url: WebAddress = Field(description="at its source; null unless http or https")


class VerificationBody(Body):
    """An author's statement on a text that has not changed since."""

    day: date = Field(description="when they said it")
    right: bool = Field(description="false: `note` says what is no longer right")
    note: str = Field(description="what is no longer right, in their words; may be empty")
    agent: AgentBody | None = Field(description="null for an author who may not be named")


class EvidenceBody(Body):
    """A document that supports a candidate and that the reader may read."""

    document_id: str = Field(description="the document's id")
    title: str = Field(description="its title")
    url: WebAddress = Field(description="at its source; null unless http or https")
    roles: list[ContributorRole] = Field(description="what the agent did there")
    first: date | None = Field(description="day of their first contribution; null if unknown")
    last: date | None = Field(description="day of their last contribution; null if unknown")
    former: bool = Field(description="all of it is older than the present post")
    answers: bool = Field(description="of several authors, they wrote the part that answers")
    asked_there: bool = Field(
        False, description="they answered there the question that is asked now"
    )
    asked_near: bool = Field(
        False, description="they answered there a question in nearly the same words"
    )


class ProblemBody(Body):
    """A problem, in the format of RFC 9457."""

    type: str = Field(description="always `about:blank`: `code` tells problems apart")
    title: str = Field(description="a French sentence for people")
    status: int = Field(description="the status of the answer")
    code: str = Field(description="a word for programs")
    detail: str | None = Field(None, description="a French sentence: what to do")


PROBLEM_JSON = "application/problem+json"


def problem_responses(meanings: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return the problems of routes, by status, in the format of OpenAPI."""
    return {
        status: {
            "description": meaning,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status, meaning in meanings.items()
    }


PROBLEMS: dict[int | str, dict[str, Any]] = problem_responses(
    {
        401: "nobody is named",
        403: "another site's page, or not for this reader",
        404: "there is no such thing, or not for this reader",
        422: "a parameter is not valid",
        429: "too often: see Retry-After",
        503: "the engine does not answer",
    }
)
