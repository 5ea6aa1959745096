"""Isolated people: what prevents the claim, and how many people of a topic must be visible."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.geography import region_of
from connectors.values import (
    EVERYONE,
    Access,
    Agent,
    Contribution,
    ContributorRole,
    Mission,
    RefusedTopic,
)
from evaluation.assignment import Assignment
from expertise.build import BuildRules
from expertise.build_tables import TopicRecord, topic_record, topic_row
from expertise.holders import BASES, SCOPES, Basis, IsolationScope, TopicNames, topics_of_metiers
from expertise.isolation import sole_probability
from expertise.topics import Topic, TopicKind
from indexer.values import IndexedDocument, Passage
from tests.builders import make_document
from tests.planted import ENCODER, TODAY
from tests.reference_build import MemoryBuild, build_from, read_corpus

pytestmark = pytest.mark.experts

SUBJECT = Topic("regies", "régies")
METIER = Topic("m-geometre", "géomètre", kind=TopicKind.METIER)
HERE, THERE = "22", "974"
AUTHOR, EDITOR = ContributorRole.AUTHOR, ContributorRole.EDITOR


def person(number: int, departement: str = HERE, **fields: object) -> Agent:
    return Agent(
        f"ag-{number}",
        "Jo",
        f"Nom{number}",
        departement=departement,
        accounts=(f"wiki:a{number}",),
        **fields,  # type: ignore[arg-type]
    )


def pages(
    number: int,
    role: ContributorRole = AUTHOR,
    count: int = 2,
    kind: str = "note",
    title: str = "Les régies",
) -> list[IndexedDocument]:
    """So many documents on the subject, by one person alone."""
    found = []
    for place in range(count):
        row = Contribution(f"wiki:a{number}", role, last=date(2026, 9, 1))
        document = make_document(
            f"wiki:{number}-{role}-{kind}-{title}-{place}",
            title=title,
            kind=kind,
            access=Access(frozenset({EVERYONE})),
            contributions=(row,),
        )
        found.append(
            IndexedDocument(document, (Passage("Texte."),), ENCODER.passages(["Texte."]), "c", "r")
        )
    return found


def built(
    people: Sequence[Agent], documents: Sequence[IndexedDocument], least_known: float = 0.0
) -> MemoryBuild:
    rules = BuildRules(least_known=least_known)
    topics = (METIER, SUBJECT)
    corpus = read_corpus(
        documents, Assignment(topics), frozenset({EVERYONE}), TODAY, asking=rules.asking
    )
    owners = {account: one for one in people for account in one.accounts}
    return build_from(corpus, topics, people, owners, rules, TODAY)


def alone(build: MemoryBuild) -> dict[tuple[str, str], IsolationScope]:
    """(topic, agent) of who is called alone: how widely."""
    return {
        (
            build.topics[int(build.holdings.topic[row])].id,
            build.agents[int(build.holdings.agent[row])].id,
        ): SCOPES[int(scope)]
        for row, scope in enumerate(build.isolation.scope)
        if scope
    }


COUNTRY = {("regies", "ag-1"): IsolationScope.COUNTRY}
DEPARTEMENT = {("regies", "ag-1"): IsolationScope.DEPARTEMENT}
ONE = [person(1)]


def test_who_wrote_on_it_stops_the_claim() -> None:
    """One answer makes nobody a holder, and nobody alone beside them."""
    mine, other = pages(1), pages(2, ContributorRole.ACCEPTED_ANSWERER, 1)
    assert alone(built([*ONE, person(2, THERE)], mine)) == COUNTRY
    assert alone(built([*ONE, person(2, THERE)], mine + other)) == {
        ("regies", "ag-1"): IsolationScope.REGION
    }
    assert alone(built([*ONE, person(2, HERE)], mine + other)) == {}


@pytest.mark.parametrize(
    "other",
    [
        pages(2, EDITOR, 1),
        pages(2, ContributorRole.COMMENTER, 1),
        pages(2, ContributorRole.REVIEWER, 1),
        pages(2, kind="offre de mission"),
        pages(2, kind="actualité"),
        pages(2, title="TR: Les régies"),
    ],
)
def test_who_only_passes_by_stops_no_claim(other: list[IndexedDocument]) -> None:
    """A correction, a comment, a job offer, news or a forwarded mail shows nobody who knows."""
    assert alone(built([*ONE, person(2, HERE)], pages(1) + other)) == COUNTRY


def test_the_directory_speaks_for_a_document() -> None:
    """One answer makes a holder where métier or skill says the topic, and not elsewhere."""
    answer = pages(1, ContributorRole.ACCEPTED_ANSWERER, 1)
    for said, holds in (
        ({}, 0),
        ({"metier": "conseiller en jardins"}, 0),
        ({"metier": "conseiller en régies"}, 1),
        ({"skills": ("régies",)}, 1),
    ):
        assert built([person(1, **said)], answer).holdings.holds.sum() == holds, said


def test_a_declared_skill_that_the_metier_says_is_held() -> None:
    """Without a document; the page says that it is by the métier."""
    held = built([person(1, metier="conseiller en régies", skills=("régies",))], []).holdings
    assert [BASES[basis] for basis in held.basis.tolist()] == [Basis.METIER]
    other = built([person(1, metier="conseiller en jardins", skills=("régies",))], []).holdings
    assert [BASES[basis] for basis in other.basis.tolist()] == [Basis.DECLARED]


def test_a_word_of_many_metiers_says_nothing() -> None:
    """«Chargé de mission» has nothing to do with the topic of travel expenses."""
    names = TopicNames.of([Topic("frais", "frais de mission"), SUBJECT])
    subjects = ("eau", "forêts", "risques", "habitat", "régies")
    found = topics_of_metiers(names, [f"chargé de mission {one}" for one in subjects])
    assert {topic for some in found.values() for topic in some} == {"regies"}
    assert found["chargé de mission régies"] == ("regies",)


def test_who_declares_it_stops_the_claim() -> None:
    """Though nothing shows it."""
    assert alone(built([*ONE, person(2, skills=("régies",))], pages(1))) == {}


def test_who_refused_a_topic_is_not_seen_on_it() -> None:
    """They neither stop a claim nor are claimed, whatever they wrote; another topic changes
    nothing."""
    notes = pages(1) + pages(2)
    assert alone(built([*ONE, person(2)], notes)) == {}
    assert alone(built([*ONE, person(2, refused=(RefusedTopic("paie"),))], notes)) == {}
    assert alone(built([*ONE, person(2, refused=(RefusedTopic("regies"),))], notes)) == COUNTRY
    both = [person(number, refused=(RefusedTopic("regies"),)) for number in (1, 2)]
    assert alone(built(both, notes)) == {}


def test_what_left_no_person_stops_nothing() -> None:
    """Whoever asked is not visible by asking, nor is who left."""
    asked = pages(2, ContributorRole.ASKER)
    assert alone(built([*ONE, person(2)], pages(1) + asked)) == COUNTRY
    assert alone(built(ONE, pages(1) + pages(3))) == COUNTRY


def test_job_offers_make_no_holder() -> None:
    """However many; beside them one's own notes count as before."""
    offers = pages(1, kind="Offres de mission", count=9)
    assert not built(ONE, offers).holdings.holds.any()
    assert built(ONE, offers + pages(1)).holdings.holds.sum() == 1


def test_who_only_changed_pages_is_not_called_alone() -> None:
    """They hold the topic by many, and nothing of it is theirs; a declared skill bears it out."""
    edits = pages(1, EDITOR, 9)
    assert built(ONE, edits).holdings.holds.sum() == 1
    assert alone(built(ONE, edits, least_known=0.1)) == {}
    declared = [person(1, skills=("régies",))]
    assert alone(built(declared, edits, least_known=0.1)) == COUNTRY


def test_without_enough_of_the_people_no_claim_is_made() -> None:
    """The directory names nine who show nothing: others may be out of sight as well."""
    silent = [person(n, THERE, skills=("régies",)) for n in range(2, 11)]
    mine = [person(1, skills=("régies",))]
    shown = built([*mine, *silent], pages(1), least_known=0.6)
    assert shown.sight.share[1] < 0.3
    assert alone(shown) == {}
    assert alone(built([*mine, *silent], pages(1))) == {
        ("regies", "ag-1"): IsolationScope.REGION,
    }
    written = [one for number in range(2, 11) for one in pages(number)]
    assert ("regies", "ag-1") in alone(built([*mine, *silent], pages(1) + written, 0.6))


def test_a_metier_rests_on_the_directory() -> None:
    """Who writes about it has it no more; of entries without a métier nobody knows."""
    one = person(1, metier="géomètre")
    written = pages(2)
    others = [person(number, THERE, metier="agent") for number in range(2, 6)]
    found = alone(built([one, *others], written, least_known=0.6))
    assert found["m-geometre", "ag-1"] is IsolationScope.COUNTRY
    unknown = [person(number, THERE) for number in range(2, 6)]
    found = alone(built([one, *unknown], written, least_known=0.6))
    assert ("m-geometre", "ag-1") not in found or (
        found["m-geometre", "ag-1"] is not IsolationScope.COUNTRY
    )


RUNNING = Mission("régies", TODAY - timedelta(days=90))
ENDED = Mission("regies", TODAY - timedelta(days=90), TODAY - timedelta(days=1))
COMING = Mission("regies", TODAY + timedelta(days=1))
SILENT = st.fixed_dictionaries(
    {
        "departement": st.sampled_from((HERE, THERE, "35", "")),
        "missions": st.lists(st.sampled_from((RUNNING, ENDED, COMING)), max_size=3).map(tuple),
        "skills": st.sampled_from(((), ("régies",))),
    }
)


@given(st.lists(SILENT, min_size=1, max_size=4), st.booleans(), st.sampled_from((0.0, 0.6)))
def test_a_mission_in_force_always_stops_anothers_claim(
    others: list[dict[str, object]], mine: bool, bar: float
) -> None:
    """Wherever somebody is called alone, nobody else in the area is on a mission for the topic."""
    me = person(1, missions=(RUNNING,) if mine else ())
    people = [me, *(person(n, **one) for n, one in enumerate(others, start=2))]  # type: ignore[arg-type]
    by_id = {one.id: one for one in people}
    on = [one for one in people if any(mission.in_force(TODAY) for mission in one.missions)]
    found = alone(built(people, pages(1), bar))
    areas: dict[IsolationScope, Callable[[Agent], str | None]] = {
        IsolationScope.DEPARTEMENT: lambda one: one.departement,
        IsolationScope.REGION: lambda one: region_of(one.departement),
        IsolationScope.COUNTRY: lambda _: "",
    }
    for (topic, id_), scope in found.items():
        area = areas[scope]
        assert topic == "regies"
        assert not [o.id for o in on if o.id != id_ and area(o) == area(by_id[id_])]


def test_an_ended_mission_is_past() -> None:
    """It makes no holder and stops nobody; nor is its agent called alone by what they wrote."""
    assert not built([person(1, missions=(ENDED,))], []).holdings.holds.any()
    assert not built([person(1, missions=(COMING,))], []).holdings.holds.any()
    assert alone(built([*ONE, person(2, missions=(ENDED,))], pages(1))) == COUNTRY
    assert alone(built([person(1, missions=(ENDED,))], pages(1))) == {}
    for now in ({"missions": (ENDED, RUNNING)}, {"missions": (ENDED,), "skills": ("régies",)}):
        assert alone(built([person(1, **now)], pages(1))) == COUNTRY


def test_a_mission_makes_a_holder_by_label_or_id() -> None:
    """Who is alone by it is so where the directory tells the missions of the topic's people."""
    for name in ("régies", "Régie", "regies"):
        mission = replace(RUNNING, topic=name)
        assert built([person(1, missions=(mission,))], []).holdings.basis.tolist() == [
            BASES.index(Basis.MISSION)
        ]
    on = person(1, missions=(RUNNING,))
    told = [person(n, THERE, missions=(replace(RUNNING, topic="autre"),)) for n in range(2, 6)]
    silent = [person(n, THERE) for n in range(2, 6)]
    assert alone(built([on, *silent], [], 0.6)) == {}
    assert alone(built([on, *told], [], 0.6)) == COUNTRY
    skilled = [person(n, THERE, skills=("régies",)) for n in range(2, 4)]
    both = [replace(one, missions=(RUNNING,)) for one in skilled]
    assert alone(built([on, *skilled, *told], [], 0.6)) == {}
    assert alone(built([on, *both], [], 0.6)) == {("regies", "ag-1"): IsolationScope.REGION}
    away = person(6, THERE, missions=(RUNNING,))
    written = pages(1) + pages(6)
    assert alone(built([on, away, *told], written, 0.6)) == {
        ("regies", "ag-1"): IsolationScope.REGION,
        ("regies", "ag-6"): IsolationScope.REGION,
    }


def test_who_has_yet_to_arrive_is_not_called_alone() -> None:
    """Their entry stops others' claims all the same."""
    coming = TODAY + timedelta(days=30)
    one = person(1, missions=(RUNNING,), arrival=coming)
    assert alone(built([one], pages(1))) == {}
    assert alone(built([replace(one, arrival=TODAY)], pages(1))) == COUNTRY
    assert alone(built([one, person(2)], pages(2))) == {}


@given(st.floats(0.05, 1.0), st.integers(0, 6), st.floats(0.0, 1.0))
def test_the_chance_that_nobody_is_out_of_sight(share: float, shown: int, part: float) -> None:
    """The formula equals the sum over all possible numbers of other people."""
    found = sole_probability(np.array([share]), np.array([shown]), np.array([part]))[0]
    summed = sum(
        comb(others + shown, shown)
        * share ** (shown + 1)
        * (1 - share) ** others
        * (1 - part) ** others
        for others in range(1_500)
    )
    assert found == pytest.approx(summed, abs=1e-6)


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.integers(0, 50), st.floats(0.0, 1.0))
def test_the_more_show_the_surer(one: float, other: float, shown: int, part: float) -> None:
    """And the smaller the area."""
    low, high = sorted((one, other))
    ways = np.array([low, high, low])
    parts = np.array([part, part, 1.0])
    found = sole_probability(ways, np.full(3, shown), parts)
    assert found[2] <= found[0] + 1e-12
    assert found[0] <= found[1] + 1e-12
    assert 0 <= found.min() <= found.max() <= 1


def test_a_build_without_sight_is_read() -> None:
    """One of before: of its topics nobody says how many people show."""
    record = TopicRecord(SUBJECT, ("wiki:1",), ())
    row = topic_row(record)
    assert topic_record(row).sight is None  # type: ignore[arg-type]
