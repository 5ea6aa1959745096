"""Experts proposed for a topic: who may be proposed, and with which evidence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.values import Agent, ContributorRole, EvidencePolicy, RefusedTopic
from expertise.knowing import Features, log_odds
from expertise.names import Reason
from expertise.places import place_in
from expertise.values import (
    AssignedTopics,
    DirectAnswerer,
    RankedDocument,
    ScoreParts,
    TopicHolders,
    TopicsOf,
    Window,
)
from expertise.who_knows import (
    FURTHER_ODDS,
    NEAR_ODDS,
    NO_BAR,
    SURE_ODDS,
    WALK_WEIGHT,
    Experts,
    PeopleQuestion,
    asks_nearly,
    find_experts,
    in_area,
)
from indexer.values import Card
from tests.windows import TODAY, ListedBook, card, ranked, wrote

pytestmark = pytest.mark.experts

READER = "ag-9"
ANA = Agent("ag-1", "Ana", "Le Goff", departement="22", accounts=("wiki:ana", "mail:ana"))
BEN = Agent("ag-2", "Ben", "Amrani", departement="974", accounts=("wiki:ben",))
CYD = Agent("ag-3", "Cyd", "Rossi", departement="29", accounts=("wiki:cyd",))


EVERYBODY = (ANA, BEN, CYD)


def people(
    window: Window,
    *agents: Agent,
    question: str = "cadastre",
    build: AssignedTopics | None = None,
    least: float = NEAR_ODDS,
    limit: int = 10,
    **asked: Any,
) -> Experts:
    """Who is proposed for a question, among these agents or everybody."""
    return find_experts(
        window,
        PeopleQuestion(question, limit=limit, least=least, **asked),
        ListedBook(agents or EVERYBODY),
        TODAY,
        build=build,
    )


def asked(
    documents: list[RankedDocument], *agents: Agent, area: str = "", limit: int = 10
) -> Experts:
    window = Window(tuple(documents))
    return people(window, *agents, reader_id=READER, area=area, least=NO_BAR, limit=limit)


def found(experts: Experts) -> list[str]:
    return [candidate.agent.id for candidate in experts.ranked]


def three_notes() -> list[RankedDocument]:
    """Ana wrote the best note, Ben the next, Cyd the last."""
    return [
        ranked(1.0, card("wiki:1", wrote("wiki:ana"))),
        ranked(0.6, card("wiki:2", wrote("wiki:ben"))),
        ranked(0.3, card("wiki:3", wrote("wiki:cyd"))),
    ]


@dataclass
class Topics:
    """A build: topics of documents, and who holds topics by métier, declared skill or evidence."""

    assigned: TopicsOf
    by_metier: Collection[str] = ()
    declared: Collection[str] = ()
    on_page: Collection[str] = ()
    asked: Collection[str] = ()
    agents: Sequence[Agent] = (ANA,)

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        self.asked = set(document_ids)
        return self.assigned

    def holders_of(self, topic_ids: Sequence[str], today: date) -> TopicHolders:
        stated = {
            **dict.fromkeys(self.declared, Reason.DECLARED),
            **dict.fromkeys(self.by_metier, Reason.METIER),
        }
        held = {id_: why for id_, why in stated.items() if id_ in topic_ids}
        agents = self.agents if held else ()
        return TopicHolders(
            {one.id: one for one in agents}, stated={one.id: held for one in agents}
        )

    def shown_on(self, topic_id: str, today: date) -> frozenset[str]:
        return frozenset(self.on_page if topic_id == "pci" else ())


def test_topics_are_asked_of_the_documents_that_vote_and_no_others() -> None:
    """Topics of documents without a possible expert are not read; shared topics raise a score."""

    documents = [*three_notes(), ranked(0.9, card("wiki:4", wrote("wiki:unknown")))]
    topics = Topics({"wiki:1": [("pci", 1.0)], "wiki:3": [("pci", 1.0)]})

    def parts(assigned: AssignedTopics | None) -> dict[str, ScoreParts]:
        found = people(Window(tuple(documents)), build=assigned, least=NO_BAR)
        return {one.agent.id: one.parts for one in found.ranked}

    before, after = parts(None), parts(topics)
    assert topics.asked == {"wiki:1", "wiki:2", "wiki:3"}
    assert after["ag-3"].walk > before["ag-3"].walk
    assert after["ag-3"].votes == before["ag-3"].votes


def test_candidates_come_best_first_with_their_evidence() -> None:
    """Each has the documents, roles, dates and weights that support them, and score parts."""
    last = TODAY - timedelta(days=30)
    document = card(
        "wiki:1",
        wrote("wiki:ana", ContributorRole.AUTHOR, last - timedelta(days=10)),
        wrote("wiki:ana", ContributorRole.COMMENTER, last),
        wrote("wiki:ben", ContributorRole.EDITOR, last),
    )
    ana, ben = asked([ranked(1.0, document)], ANA, BEN).ranked
    assert (ana.agent, ben.agent) == (ANA, BEN)
    (proof,) = ana.evidence
    assert (proof.document_id, proof.title) == ("wiki:1", "Note wiki:1")
    assert proof.roles == (ContributorRole.AUTHOR, ContributorRole.COMMENTER)
    assert (proof.first, proof.last) == (last - timedelta(days=10), last)
    assert proof.weight == pytest.approx(2 ** (-1 / 4))
    assert (ana.parts.votes, ana.parts.walk, ana.parts.documents) == (1.0, 1.0, 1)
    assert ana.score == pytest.approx(1.0)
    expected = (1 - WALK_WEIGHT) * ben.parts.votes + WALK_WEIGHT * ben.parts.walk
    assert ben.score == pytest.approx(expected)
    assert 0 < ben.score < ana.score


@pytest.mark.parametrize(
    "ana",
    [
        replace(ANA, departure=TODAY),
        replace(ANA, listed=False),
        replace(ANA, accounts=()),
        replace(ANA, id=READER),
    ],
    ids=["departed", "not listed", "no account", "reader"],
)
def test_nobody_is_proposed_who_may_not_be(ana: Agent) -> None:
    """Nor do they count beyond the limit; who leaves tomorrow is proposed still."""
    experts = asked(three_notes(), ana, replace(BEN, departure=TODAY + timedelta(days=1)))
    assert (found(experts), experts.beyond) == (["ag-2"], 0)


def test_several_accounts_of_an_agent_are_joined() -> None:
    """Evidence of both names supports one candidate, and one document counts once."""
    documents = [
        ranked(1.0, card("wiki:1", wrote("wiki:ana"), wrote("mail:ana", ContributorRole.EDITOR))),
        ranked(0.5, card("mail:1", wrote("mail:ana"))),
    ]
    (ana,) = asked(documents, ANA).ranked
    assert [proof.document_id for proof in ana.evidence] == ["wiki:1", "mail:1"]
    assert ana.evidence[0].roles == (ContributorRole.AUTHOR, ContributorRole.EDITOR)
    assert ana.parts.documents == 2


def test_homonyms_stay_apart() -> None:
    """The same name in two places is two agents, each with their own evidence."""
    other = replace(ANA, id="ag-7", accounts=("wiki:ana2",), departement="13")
    documents = [
        ranked(1.0, card("wiki:1", wrote("wiki:ana"))),
        ranked(0.9, card("wiki:2", wrote("wiki:ana2"))),
    ]
    first, second = asked(documents, ANA, other).ranked
    assert (first.agent.id, second.agent.id) == ("ag-1", "ag-7")
    assert [proof.document_id for proof in second.evidence] == ["wiki:2"]


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ("", ["ag-1", "ag-2", "ag-3"]),
        ("22", ["ag-1"]),
        ("r53", ["ag-1", "ag-3"]),
        ("r04", ["ag-2"]),
        ("r", []),
        ("99", []),
        ("r99", []),
        ("53", []),
    ],
)
def test_an_area_narrows_to_present_posts(area: str, expected: list[str]) -> None:
    """A département by its code, a region by `r` and its code; no other code is anywhere."""
    assert found(asked(three_notes(), ANA, BEN, CYD, area=area)) == expected


def test_an_area_changes_no_score() -> None:
    """Who is left stands with the score that they have in the whole country."""
    everywhere = {c.agent.id: c.score for c in asked(three_notes(), ANA, BEN, CYD).ranked}
    (cyd,) = asked(three_notes(), ANA, BEN, CYD, area="29").ranked
    assert cyd.score == everywhere["ag-3"]


def test_an_agent_without_a_post_is_in_no_area() -> None:
    """An empty département is in no département and no region."""
    nowhere = replace(ANA, departement="")
    assert in_area(nowhere, "")
    assert not in_area(nowhere, "22")
    assert not in_area(nowhere, "r53")
    assert not in_area(nowhere, "r")


def test_a_limit_says_how_many_are_beyond_it() -> None:
    """The first ones are the same at any limit."""
    experts = asked(three_notes(), ANA, BEN, CYD, limit=2)
    assert (found(experts), experts.beyond) == (["ag-1", "ag-2"], 1)
    assert asked(three_notes(), ANA, BEN, CYD, limit=3).beyond == 0


def test_equals_stand_by_id() -> None:
    """Two authors of one document come in the order of their ids, every time."""
    documents = [ranked(1.0, card("wiki:1", wrote("wiki:ben"), wrote("wiki:ana")))]
    assert found(asked(documents, BEN, ANA)) == ["ag-1", "ag-2"]


@pytest.mark.parametrize(
    "role",
    [
        ContributorRole.ASKER,
        ContributorRole.UPLOADER,
        ContributorRole.FORWARDER,
        ContributorRole.BOT,
    ],
)
def test_who_only_asked_or_passed_on_is_not_proposed(role: ContributorRole) -> None:
    """Their role weighs nothing, and does not show among the roles of the evidence."""
    assert found(asked([ranked(1.0, card("wiki:1", wrote("wiki:ana", role)))], ANA)) == []
    both = [ranked(1.0, card("wiki:1", wrote("wiki:ana", role), wrote("wiki:ana")))]
    (ana,) = asked(both, ANA).ranked
    assert ana.evidence[0].roles == (ContributorRole.AUTHOR,)


def test_a_document_out_of_evidence_proposes_nobody() -> None:
    """Not even where another document speaks for the same agent."""
    private = replace(card("wiki:1", wrote("wiki:ana")), evidence=EvidencePolicy.NONE)
    assert found(asked([ranked(1.0, private)], ANA)) == []
    documents = [ranked(1.0, private), ranked(0.4, card("wiki:2", wrote("wiki:ana")))]
    (ana,) = asked(documents, ANA).ranked
    assert [proof.document_id for proof in ana.evidence] == ["wiki:2"]


def test_a_document_that_does_not_answer_is_no_evidence() -> None:
    """At score 0 it neither proposes its author nor counts among their documents."""
    documents = [
        ranked(1.0, card("wiki:1", wrote("wiki:ana"))),
        ranked(0.0, card("wiki:2", wrote("wiki:ana"), wrote("wiki:ben"))),
    ]
    (ana,) = asked(documents, ANA, BEN).ranked
    assert [proof.document_id for proof in ana.evidence] == ["wiki:1"]
    assert ana.parts.documents == 1


def saying(documents: list[RankedDocument], said: float) -> Window:
    """A window whose documents all say this share of the question."""
    return Window(tuple(one._replace(said=said) for one in documents))


@pytest.mark.parametrize("topics", [{}, {"wiki:3": [("pci", 0.1)]}])
def test_few_votes_count_against_a_candidate_without_topics_alone(topics: TopicsOf) -> None:
    """The best one's log-odds stay those of the features; with a topic everybody's do."""
    window = saying(three_notes(), 1.0)
    found = people(window, build=Topics(topics), least=NO_BAR)
    ana, *others = found.ranked
    assert ana.confidence == log_odds(Features(*ana.parts.features))
    assert [one.agent for one in others] == [BEN, CYD]
    for one in others:
        assert (one.confidence < log_odds(Features(*one.parts.features))) is not bool(topics)


def test_thin_evidence_names_nobody() -> None:
    """Nobody, the nearest documents instead; and no area where nobody is known anywhere."""
    thin = saying(three_notes(), 0.0)
    nobody = people(thin)
    assert (nobody.ranked, nobody.beyond, nobody.nearest_area) == ((), 0, "")
    assert [one.card.document_id for one in nobody.nearest] == ["wiki:1", "wiki:2", "wiki:3"]
    assert nobody.stated == ()


def test_where_nothing_comes_near_the_strongest_name_is_held_back() -> None:
    """However the documents stand among themselves."""
    far = Window(tuple(three_notes()), far=True)
    nobody = people(far)
    assert (nobody.ranked, nobody.beyond, nobody.nearest_area) == ((), 0, "")
    assert (nobody.nearest, nobody.far) == ((), True)
    assert found(people(far, least=NO_BAR)) == ["ag-1", "ag-2", "ag-3"]


@given(
    scores=st.lists(st.tuples(st.floats(0, 1), st.floats(-0.2, 0.2)), max_size=4),
    far=st.booleans(),
)
def test_every_candidate_has_evidence(scores: list[tuple[float, float]], far: bool) -> None:
    """Whatever the neighbours of a document add to its score."""
    accounts = ["wiki:ana", "wiki:ben", "wiki:cyd", "wiki:ana"]
    documents = tuple(
        RankedDocument(card(f"wiki:{n}", wrote(accounts[n])), score, near_hits=near, said=0.7)
        for n, (score, near) in enumerate(scores)
    )
    window = Window(documents, far=far)
    shown = people(window).ranked
    assert all(one.evidence for one in shown)
    assert not (far and shown)


def test_each_candidate_stands_on_their_own() -> None:
    """A clear expert brings no weak name along; a near second stays."""
    notes = [
        ranked(1.0, card("wiki:1", wrote("wiki:ana"))),
        ranked(0.9, card("wiki:2", wrote("wiki:ben"))),
        ranked(0.3, card("wiki:3", wrote("wiki:cyd"))),
    ]
    somebody = people(Window(tuple(notes)))
    assert (found(somebody), somebody.nearest, somebody.beyond) == (["ag-1", "ag-2"], (), 0)
    assert all(one.confidence >= NEAR_ODDS for one in somebody.ranked)


def test_where_no_document_answers_the_likeliest_has_to_be_surer() -> None:
    """Whoever is only a little likelier than not may then point the way, and is no expert."""
    window = saying([ranked(1.0, card("wiki:1", wrote("wiki:ana")))], 0.6)
    answered, nothing = (people(window, ANA, documents_answer=answer) for answer in (True, False))
    (ana,) = answered.ranked
    assert SURE_ODDS <= ana.confidence < FURTHER_ODDS
    assert [one.agent for one in answered.known] == [ANA]
    assert (found(nothing), nothing.known) == (["ag-1"], ())


@pytest.mark.parametrize(("said", "sure"), [(1.0, True), (0.5, False)])
def test_who_only_comes_near_is_marked(said: float, sure: bool) -> None:
    """Between the bar that shows and the one that vouches."""
    window = saying([ranked(1.0, card("wiki:1", wrote("wiki:ana")))], said)
    build = Topics({"wiki:1": [("pci", 0.6)]})  # known documents of a topic vouch less
    (ana,) = people(window, ANA, build=build).ranked
    assert ana.sure is sure


ASKED = "Comment calculer la valeur locative cadastrale ?"


@pytest.mark.parametrize(
    ("title", "role", "degree"),
    [
        ("comment calculer la valeur locative CADASTRALE", ContributorRole.ANSWERER, "answered"),
        ("Calculer la valeur locative cadastrale", ContributorRole.ANSWERER, "neighbour"),
        ("Qui calcule la valeur locative cadastrale ?", ContributorRole.ANSWERER, "neighbour"),
        ("Valeur locative cadastrale : la calculer", ContributorRole.ANSWERER, "neighbour"),
        ("Calculer la valeur locative cadastrale", ContributorRole.AUTHOR, "wrote"),
        ("Contester la valeur locative", ContributorRole.ANSWERER, "wrote"),
        ("Valeur locative", ContributorRole.ANSWERER, "wrote"),
        ("", ContributorRole.ANSWERER, "wrote"),
    ],
)
def test_an_answer_to_the_question_is_told_from_one_to_a_neighbouring_question(
    title: str, role: ContributorRole, degree: str
) -> None:
    """By the thread's title, and from a text on the subject."""
    thread = replace(card("wiki:1", wrote("wiki:ana", role)), title=title)
    window = Window((ranked(1.0, thread),))
    (ana,) = people(window, ANA, question=ASKED).ranked
    assert ana.degree == degree
    (proof,) = ana.evidence
    assert (proof.asked_there, proof.asked_near) == (degree == "answered", degree == "neighbour")


def test_the_answer_to_the_same_question_comes_first_among_the_evidence() -> None:
    """Then one to a neighbouring question, then the document that the question is nearest to."""
    answers = wrote("wiki:ana", ContributorRole.ANSWERER)
    thread = replace(card("wiki:1", answers), title=ASKED)
    neighbour = replace(card("wiki:3", answers), title=f"{ASKED} Un seuil")
    notes = [
        ranked(1.0, card("wiki:2", wrote("wiki:ana"))),
        ranked(0.9, neighbour),
        ranked(0.9, thread),
    ]
    (ana,) = people(Window(tuple(notes)), ANA, question=ASKED).ranked
    assert [one.document_id for one in ana.evidence] == ["wiki:1", "wiki:3", "wiki:2"]


@pytest.mark.parametrize(
    ("role", "degree"),
    [(ContributorRole.ACCEPTED_ANSWERER, "answered"), (ContributorRole.AUTHOR, "wrote")],
)
def test_who_wrote_the_direct_answer_answered(role: ContributorRole, degree: str) -> None:
    """Where it is an answer; a note answers nobody's question."""
    window = Window((ranked(1.0, card("wiki:1", wrote("wiki:ana", role))),))
    direct = DirectAnswerer(ANA.id, "wiki:1")
    (ana,) = people(window, ANA, question=ASKED, direct=direct).ranked
    assert ana.degree == degree


@pytest.mark.parametrize("word", ["taxe", "taxe foncière", "", "?"])
def test_a_subject_asks_nothing(word: str) -> None:
    """A title of the same one or two words is no question that was answered."""
    assert not asks_nearly(word, word)


@pytest.mark.parametrize(("held", "sure"), [({"pci"}, True), ({"paie"}, False), (set(), False)])
def test_a_document_on_ones_metier_vouches(held: set[str], sure: bool) -> None:
    """A document that comes near is enough where the directory says the same of its author."""

    window = saying([ranked(1.0, card("wiki:1", wrote("wiki:ana")))], 0.5)
    build = Topics({"wiki:1": [("pci", 0.6)]}, by_metier=held)
    (ana,) = people(window, ANA, build=build).ranked
    assert ana.sure is sure


def test_one_very_fitting_document_is_enough() -> None:
    """Further documents add to a confidence; having none takes nothing from it."""
    one = [ranked(1.0, card("wiki:1", wrote("wiki:ana")))]
    more = [*one, ranked(0.2, card("wiki:2", wrote("wiki:ana")))]
    confidences = []
    for notes in (one, more):
        (ana,) = people(Window(tuple(notes)), ANA).ranked
        confidences.append(ana.confidence)
    assert NEAR_ODDS <= confidences[0] <= confidences[1]


def test_where_nobody_is_known_the_nearest_area_is_named() -> None:
    """In Morbihan nobody: Côtes-d'Armor is nearer than Finistère and La Réunion."""
    nobody = people(Window(tuple(three_notes())), area="56")
    assert (nobody.ranked, nobody.nearest_area) == ((), "22")


def near(place: str, *agents: Agent, apart: bool = False) -> Experts:
    """All three wrote the note that answers; or Cyd wrote `apart` one that says less."""
    authors = [wrote("wiki:ana"), wrote("wiki:ben")]
    notes = [ranked(1.0, card("wiki:1", *authors, *([] if apart else [wrote("wiki:cyd")])))]
    if apart:
        notes.append(ranked(0.45, card("wiki:2", wrote("wiki:cyd"))))
    return people(Window(tuple(notes)), *agents, reader_id=READER, place=place_in(place))


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ("vers Brest", [CYD.id, ANA.id, BEN.id]),
        ("à La Réunion", [BEN.id, ANA.id, CYD.id]),
        ("en Bretagne", [ANA.id, CYD.id, BEN.id]),
        ("près de Vannes", [ANA.id, CYD.id, BEN.id]),
    ],
)
def test_those_who_know_stand_by_their_distance_to_the_place(place: str, order: list[str]) -> None:
    experts = near(place, ANA, BEN, CYD)
    assert [one.agent.id for one in experts.known] == found(experts) == order


def test_nobody_is_named_because_of_the_place_alone() -> None:
    """Who only comes near the subject stays behind those who know, and has no card."""
    experts = near("vers Brest", ANA, BEN, CYD, apart=True)
    assert CYD.id in found(experts)
    assert CYD.id not in [one.agent.id for one in experts.known]


def test_a_nearer_holder_of_the_questions_topic_is_an_expert_for_a_place() -> None:
    """Though a farther expert is likelier; without a place, or without the topic, not."""
    notes = [ranked(1.0, card("wiki:1", wrote("wiki:ben")))._replace(answered_by="wiki:ben")]
    notes.append(ranked(0.3, card("wiki:2", wrote("wiki:ana"))))
    window = Window(tuple(notes))

    def known(held: set[str], place: str) -> list[str]:
        build = Topics({"wiki:1": [("pci", 0.5)], "wiki:2": [("pci", 0.5)]}, by_metier=held)
        found = people(window, BEN, ANA, place=place_in(place), build=build)
        return [one.agent.id for one in found.known]

    assert known({"pci"}, "vers Vannes") == [ANA.id, BEN.id]
    assert known({"pci"}, "") == known({"paie"}, "vers Vannes") == [BEN.id]


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (replace(CYD, departure=TODAY), True),
        (replace(CYD, departure=TODAY, listed=False), False),
        (replace(CYD, departure=TODAY, departement="13"), False),
        (replace(CYD, departure=TODAY, refused=(RefusedTopic("pci", ("cadastre",)),)), False),
        (CYD, False),
    ],
)
def test_it_is_told_that_somebody_who_knew_there_left(gone: Agent, left: bool) -> None:
    """Not of who asked not to be listed, nor refused the subject."""
    experts = near("vers Brest", ANA, BEN, gone)
    assert experts.left is left


def called(question: str, *agents: Agent, documents: list[RankedDocument] | None = None) -> Experts:
    window = Window(tuple(documents or ()))
    named = ListedBook(agents).named(question)
    return people(window, *agents, question=question, reader_id=READER, named=named)


GEOMETER = replace(BEN, metier="géomètre du cadastre", departement="15", office="Aurillac")


@pytest.mark.parametrize(
    "question", ["Le Goff", "le goff GUINGAMP", "ana legoff", "Ana", "ana legaff"]
)
def test_a_name_finds_its_bearer(question: str) -> None:
    """With or without the town, accents, case and spaces aside; not another name."""
    ana = replace(ANA, office="Guingamp")
    ids = [one.agent.id for one in called(question, ana, CYD).named]
    assert ids == ([] if question == "ana legaff" else ["ag-1"])


def test_a_metier_and_a_place_find_who_holds_the_post() -> None:
    """Above any evidence, as the very person meant, with the reasons."""
    experts = called("geometres Cantal", GEOMETER, ANA, documents=three_notes())
    (named,) = experts.named
    assert (named.agent.id, named.reasons) == ("ag-2", (Reason.METIER, Reason.PLACE))
    assert found(experts) == ["ag-1"]


def test_who_is_not_listed_is_not_found_by_name() -> None:
    """Nor who has left, nor the one who asks."""
    for agent in (
        replace(ANA, listed=False),
        replace(ANA, departure=TODAY),
        replace(ANA, id="ag-9"),
    ):
        assert called("Le Goff", agent).named == ()


def test_a_declared_skill_never_outranks_evidence() -> None:
    """It stands in its own list, below; after a year without evidence it is to be renewed."""
    fresh = replace(CYD, skills=("cadastre",), skills_declared=TODAY - timedelta(days=365))
    old = replace(BEN, skills=("cadastre",), skills_declared=TODAY - timedelta(days=366))
    documents = [ranked(0.8, card("wiki:1", wrote("wiki:ana")))]
    experts = called("cadastre", ANA, fresh, old, documents=documents)
    assert found(experts) == ["ag-1"]
    stated = {one.agent.id: one.reasons for one in experts.stated}
    assert stated == {"ag-3": (Reason.DECLARED,), "ag-2": (Reason.RENEW,)}
    assert all(one.evidence == () and one.score == 0 for one in experts.stated)


def test_a_confirmed_skill_says_so() -> None:
    """Confirmed, declared and demonstrated are three things; a candidate shows them apart."""
    ana = replace(ANA, skills=("cadastre",), skills_confirmed=("cadastre",))
    (one,) = called("cadastre", ana, documents=three_notes()).ranked
    assert one.evidence
    assert one.reasons == (Reason.CONFIRMED,)


def test_evidence_of_a_former_post_is_marked() -> None:
    """Evidence is of a former post if it ends before the arrival; undated evidence is not."""
    ana = replace(ANA, arrival=TODAY - timedelta(days=100))
    documents = [
        ranked(1.0, card("wiki:1", wrote("wiki:ana", last=TODAY - timedelta(days=101)))),
        ranked(0.9, card("wiki:2", wrote("wiki:ana", last=TODAY - timedelta(days=100)))),
        ranked(0.8, card("wiki:3", wrote("wiki:ana"))),
    ]
    (one,) = asked(documents, ana).ranked
    former = {proof.document_id: proof.former for proof in one.evidence}
    assert former == {"wiki:1": True, "wiki:2": False, "wiki:3": False}
    assert one.last_active == TODAY - timedelta(days=100)


@st.composite
def windows(draw: st.DrawFn) -> list[RankedDocument]:
    accounts = st.sampled_from(["wiki:ana", "mail:ana", "wiki:ben", "wiki:cyd", "wiki:nobody"])
    days = st.none() | st.dates(date(2000, 1, 1), date(2027, 1, 1))
    rows = st.lists(st.tuples(accounts, st.sampled_from(ContributorRole), days), max_size=4)
    scores = sorted(draw(st.lists(st.floats(0, 1), max_size=8)), reverse=True)
    return [
        ranked(score, card(f"wiki:{n}", *(wrote(*row) for row in draw(rows))))
        for n, score in enumerate(scores)
    ]


@settings(deadline=None)
@given(windows())
def test_the_same_question_has_the_same_answer(documents: list[RankedDocument]) -> None:
    """And nobody in it is without evidence, out of range or out of order."""
    experts = asked(documents, ANA, BEN, CYD)
    assert experts == asked(documents, CYD, ANA, BEN)
    keys = [(not one.sure, -one.confidence, -round(one.score, 6)) for one in experts.ranked]
    assert keys == sorted(keys)
    for candidate in experts.ranked:
        assert candidate.evidence
        assert candidate.parts.documents == len(candidate.evidence)
        assert 0 < candidate.score <= 1 + 1e-9
        assert all(proof.weight > 0 and proof.roles for proof in candidate.evidence)


def test_who_wrote_the_direct_answer_knows_where_it_counts_for_them() -> None:
    """Even where the window is far; not by a private matter, nor by what they refused, nor gone."""
    others = [ranked(0.1, card(f"wiki:{n}", wrote("wiki:ben"))) for n in range(2, 60)]
    others.append(ranked(0.1, card("wiki:60", wrote("wiki:ana"))))  # far, and hers

    def named(document: Card, ana: Agent = ANA, area: str = "") -> list[str]:
        window = Window((ranked(1.0, document), *others), far=True)
        answered = DirectAnswerer(ANA.id, document.document_id)
        return found(people(window, ana, BEN, question="bornage", area=area, direct=answered))

    answer = card("wiki:1", wrote("wiki:ana", ContributorRole.ACCEPTED_ANSWERER))
    assert named(answer) == [ANA.id]
    assert named(answer, area="974") == []
    assert named(replace(answer, evidence=EvidencePolicy.NONE)) == []
    refused = RefusedTopic("t", (), frozenset({"wiki:1"}))
    assert named(answer, replace(ANA, refused=(refused,))) == []
    assert named(answer, replace(ANA, refused=(RefusedTopic("t", ("bornage",)),))) == []
    assert named(answer, replace(ANA, listed=False)) == []
    assert named(answer, replace(ANA, departure=TODAY)) == []


@pytest.mark.parametrize(
    ("asked", "held", "sure"),
    [({"pci"}, {"pci"}, True), (set(), {"paie"}, False), ({"pci"}, set(), False)],
)
def test_a_named_topic_that_the_directory_states_vouches(
    asked: set[str], held: set[str], sure: bool
) -> None:
    """With a document on it; another topic, or one that is not stated, does not."""

    window = saying([ranked(1.0, card("wiki:1", wrote("wiki:ana")))], 0.3)
    build = Topics({"wiki:1": [("pci", 0.6)]}, declared=held)
    experts = people(window, ANA, question="plan", topics=asked, build=build)
    assert [one.agent.id for one in experts.candidates if one.sure] == [ANA.id] * sure


def test_who_holds_the_topic_by_the_directory_knows_without_documents() -> None:
    """Beside who wrote; not where they may not be proposed, and without a place in the evidence."""
    window = Window((ranked(1.0, card("wiki:1", wrote("wiki:ben"))),))
    silent = replace(ANA, metier="géomètre", accounts=())
    hidden = replace(CYD, listed=False)
    left = Agent("ag-4", "Dan", "Morel", departure=TODAY)
    build = Topics({"wiki:1": [("pci", 1.0)]}, by_metier={"pci"}, agents=(silent, hidden, left))
    experts = people(window, BEN, question="plan", topics={"pci"}, build=build)
    assert found(experts) == [BEN.id]
    assert [(one.agent.id, one.evidence, one.reasons) for one in experts.stated] == [
        (silent.id, (), (Reason.METIER,))
    ]


def test_whom_a_topics_page_shows_is_known_where_the_question_is_that_topic() -> None:
    """Far down the window too; never who may not be proposed, whatever the page of then said."""
    documents = [*three_notes(), ranked(0.2, card("wiki:4", wrote("wiki:dan")))]
    dan = Agent("ag-4", "Dan", "Morel", departement="35", accounts=("wiki:dan",), listed=False)
    refusing = replace(BEN, refused=(RefusedTopic("pci", ("cadastre",)),))
    window = Window(tuple(documents))
    build = Topics({}, on_page=[BEN.id, CYD.id, dan.id, READER])

    def sure(topic: str) -> list[str]:
        asked: dict[str, Any] = {"reader_id": READER, "whole_topic": topic}
        experts = people(window, ANA, refusing, CYD, dan, build=build, **asked)
        return [one.agent.id for one in experts.candidates if one.sure]

    assert {*sure("pci")} - {*sure("")} == {CYD.id}
    assert sure("") == sure("paie")


def test_the_nearest_area_to_a_region_is_found_by_distance() -> None:
    """To Bretagne Loire-Atlantique is nearer than La Réunion, however much stands there."""
    near = replace(CYD, departement="44")
    documents = [
        ranked(1.0, card("wiki:1", wrote("wiki:ben"))),
        ranked(0.5, card("wiki:2", wrote("wiki:cyd"))),
    ]
    assert asked(documents, BEN, near, area="r53").nearest_area == "44"


@given(windows(), st.sets(st.integers(0, 7), max_size=4), st.booleans())
def test_a_correction_lowers_nobody_else(
    documents: list[RankedDocument], corrected: set[int], by_topic: bool
) -> None:
    """Disowned documents, or a refused topic of them: they support Ana no more, others as before.

    Who else was sure is sure, with the same evidence and likelihood, and comes in the same order.
    """
    ids = {documents[n].card.document_id for n in corrected if n < len(documents)}
    build = Topics({id_: [("pci", 0.6)] for id_ in ids})

    def answer(ana: Agent) -> Experts:
        window = Window(tuple(documents))
        return people(window, ana, BEN, CYD, question="plan", build=build)

    before = answer(ANA)
    refused = replace(ANA, refused=(RefusedTopic("pci"),))
    after = answer(refused if by_topic else replace(ANA, disowned=frozenset(ids)))
    own = [one for one in after.ranked if one.agent.id == ANA.id]
    assert not ids & {proof.document_id for one in own for proof in one.evidence}
    others = [one.agent.id for one in after.known if one.agent.id != ANA.id]
    were = {one.agent.id: one for one in before.known if one.agent.id != ANA.id}
    assert [id_ for id_ in others if id_ in were] == list(were)
    for one in after.known:
        if one.agent.id in were:
            assert one.evidence == were[one.agent.id].evidence
            assert one.confidence == were[one.agent.id].confidence


def test_a_disowned_document_supports_nothing() -> None:
    """The rest of what Ana wrote counts as if the document were somebody else's."""
    answer = ranked(1.0, card("wiki:1", wrote("wiki:ana", ContributorRole.ACCEPTED_ANSWERER)))
    answer = answer._replace(answered_by="wiki:ana")
    window = Window((answer, ranked(0.9, card("wiki:2", wrote("wiki:ana")))))

    def features(ana: Agent) -> tuple[float, float, float]:
        answered = DirectAnswerer(ANA.id, "wiki:1")
        (one,) = people(window, ana, question="plan", direct=answered, least=NO_BAR).ranked
        found = Features(*one.parts.features)
        return found.first, found.direct, found.said

    assert features(ANA) == (1.0, 1.0, 1.0)
    assert features(replace(ANA, disowned=frozenset({"wiki:1"}))) == (0.5, 0.0, 0.9)


def test_who_refused_a_topic_is_not_named_for_it_in_other_words() -> None:
    """The question has the topic's words in another order; the documents never say its label."""
    window = Window(tuple(three_notes()))
    refusing = replace(ANA, refused=(RefusedTopic("pci", ("plan cadastral",)),))
    build = Topics({"wiki:1": [("pci", 0.9)], "wiki:2": [("pci", 0.4)]})

    def named(question: str, topics: Collection[str]) -> list[str]:
        asked: dict[str, Any] = {"question": question, "topics": topics}
        experts = people(window, refusing, BEN, CYD, build=build, least=NO_BAR, **asked)
        return [one.agent.id for one in (*experts.ranked, *experts.stated)]

    assert ANA.id not in named("un cadastral plan", {"pci"})
    assert ANA.id not in named("une feuille", ())
