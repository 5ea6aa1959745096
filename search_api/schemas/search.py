"""API schemas of a search, as the OpenAPI description publishes them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.values import ContactVia, ContributorRole
from expertise.names import Reason
from expertise.values import Degree
from search_api.answers.people import CardReason
from search_api.answers.suggestions import SuggestionKind
from search_api.questions.query_parser import QueryPartKind
from search_api.ranking.reranking import RankingEffect


class _SearchSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class AreaBody(_SearchSchema):
    """A département, a region, or another place that a question names."""

    code: str = Field(description="INSEE code; of a region behind `r`; empty for other places")
    name: str


class PostBody(_SearchSchema):
    """An agent's present post."""

    metier: str
    entity: str = Field(description="path with slashes")
    office: str
    departement: AreaBody | None


class AuthorBody(_SearchSchema):
    """A contributor to a document."""

    name: str
    role: ContributorRole
    agent_id: str | None = Field(description="null where the directory does not know the account")
    post: PostBody | None = Field(description="the present post; null for who left or is unknown")
    departed: bool


class PassageBody(_SearchSchema):
    """A passage that answers the question."""

    text: str
    heading: str
    page: int | None = Field(description="page or slide, from 1")
    path: str = Field(description="the attachment's path inside the document, or empty")
    highlights: list[tuple[int, int]] = Field(description="[start, end[ character offsets in text")
    excerpt: tuple[int, int] = Field(
        description="[start, end[ of the sentences that say most of the question"
    )
    author: AuthorBody | None = Field(
        description="in a conversation, whose words they are, and in which role"
    )


class ReferenceBody(_SearchSchema):
    """Another document, which the reader may read too."""

    id: str
    title: str
    url: str | None


class CopyBody(_SearchSchema):
    """Another place of the same text, which the reader may read too."""

    id: str
    title: str
    url: str | None
    source: str
    space: str


class PartsBody(_SearchSchema):
    """Components of the score, min-max normalised from 0 to 1; ranks count from 1.

    Ranks are null if the total is null.
    """

    lexical: float
    lexical_rank: int | None
    vector: float
    vector_rank: int | None
    near_hits: float = Field(
        description="what the scores of near documents added to its own, or took from it"
    )
    second_model: float | None = Field(
        None, description="the same of a second model that read it; null where none did"
    )
    title: float = Field(description="what a title that says the question added")
    learned: float = Field(
        description="what the order learned from the organisation's own questions added or took"
    )


class AgentBody(_SearchSchema):
    """An agent who may know."""

    id: str
    name: str
    email: str = Field(description="where their entity wishes them to be written to, or empty")
    contact_via: ContactVia = Field(description="whose address that is: theirs, the service's…")
    post: PostBody
    since: date | None = Field(description="arrival in the present post")


class VerificationBody(_SearchSchema):
    """An author's statement on a text that has not changed since."""

    day: date
    right: bool = Field(description="false: `note` says what is no longer right")
    note: str
    agent: AgentBody | None = Field(description="null for who is not named")


class DocumentFields(_SearchSchema):
    """Fields of a document wherever it is shown."""

    id: str
    title: str
    url: str | None = Field(description="at its source; http or https only")
    kind: str
    source: str
    space: str
    entity: str
    area: AreaBody | None
    language: str
    created: datetime | None
    modified: datetime | None
    valid_from: str | None
    valid_until: str | None = Field(description="the last day on which it is in force")
    valid: bool = Field(description="whether it is in force today")
    replaces: list[ReferenceBody]
    replaced_by: list[ReferenceBody] = Field(description="in force, and readable too")
    part_of: ReferenceBody | None
    copies: list[CopyBody] = Field(description="other places of nearly the same text, at most 50")
    authors: list[AuthorBody] = Field(description="who wrote before who commented")
    ask_instead: list[AgentBody] = Field(
        description="whom to ask where no author is in post and may be named"
    )
    verified: VerificationBody | None = Field(
        None, description="what an author said of its text as it is; null: nothing"
    )
    recognised: int | None = Field(
        None,
        description="its text was recognised on a scan, so surely, from 0 to 100; null: it was not",
    )


class DocumentBody(DocumentFields):
    """A document that answers."""

    page: str = Field(description="path of its page on this site, at what answers the question")
    passage: PassageBody | None
    other_passages: list[PassageBody] = Field(description="that have words of the question too")
    score: float | None = Field(None, description="with explain=true")
    parts: PartsBody | None = Field(None, description="with explain=true")
    effects: list[RankingEffect] = Field([], description="what else moved it, with explain=true")
    why: list[str] = Field([], description="the same in French sentences, with explain=true")


class FacetBody(_SearchSchema):
    """Number of documents of the result set that have a value."""

    value: str
    label: str
    count: int


class UnderstoodBody(_SearchSchema):
    """A part of the query that was read as more than words."""

    said: QueryPartKind = Field(
        description="`words`: no such value is readable, it was looked for as words"
    )
    value: str = Field(description="a day as ISO 8601 for `since` (that day too) and `before`")
    without: str | None = Field(description="the question without it, or null")


class ExpansionBody(_SearchSchema):
    """Words that the glossary added to the query, at half the weight."""

    words: str
    others: list[str]


class DefinitionBody(_SearchSchema):
    """What a line of the glossary says of the expression that the question asks about."""

    term: str
    meaning: str = Field(description="what an acronym stands for; empty for other expressions")
    definition: str = Field(description="empty where the glossary has none")
    others: list[str] = Field(description="further equivalents")


class BestBetBody(_SearchSchema):
    """A link that an administrator put above the results of this question."""

    id: str | None = Field(description="null for a link that is no document of the index")
    title: str
    url: str | None
    external: bool


class EvidenceBody(_SearchSchema):
    """A document that supports a candidate and that the reader may read."""

    document_id: str
    title: str
    url: str | None
    roles: list[ContributorRole]
    first: date | None
    last: date | None
    former: bool = Field(description="all of it before the present post")
    answers: bool = Field(description="of several hands, theirs wrote the part that answers")
    asked_there: bool = Field(
        False, description="they answered there, and what was asked there is asked now"
    )


class NearestTopicBody(_SearchSchema):
    """A topic of the list, from which the reader can continue."""

    id: str
    label: str


class PersonBody(_SearchSchema):
    """A person to ask: named by the question, or an expert."""

    agent: AgentBody
    reason: CardReason = Field(
        description="`named`: by the question; `in_post`, `nearest_post`: who holds the métier in "
        "the area asked for, or nearest to it; `knows`: by what they wrote; "
        "`metier`; `near_subject`: by documents that only come near, in `near_subject` alone"
    )
    degree: Degree | None = Field(None, description="as that of a candidate")
    distance_km: float | None = Field(description="from the reader's post; null where unknown")
    wrote: bool = Field(description="the answering passage of one of the first documents is theirs")
    evidence: list[EvidenceBody]


class ServiceBody(_SearchSchema):
    """A service that the question names, with its agents who may be shown."""

    name: str
    entity: str = Field(description="path with slashes")
    office: str
    departement: AreaBody | None
    people: list[AgentBody]


class MetierBody(_SearchSchema):
    """A métier that the question names."""

    metier: str
    holders: int = Field(description="agents in post who may be shown")


class DirectAnswerBody(_SearchSchema):
    """Sentences that answer, from an accepted answer or a document in force."""

    text: str
    document: ReferenceBody
    author: AuthorBody
    accepted: bool = Field(description="of an accepted answer; else of a document in force")
    dated: datetime | None


class SearchBody(_SearchSchema):
    """One page of results."""

    total: int | None = Field(
        description="size of the result set: every document, copies too; null where the question "
        "is narrowed to a person (`auteur:`), whose contributions are shown and never counted"
    )
    worded: int | None = Field(
        description="how many of the total have words of the question; others are near in sense; "
        "null where the total is"
    )
    worded_more: bool | None = Field(
        description="there are more of these than were counted; null where the total is"
    )
    reachable: int | None = Field(
        description="how many results the pages can show: copies are one; null where the total "
        "is, and then 30 at most"
    )
    more: bool = Field(description="another page follows")
    wider: bool = Field(
        False, description="documents that are merely near were left out: `wide` shows them"
    )
    page: int
    page_size: int
    documents: list[DocumentBody]
    answered: bool = Field(
        True,
        description="false where no document is expected to answer: `documents` are then the few "
        "that come nearest, and the total is 0",
    )
    facets: dict[str, list[FacetBody]] = Field(description="none where the total is null")
    understood: list[UnderstoodBody] = []
    expansions: list[ExpansionBody] = []
    definitions: list[DefinitionBody] = Field(
        [], description="of the acronym or expression that the question asks about; first page"
    )
    best_bets: list[BestBetBody] = Field([], description="on the first page")
    people: list[PersonBody] = Field([], description="whom the question names, and who knows")
    near_subject: list[PersonBody] = Field(
        [],
        description="where nobody is in `people`: whose documents only come near; no experts",
    )
    people_beyond: int = Field(0, description="whom it names as well")
    nobody_in: AreaBody | None = Field(
        None, description="the place that the question names, where none of `people` works there"
    )
    somebody_left: bool = Field(
        False, description="nobody is known in that place, but somebody was who has left"
    )
    services: list[ServiceBody] = []
    metiers: list[MetierBody] = []
    topics: list[NearestTopicBody] = Field([], description="of the list, that the question names")
    shortened: bool = Field(description="the question was longer than what is read")
    incomplete: list[str] = Field(
        description="authorities that did not answer: documents may be missing"
    )
    direct_answer: DirectAnswerBody | None = Field(
        None, description="where one is sure; on the first page"
    )
    did_you_mean: str | None = Field(
        None, description="another wording, which finds something that the reader may read"
    )
    instead: bool = Field(
        False,
        description="the answer is to `did_you_mean`, since no document has a word of what was "
        "typed: ask for it to see the following pages, or for `as_typed`",
    )


class CandidatePartsBody(_SearchSchema):
    """Components of a candidate's score, relative to the best candidate, from 0 to 1."""

    votes: float = Field(
        description="what their documents are worth together, each partly by those near it"
    )
    walk: float
    documents: int


class CandidateBody(_SearchSchema):
    """An agent with their evidence."""

    agent: AgentBody
    score: float | None = Field(None, description="with `explain`")
    parts: CandidatePartsBody | None = Field(None, description="with `explain`")
    evidence: list[EvidenceBody]
    degree: Degree | None = Field(
        description="`answered` this question or one in nearly the same words; `wrote` on its "
        "subject; `near`: what they wrote only comes near, no expert by that; null: no evidence"
    )
    sure: bool = Field(description="whether `degree` is not `near`")
    reasons: list[Reason] = Field(description="what the directory says that the question says")
    last_active: date | None = Field(description="the last of the evidence")


class ExpertsBody(_SearchSchema):
    """Agents who may know, best first."""

    candidates: list[CandidateBody]
    beyond: int = Field(description="candidates that the limit leaves out")
    named: list[CandidateBody] = Field(description="whom the question means, by name or post")
    nearly_named: list[CandidateBody] = Field(
        [], description="whose name is written nearly as in the question, which names nobody"
    )
    stated: list[CandidateBody] = Field(description="by métier or skill alone, no evidence")
    nearest: list[ReferenceBody] = Field(
        description="without a sure candidate: the documents that come nearest"
    )
    nearest_area: AreaBody | None = Field(
        description="without candidates: the nearest département where somebody is known"
    )
    nobody_in: AreaBody | None = Field(
        None,
        description="the place that the question names, where none of these people works there",
    )
    somebody_left: bool = Field(
        False, description="nobody is known in that place, but somebody was who has left"
    )
    nearest_topic: NearestTopicBody | None = Field(
        None, description="without a sure candidate: the topic of the list that comes nearest"
    )
    did_you_mean: str | None = Field(None, description="as in the answer of a search")
    instead: bool = Field(False, description="as in the answer of a search")
    incomplete: list[str] = Field(
        [], description="authorities that did not answer: evidence may be missing"
    )


class SuggestionBody(_SearchSchema):
    """A suggestion: a document's title, a topic's label or an agent's name."""

    document_id: str = Field(description="of a title; empty for the others")
    title: str
    kind: SuggestionKind
    address: str = Field(description="the page of this site that it leads to")
    past: bool = Field(description="of a title: not in force any more, or replaced")


class SuggestionsBody(_SearchSchema):
    """Titles, then topics, then people that begin with the typed text."""

    suggestions: list[SuggestionBody]


class ProblemBody(_SearchSchema):
    """A problem, in the format of RFC 9457."""

    type: str
    title: str = Field(description="a French sentence for people")
    status: int
    code: str = Field(description="a word for programs")
    detail: str | None = None


def problem_responses(meanings: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return the problems of routes, by status, in the format of OpenAPI."""
    return {
        status: {
            "model": ProblemBody,
            "description": meaning,
            "content": {"application/problem+json": {}},
        }
        for status, meaning in meanings.items()
    }
