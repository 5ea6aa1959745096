"""Results, candidates and suggestions become the bodies of the API's answers."""

from datetime import date

from connectors.areas import area_name
from connectors.values import Agent
from expertise.find import Experts
from expertise.values import Candidate, Evidence
from indexer.values import Card, FacetValue, ShownPassage, Suggestion
from search_api.bodies import (
    AgentBody,
    AreaBody,
    AuthorBody,
    CandidateBody,
    CandidatePartsBody,
    DocumentBody,
    EvidenceBody,
    ExpertsBody,
    FacetBody,
    PartsBody,
    PassageBody,
    PostBody,
    ReferenceBody,
    SearchBody,
    SuggestionBody,
    SuggestionsBody,
)
from search_api.results import Author, Reference, Result, Results
from search_api.wording import valid_on, web_address


def search_answer(results: Results, today: date, *, explain: bool = False) -> SearchBody:
    """The body of a search's answer."""
    return SearchBody(
        total=results.total,
        reachable=results.reachable,
        page=results.page,
        page_size=results.page_size,
        documents=[_document(one, today, explain) for one in results.results],
        facets={
            name: [_facet(name, value) for value in values]
            for name, values in results.facets.items()
        },
        shortened=results.shortened,
        incomplete=list(results.incomplete),
    )


def experts_answer(found: Experts, today: date, incomplete: tuple[str, ...] = ()) -> ExpertsBody:
    """The body of an answer to who knows."""
    return ExpertsBody(
        candidates=[_candidate(one, today) for one in found.candidates],
        beyond=found.beyond,
        incomplete=list(incomplete),
    )


def suggestions_answer(found: tuple[Suggestion, ...]) -> SuggestionsBody:
    """The body of an answer to what is being typed."""
    return SuggestionsBody(
        suggestions=[SuggestionBody(document_id=s.document_id, title=s.title) for s in found]
    )


def _document(result: Result, today: date, explain: bool) -> DocumentBody:
    card, hit = result.card, result.parts
    parts = PartsBody(
        lexical=hit.lexical,
        lexical_rank=hit.lexical_rank,
        vector=hit.vector,
        vector_rank=hit.vector_rank,
    )
    return DocumentBody(
        **_card(card),
        valid=valid_on(today, card.valid_from, card.valid_until),
        replaces=[_reference(one) for one in result.replaces],
        replaced_by=[_reference(one) for one in result.replaced_by],
        part_of=_reference(result.part_of) if result.part_of else None,
        passage=_passage(result.passages[0]) if result.passages else None,
        authors=[_author(one) for one in result.authors],
        score=hit.score if explain else None,
        parts=parts if explain else None,
    )


def _card(card: Card) -> dict[str, object]:
    same = ("title", "kind", "source", "space", "entity", "language", "created", "modified")
    return {name: getattr(card, name) for name in (*same, "valid_from", "valid_until")} | {
        "id": card.document_id,
        "url": web_address(card.url),
        "area": _area(card.area),
    }


def _passage(shown: ShownPassage) -> PassageBody:
    passage = shown.passage
    return PassageBody(
        text=passage.text,
        heading=passage.heading,
        page=passage.page,
        path=passage.path,
        highlights=list(shown.highlights),
    )


def _reference(one: Reference) -> ReferenceBody:
    return ReferenceBody(id=one.document_id, title=one.title, url=web_address(one.url))


def _author(author: Author) -> AuthorBody:
    agent = author.agent
    return AuthorBody(
        name=author.name,
        role=author.role,
        agent_id=agent.id if agent else None,
        post=_post(agent) if agent and not author.departed else None,
        departed=author.departed,
    )


def _candidate(candidate: Candidate, today: date) -> CandidateBody:
    agent, parts = candidate.agent, candidate.parts
    assert not agent.departed(today)  # noqa: S101 - `find_experts` proposes nobody who left
    return CandidateBody(
        agent=AgentBody(id=agent.id, name=agent.name, email=agent.email, post=_post(agent)),
        score=candidate.score,
        parts=CandidatePartsBody(votes=parts.votes, walk=parts.walk, documents=parts.documents),
        evidence=[_evidence(one) for one in candidate.evidence],
    )


def _evidence(one: Evidence) -> EvidenceBody:
    return EvidenceBody(
        document_id=one.document_id,
        title=one.title,
        url=web_address(one.url),
        roles=list(one.roles),
        first=one.first,
        last=one.last,
    )


def _post(agent: Agent) -> PostBody:
    return PostBody(
        metier=agent.metier,
        entity=agent.entity,
        office=agent.office,
        departement=_area(agent.departement),
    )


def _area(code: str) -> AreaBody | None:
    return AreaBody(code=code, name=area_name(code)) if code else None


def _facet(name: str, facet: FacetValue) -> FacetBody:
    label = area_name(facet.value) if name == "area" else facet.value
    return FacetBody(value=facet.value, label=label, count=facet.count)
