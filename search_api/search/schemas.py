"""API schemas of a search, as the OpenAPI description publishes them."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import (
    AliasPath,
    BeforeValidator,
    Field,
    ValidationInfo,
    computed_field,
    model_validator,
)

from connectors.values import ContributorRole
from expertise.names import Reason
from expertise.places import AskedPlace
from expertise.values import Degree
from indexer.values import ShownPassage
from search_api.bodies import (
    AgentBody,
    AreaBody,
    Body,
    Departement,
    EvidenceBody,
    Joined,
    PostBody,
    ReferenceBody,
    VerificationBody,
    WebAddress,
)
from search_api.people.service import CardReason
from search_api.query.query import QueryPartKind
from search_api.ranking.fusion import RankingEffect
from search_api.ranking.results import DocumentAuthor, excerpt_span
from search_api.search.suggestions import SuggestionKind
from search_api.wording import kind_label, place_label, safe_spans, safe_text


def _place(place: AskedPlace | None) -> AreaBody | None:
    return AreaBody(code=place.code, name=place_label(place)) if place else None


def _if_explained(value: Any, info: ValidationInfo) -> Any:
    return value if info.context and info.context["explain"] else None


Place = Annotated[AreaBody | None, BeforeValidator(_place)]
"""An area, made from the place that a question names."""
Explained = BeforeValidator(_if_explained)
"""Null unless the validation's context says `explain`: scores also depend on documents that the
reader may not read.
"""


class AuthorBody(Body):
    """A contributor to a document."""

    name: str = Field(description="as the source or the directory shows it")
    role: ContributorRole = Field(description="what they did")
    agent_id: str | None = Field(description="null if the directory does not know the account")
    post: PostBody | None = Field(
        validation_alias="shown",
        description="the present post; null if the author has left or is unknown",
    )
    departed: bool = Field(description="they have left the organisation")


class PassageBody(Body):
    """A passage that answers the question."""

    text: str = Field(description="its text")
    heading: str = Field(description="title of its chapter; may be empty")
    page: int | None = Field(description="page or slide, from 1")
    path: str = Field(description="the attachment's path inside the document, or empty")
    highlights: list[tuple[int, int]] = Field(description="[start, end[ character offsets in text")
    excerpt: tuple[int, int] = Field(
        description="[start, end[ of the sentences that best match the question"
    )
    author: AuthorBody | None = Field(
        description="in a conversation, the author of the passage, in their role"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_pair(cls, answering: tuple[ShownPassage, DocumentAuthor | None]) -> Joined:
        shown, author = answering
        text = shown.passage.text
        return Joined(
            shown,
            shown.passage,
            highlights=safe_spans(text, shown.highlights),
            excerpt=safe_spans(text, [excerpt_span(text, shown.highlights)])[0],
            author=author,
        )


class CopyBody(ReferenceBody):
    """Another place of the same text, which the reader may read too."""

    source: str = Field(description="name of its source")
    space: str = Field(description="community or folder there; may be empty")


class PartsBody(Body):
    """Components of the score, min-max normalised from 0 to 1; ranks count from 1.

    Ranks are null if the total is null.
    """

    lexical: float = Field(description="by the words")
    lexical_rank: int | None = Field(description="rank by the words")
    vector: float = Field(description="by the meaning")
    vector_rank: int | None = Field(description="rank by the meaning")
    near_hits: float = Field(
        description="what the scores of near documents added to its own, or subtracted from it"
    )
    second_model: float | None = Field(
        None, description="the same of a second model that read it; null if none did"
    )
    title: float = Field(description="what a title that says the question added")
    learned: float = Field(
        description="what the ranker learned from the organisation's questions added or subtracted"
    )
    answering: float = Field(
        description="what its nearest passage and its share of the question's words added"
    )
    topic: float = Field(description="what the topic that it shares with the first document added")
    expected: float = Field(description="what its nearest expected question added")


class DocumentFields(Body):
    """Fields of a document wherever it is shown."""

    id: str = Field(
        validation_alias="document_id", description="its id, for `/documents/{document_id}`"
    )
    title: str = Field(description="its title; may be empty")
    url: WebAddress = Field(description="at its source; http or https only")
    kind: str = Field(
        description="kind of document, as its source names it: the value of the `kind` filter"
    )
    source: str = Field(description="name of its source")
    space: str = Field(description="community or folder there; may be empty")
    entity: str = Field(description="service that it belongs to, a path with slashes; may be empty")
    area: Departement = Field(description="département that it is about; null if none")
    language: str = Field(description="code of ISO 639-1")
    created: datetime | None = Field(description="null if the source does not say")
    modified: datetime | None = Field(description="null if the source does not say")
    valid_from: str | None = Field(
        description="the first day on which it is in force; null if the source does not say"
    )
    valid_until: str | None = Field(description="the last day on which it is in force")
    valid: bool = Field(description="whether it is in force today")
    replaces: list[ReferenceBody] = Field(
        description="documents that it replaces, and that the reader may read"
    )
    replaced_by: list[ReferenceBody] = Field(description="in force, and readable too")
    part_of: ReferenceBody | None = Field(
        description="the document that it is attached to; null if none"
    )
    copies: list[CopyBody] = Field(description="other places of nearly the same text, at most 50")
    authors: list[AuthorBody] = Field(description="writers before commenters")
    ask_instead: list[AgentBody] = Field(
        description="agents to ask if no author is in post and may be named"
    )
    verified: VerificationBody | None = Field(
        None, description="an author's statement on its present text; null: none"
    )
    recognised: int | None = Field(
        None,
        description="confidence, from 0 to 100, with which its text was recognised on a scan; "
        "null: it is no scan",
    )

    @computed_field(description="`kind` for people, in French")  # type: ignore[prop-decorator]
    @property
    def kind_label(self) -> str:
        """The name of the kind."""
        return safe_text(kind_label(self.kind))


class DocumentBody(DocumentFields):
    """A document that answers."""

    page: str = Field(description="path of its page on this site, at what answers the question")
    passage: PassageBody | None = Field(
        description="the passage that answers; null if there is no text"
    )
    other_passages: list[PassageBody] = Field(description="other passages with its words")
    matched_question: str | None = Field(
        None, description="its expected question that is near the question; null if none is"
    )
    score: float | None = Field(None, description="with explain=true")
    parts: PartsBody | None = Field(None, description="with explain=true")
    effects: list[RankingEffect] = Field(
        [], description="what else changed its rank, with explain=true"
    )
    why: list[str] = Field([], description="the same in French sentences, with explain=true")


class FacetBody(Body):
    """Number of documents of the result set that have a value."""

    value: str = Field(description="value of the filter")
    label: str = Field(description="the same for people, in French")
    count: int = Field(description="number of documents")


class UnderstoodBody(Body):
    """A part of the query that was read as more than words."""

    said: QueryPartKind = Field(
        description="`words`: no readable document has this value, so it was searched as words"
    )
    value: str = Field(description="a day as ISO 8601 for `since` (that day too) and `before`")
    without: str | None = Field(description="the question without it, or null")


class ExpansionBody(Body):
    """Words that the glossary added to the query, at half the weight."""

    words: str = Field(description="words of the question")
    others: list[str] = Field(description="what was searched beside them")


class DefinitionBody(Body):
    """What a line of the glossary says of the expression that the question asks about."""

    term: str = Field(description="the expression, as in the glossary")
    meaning: str = Field(description="what an acronym stands for; empty for other expressions")
    definition: str = Field(validation_alias="text", description="empty where there is none")
    others: list[str] = Field(description="further equivalents")


class NearestTopicBody(Body):
    """A topic of the list, from which the reader can continue."""

    id: str = Field(description="the topic's id, for `/topics/{topic_id}`")
    label: str = Field(description="its name")


class PersonBody(Body):
    """A person to ask: named by the question, or an expert."""

    parts_of_answer = ("candidate",)
    agent: AgentBody = Field(description="who")
    reason: CardReason = Field(
        description="`named`: the question names them; `in_post`, `nearest_post`: they hold the "
        "métier in the requested area, or nearest to it; `knows`: by what they wrote; `metier`; "
        "`near_subject`: their documents only come near, in the list `near_subject` alone"
    )
    degree: Degree | None = Field(None, description="as in a candidate")
    distance_km: float | None = Field(
        description="from the place that the question names, else from the reader's post; null if "
        "unknown"
    )
    wrote: bool = Field(description="they wrote the first sentences of the direct answer")
    evidence: list[EvidenceBody] = Field(
        description="documents that show it, and that the reader may read"
    )


class ServiceBody(Body):
    """A service that the question names, with its agents who may be shown."""

    name: str = Field(description="its name")
    entity: str = Field(description="path with slashes")
    office: str = Field(description="town or office; may be empty")
    departement: Departement = Field(description="null if the directory does not say")
    people: list[AgentBody] = Field(description="its agents who may be shown")


class MetierBody(Body):
    """A métier that the question names."""

    metier: str = Field(description="in the directory's words")
    holders: int = Field(description="agents in post who may be shown")


class QuoteBody(Body):
    """Neighbouring whole sentences of an accepted answer or a document in force."""

    text: str = Field(description="whole sentences, as they stand in the document")
    document: ReferenceBody = Field(
        validation_alias="card", description="the document that says so"
    )
    section: str = Field(description="heading of the passage, or empty")
    author: AuthorBody = Field(description="who wrote it")
    accepted: bool = Field(description="of an accepted answer; else of a document in force")
    dated: datetime | None = Field(description="when it was written; null if unknown")


class DirectAnswerBody(QuoteBody):
    """At most three sentences that answer, from at most three documents.

    The fields of the first quote, which answers, and all quotes.
    """

    quotes: list[QuoteBody] = Field(description="the first one, then what others add")
    differs: bool = Field(
        description="the second quote is of an older document and says otherwise than the first"
    )


class SearchBody(Body):
    """One page of results."""

    total: int | None = Field(
        description="size of the result set: every document, copies too; null where the question "
        "is narrowed to a person (`auteur:`), whose contributions are shown and never counted"
    )
    worded: int | None = Field(
        description="how many of the total have words of the question; others are near in meaning; "
        "null if the total is null"
    )
    worded_more: bool | None = Field(
        description="there are more of these than were counted; null if the total is null"
    )
    reachable: int | None = Field(
        description="how many results the pages can show, where copies are one result; null if the "
        "total is null: then it is 30 at most"
    )
    more: bool = Field(description="another page follows")
    wider: bool = Field(
        False, description="documents that are only near were left out: `wide` shows them"
    )
    page: int = Field(description="number of this page, from 1")
    page_size: int = Field(description="maximum number of documents on a page")
    documents: list[DocumentBody] = Field(description="documents that answer, best first")
    answered: bool = Field(
        True,
        description="false if no document is sure to answer: `documents` only come near. If none "
        "comes near enough, they are the few nearest, and the total is 0",
    )
    facets: dict[str, list[FacetBody]] = Field(description="empty if the total is null")
    understood: list[UnderstoodBody] = Field(
        [], description="parts of the question that were read as more than words"
    )
    expansions: list[ExpansionBody] = Field(
        [],
        validation_alias=AliasPath("question", "expansions"),
        description="words that the glossary added",
    )
    definitions: list[DefinitionBody] = Field(
        [], description="of the acronym or expression that the question asks about; first page"
    )
    people: list[PersonBody] = Field(
        [], validation_alias="cards", description="people whom the question names, and experts"
    )
    near_subject: list[PersonBody] = Field(
        [], description="if `people` is empty: people whose documents only come near; no experts"
    )
    people_beyond: int = Field(
        0, validation_alias="beyond", description="number of further people whom it names"
    )
    nobody_in: Place = Field(
        None, description="the place that the question names, if none of `people` works there"
    )
    somebody_left: bool = Field(
        False,
        validation_alias="left",
        description="nobody is known in that place, but an expert there has left",
    )
    services: list[ServiceBody] = Field([], description="services that the question names")
    metiers: list[MetierBody] = Field([], description="métiers that the question names")
    topics: list[NearestTopicBody] = Field([], description="topics that the question names")
    shortened: bool = Field(description="the question was longer than what is read")
    incomplete: list[str] = Field(
        description="authorities that did not answer: documents may be missing"
    )
    direct_answer: DirectAnswerBody | None = Field(
        None, validation_alias="direct", description="if one is sure; on the first page"
    )
    did_you_mean: str | None = Field(
        None,
        validation_alias=AliasPath("correction", "text"),
        description="another wording, which finds something that the reader may read",
    )
    instead: bool = Field(
        False,
        description="the answer is to `did_you_mean`, because no document has a word of what was "
        "typed: ask for it to see the following pages, or set `as_typed`",
    )


class CandidatePartsBody(Body):
    """Components of a candidate's score, relative to the best candidate, from 0 to 1."""

    votes: float = Field(
        description="the sum of their documents' votes, corrected by near documents"
    )
    walk: float = Field(
        description="the share of a walk from the question's documents to their authors"
    )
    documents: int = Field(description="number of documents listed as evidence")


class CandidateBody(Body):
    """An agent with their evidence."""

    agent: AgentBody = Field(description="who")
    score: Annotated[float | None, Explained] = Field(None, description="with `explain`")
    parts: Annotated[CandidatePartsBody | None, Explained] = Field(
        None, description="with `explain`"
    )
    evidence: list[EvidenceBody] = Field(
        description="documents that show it, and that the reader may read"
    )
    degree: Degree | None = Field(
        description="`answered`: this question; `neighbour`: one in nearly the same words; "
        "`wrote`: on its subject; `near`: what they wrote only comes near and shows no expert; "
        "null: no evidence"
    )
    sure: bool = Field(description="whether `degree` is not `near`; false for all in `near`")
    reasons: list[Reason] = Field(description="parts of their directory entry in the question")
    last_active: date | None = Field(description="day of the latest evidence")


class ExpertsBody(Body):
    """Agents who may know, best first."""

    candidates: list[CandidateBody] = Field(description="their documents show that they know")
    near: list[CandidateBody] = Field(
        [],
        description="their documents only come near: they may point the way, and are no experts",
    )
    beyond: int = Field(description="people of these two lists that the limit leaves out")
    named: list[CandidateBody] = Field(description="people whom the question names, or their post")
    nearly_named: list[CandidateBody] = Field(
        [], description="if it names nobody: people whose name is spelt nearly as in the question"
    )
    stated: list[CandidateBody] = Field(description="by métier or skill alone, no evidence")
    nearest: list[ReferenceBody] = Field(
        description="without candidates: the documents that come nearest"
    )
    nearest_area: Departement = Field(
        description="without anybody near: the nearest département where somebody is known"
    )
    nobody_in: Place = Field(
        None, description="the place that the question names, if none of these people works there"
    )
    somebody_left: bool = Field(
        False,
        validation_alias="left",
        description="nobody is known in that place, but an expert there has left",
    )
    nearest_topic: NearestTopicBody | None = Field(
        None, description="without candidates: the topic of the list that comes nearest"
    )
    did_you_mean: str | None = Field(
        None,
        validation_alias=AliasPath("correction", "text"),
        description="as in the answer of a search",
    )
    instead: bool = Field(False, description="as in the answer of a search")
    incomplete: list[str] = Field(
        [], description="authorities that did not answer: evidence may be missing"
    )


class SuggestionBody(Body):
    """A suggestion: a document's title, a topic's label or an agent's name."""

    document_id: str = Field(description="of a title; empty for the others")
    title: str = Field(validation_alias="text")
    kind: SuggestionKind
    address: str = Field(description="the page of this site that it leads to")
    past: bool = Field(description="of a title: not in force any more, or replaced")


class SuggestionsBody(Body):
    """Titles, then topics, then people that begin with the typed text."""

    suggestions: list[SuggestionBody]
