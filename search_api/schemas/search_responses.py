"""Response bodies of results, candidates and suggestions."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from connectors.geography import area_name
from connectors.values import Agent
from expertise.lookup import ServiceMatch
from expertise.places import AskedPlace
from expertise.values import Candidate, Evidence
from indexer.values import Card, FacetValue, ShownPassage
from search_api.addresses import document_address
from search_api.answers.people import PersonCard
from search_api.answers.question import QuestionAnswer, WhoKnows
from search_api.answers.suggestions import SuggestedLink
from search_api.answers.verification import ShownVerification
from search_api.ranking.direct_answer import DirectAnswer
from search_api.ranking.results import (
    BestBet,
    DocumentAuthor,
    DocumentCopy,
    DocumentReference,
    Result,
    Results,
    excerpt_span,
    explanation,
)
from search_api.schemas.search import (
    AgentBody,
    AreaBody,
    AuthorBody,
    BestBetBody,
    CandidateBody,
    CandidatePartsBody,
    CopyBody,
    DefinitionBody,
    DirectAnswerBody,
    DocumentBody,
    EvidenceBody,
    ExpansionBody,
    ExpertsBody,
    FacetBody,
    MetierBody,
    NearestTopicBody,
    PartsBody,
    PassageBody,
    PersonBody,
    PostBody,
    ReferenceBody,
    SearchBody,
    ServiceBody,
    SuggestionBody,
    SuggestionsBody,
    UnderstoodBody,
    VerificationBody,
)
from search_api.wording import contact, in_force, place_label, web_address


def search_answer(found: QuestionAnswer, today: date, *, explain: bool = False) -> SearchBody:
    """Return the response body of a search."""
    results, counts, matches = found.results, found.results.counts, found.people.matches
    documents = [
        _document(
            one,
            results,
            today,
            _explained(one, results) if explain else None,
            found.ask_instead.get(one.card.document_id, ()),
            found.verified.get(one.card.document_id),
            found.recognised.get(one.card.document_id),
        )
        for one in results.results
    ]
    return SearchBody(
        total=counts.total if counts else None,
        worded=counts.worded if counts else None,
        worded_more=counts.worded_more if counts else None,
        reachable=counts.reachable if counts else None,
        more=results.more,
        wider=results.wider,
        page=results.page,
        page_size=results.page_size,
        documents=documents,
        answered=results.answered,
        facets={
            name: [_facet(name, value) for value in values]
            for name, values in results.facets.items()
        },
        understood=[
            UnderstoodBody(said=part.said, value=part.value, without=part.without)
            for part in results.understood
        ],
        expansions=[
            ExpansionBody(words=one.words, others=list(one.others))
            for one in results.question.expansions
        ],
        definitions=[
            DefinitionBody(
                term=one.term, meaning=one.meaning, definition=one.text, others=list(one.others)
            )
            for one in found.definitions
        ],
        best_bets=[_best_bet(one) for one in results.best_bets],
        people=[_person(one) for one in found.people.cards],
        near_subject=[_person(one) for one in found.people.near_subject],
        people_beyond=found.people.beyond,
        nobody_in=_place(found.people.nobody_in),
        somebody_left=found.people.left,
        services=[_service(one) for one in matches.services],
        metiers=[MetierBody(metier=one.metier, holders=one.holders) for one in matches.metiers],
        topics=[NearestTopicBody(id=one.id, label=one.label) for one in found.topics],
        shortened=results.shortened,
        incomplete=list(results.incomplete),
        direct_answer=_direct(found.direct) if found.direct else None,
        did_you_mean=found.correction.text if found.correction else None,
        instead=found.instead,
    )


def _person(card: PersonCard) -> PersonBody:
    return PersonBody(
        agent=agent_body(card.candidate.agent),
        reason=card.reason,
        degree=card.candidate.degree,
        distance_km=card.distance_km,
        wrote=card.wrote,
        evidence=[evidence_body(one) for one in card.candidate.evidence],
    )


def _service(one: ServiceMatch) -> ServiceBody:
    return ServiceBody(
        name=one.name,
        entity=one.entity,
        office=one.office,
        departement=area_body(one.departement),
        people=[agent_body(agent) for agent in one.people],
    )


def _place(place: AskedPlace | None) -> AreaBody | None:
    return AreaBody(code=place.code, name=place_label(place)) if place else None


def experts_answer(found: WhoKnows, today: date, *, explain: bool = False) -> ExpertsBody:
    """Return the response body of a search for experts."""
    experts, topic = found.experts, found.nearest_topic

    def bodies(candidates: Sequence[Candidate]) -> list[CandidateBody]:
        return [candidate_body(one, today, explain=explain) for one in candidates]

    nearly = bool(found.matches.spelt)
    return ExpertsBody(
        candidates=bodies(experts.candidates),
        beyond=experts.beyond,
        named=[] if nearly else bodies(experts.named),
        nearly_named=bodies(experts.named) if nearly else [],
        stated=bodies(experts.stated),
        nearest=[_nearest(one.card) for one in experts.nearest],
        nearest_area=area_body(experts.nearest_area),
        nobody_in=_place(found.nobody_in),
        somebody_left=experts.left,
        nearest_topic=NearestTopicBody(id=topic.id, label=topic.label) if topic else None,
        did_you_mean=found.correction.text if found.correction else None,
        instead=found.instead,
        incomplete=list(found.incomplete),
    )


def suggestions_answer(found: Sequence[SuggestedLink]) -> SuggestionsBody:
    """Return the response body of suggestions."""
    return SuggestionsBody(
        suggestions=[
            SuggestionBody(
                document_id=one.document_id,
                title=one.text,
                kind=one.kind,
                address=one.address,
                past=one.past,
            )
            for one in found
        ]
    )


class _Explanation(NamedTuple):
    """What `explain` adds to a document."""

    sentences: Sequence[str]
    parts: PartsBody


def _explained(result: Result, results: Results) -> _Explanation:
    """Return the explanation of a result; without counts no ranks, since ranks would tell them."""
    hit, counted = result.parts, results.counts is not None
    parts = PartsBody(
        lexical=hit.lexical,
        lexical_rank=hit.lexical_rank if counted else None,
        vector=hit.vector,
        vector_rank=hit.vector_rank if counted else None,
        near_hits=hit.near_hits,
        second_model=hit.second_model,
        title=hit.title,
        learned=hit.learned,
    )
    return _Explanation(explanation(result, results), parts)


def _document(
    result: Result,
    results: Results,
    today: date,
    why: _Explanation | None,
    ask_instead: Sequence[Agent],
    verified: ShownVerification | None,
    recognised: int | None,
) -> DocumentBody:
    return DocumentBody(
        **document_fields(result, today, ask_instead, verified, recognised),
        page=document_address(result.card.document_id, results.question.words),
        passage=_passage(*result.answering[0]) if result.answering else None,
        other_passages=[_passage(*one) for one in result.answering[1:]],
        score=result.parts.score if why else None,
        parts=why.parts if why else None,
        effects=list(result.effects) if why else [],
        why=list(why.sentences) if why else [],
    )


def document_fields(
    result: Result,
    today: date,
    ask_instead: Sequence[Agent],
    verified: ShownVerification | None = None,
    recognised: int | None = None,
) -> dict[str, Any]:
    """Return the fields of `DocumentFields`."""
    card = result.card
    same = ("title", "kind", "source", "space", "entity", "language", "created", "modified")
    return {name: getattr(card, name) for name in (*same, "valid_from", "valid_until")} | {
        "id": card.document_id,
        "url": web_address(card.url),
        "area": area_body(card.area),
        "valid": in_force(card, today),
        "replaces": [reference_body(one) for one in result.replaces],
        "replaced_by": [reference_body(one) for one in result.replaced_by],
        "part_of": reference_body(result.part_of) if result.part_of else None,
        "copies": [copy_body(one) for one in result.copies],
        "authors": [author_body(one) for one in result.authors],
        "ask_instead": [agent_body(one) for one in ask_instead],
        "verified": verification_body(verified) if verified else None,
        "recognised": recognised,
    }


def verification_body(said: ShownVerification) -> VerificationBody:
    """Return the body of an author's statement on a document."""
    return VerificationBody(
        day=said.day,
        right=said.right,
        note=said.note,
        agent=agent_body(said.agent) if said.agent else None,
    )


def _best_bet(bet: BestBet) -> BestBetBody:
    one = bet.reference
    return BestBetBody(
        id=one.document_id or None,
        title=one.title,
        url=web_address(one.url),
        external=bet.external,
    )


def _passage(shown: ShownPassage, voice: DocumentAuthor | None) -> PassageBody:
    passage = shown.passage
    return PassageBody(
        text=passage.text,
        heading=passage.heading,
        page=passage.page,
        path=passage.path,
        highlights=list(shown.highlights),
        excerpt=excerpt_span(passage.text, shown.highlights),
        author=author_body(voice) if voice else None,
    )


def copy_body(one: DocumentCopy) -> CopyBody:
    """Return the body of another place of the same text."""
    same = reference_body(one.reference).model_dump()
    return CopyBody(**same, source=one.source, space=one.space)


def _direct(one: DirectAnswer) -> DirectAnswerBody:
    return DirectAnswerBody(
        text=one.text,
        document=reference_body(one.reference),
        author=author_body(one.author),
        accepted=one.accepted,
        dated=one.dated,
    )


def reference_body(one: DocumentReference) -> ReferenceBody:
    """Return the body of a reference to another document."""
    return ReferenceBody(id=one.document_id, title=one.title, url=web_address(one.url))


def author_body(author: DocumentAuthor) -> AuthorBody:
    """Return the body of a contributor."""
    agent = author.agent
    return AuthorBody(
        name=author.name,
        role=author.role,
        agent_id=agent.id if agent else None,
        post=_post(agent) if agent and not author.departed else None,
        departed=author.departed,
    )


def candidate_body(candidate: Candidate, today: date, *, explain: bool = False) -> CandidateBody:
    """Return the body of a candidate, with reasons.

    Scores are left out without `explain`, because they also depend on documents that the reader may
    not read.
    """
    agent, parts = candidate.agent, candidate.parts
    assert not agent.departed(today)  # noqa: S101 - `find_experts` proposes nobody who left
    return CandidateBody(
        agent=agent_body(agent),
        score=candidate.score if explain else None,
        parts=CandidatePartsBody(votes=parts.votes, walk=parts.walk, documents=parts.documents)
        if explain
        else None,
        evidence=[evidence_body(one) for one in candidate.evidence],
        degree=candidate.degree,
        sure=candidate.sure,
        reasons=list(candidate.reasons),
        last_active=candidate.last_active,
    )


def agent_body(agent: Agent) -> AgentBody:
    """Return the body of an agent: present post, and contact as their entity wishes."""
    return AgentBody(
        id=agent.id,
        name=agent.name,
        email=contact(agent).address,
        contact_via=agent.contact_via,
        post=_post(agent),
        since=agent.arrival,
    )


def _nearest(card: Card) -> ReferenceBody:
    return ReferenceBody(id=card.document_id, title=card.title, url=web_address(card.url))


def evidence_body(one: Evidence) -> EvidenceBody:
    """Return the body of a document that supports a candidate."""
    return EvidenceBody(
        document_id=one.document_id,
        title=one.title,
        url=web_address(one.url),
        roles=list(one.roles),
        first=one.first,
        last=one.last,
        former=one.former,
        answers=one.answers,
        asked_there=one.asked_there,
    )


def _post(agent: Agent) -> PostBody:
    return PostBody(
        metier=agent.metier,
        entity=agent.entity,
        office=agent.office,
        departement=area_body(agent.departement),
    )


def area_body(code: str) -> AreaBody | None:
    """Return the body of a département by its code; None without a code."""
    return AreaBody(code=code, name=area_name(code)) if code else None


def _facet(name: str, facet: FacetValue) -> FacetBody:
    label = area_name(facet.value) if name == "area" else facet.value
    return FacetBody(value=facet.value, label=label, count=facet.count)
