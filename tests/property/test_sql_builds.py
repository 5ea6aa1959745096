"""The build in SQL is the reference's to the last record, finds the planted truth, and leaves
nothing behind."""

import math
import os
import random
import signal
import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.geography import distance_km
from connectors.values import (
    EVERYONE,
    Access,
    Agent,
    Contribution,
    ContributorRole,
    Mission,
    RefusedTopic,
)
from expertise.build_files import FOLDER, BuildFiles, BuildMeans, EngineUnusable, delete_leftovers
from expertise.build_rules import BuildRules
from expertise.build_tables import BuildRecord, CellRecord, CommunityRecord
from expertise.holders import IsolationScope
from expertise.isolation import NEAREST_HOLDERS
from expertise.topics import Topic, TopicKind
from indexer.values import IndexedDocument, Passage
from tests.builders import make_document
from tests.planted import ENCODER, TODAY, Planted, plant
from tests.selection import examples
from tests.sql_builds import History, sql_records

pytestmark = pytest.mark.experts

TOPICS = (
    Topic("t0", "matière0x", broader=("t2",)),
    Topic("t1", "matière1x"),
    Topic("t2", "matière2x"),
    Topic("m", "géomètre", broader=("t1",), kind=TopicKind.METIER),
)
NAMES = [label for topic in TOPICS for label in topic.labels]
DAYS = st.none() | st.integers(0, 9_000).map(lambda days: TODAY - timedelta(days=days))
ROWS = st.builds(
    Contribution,
    account=st.integers(0, 9).map(lambda n: f"wiki:a{n}"),
    role=st.sampled_from(sorted(ContributorRole)),
    last=DAYS,
    volume=st.none() | st.integers(0, 9),
)
MISSIONS = st.builds(
    Mission,
    st.sampled_from(["t0", "matière1x", "inconnue"]),
    st.sampled_from([TODAY - timedelta(days=90), TODAY + timedelta(days=9)]),
    st.sampled_from([None, TODAY + timedelta(days=90), TODAY - timedelta(days=9)]),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Agents of few areas, with what a directory may say; documents of few topics."""
    agents = []
    for number in range(draw(st.integers(0, 6))):
        skills = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
        agents.append(
            Agent(
                f"ag-{number}",
                "Jo",
                "Rey",
                metier=draw(st.sampled_from(["", "géomètre", "autre", " suivi de matière1x"])),
                departement=draw(st.sampled_from(["", "22", "29", "974", "ZZ"])),
                arrival=draw(st.sampled_from([None, TODAY, TODAY + timedelta(days=1)])),
                departure=draw(st.sampled_from([None, None, None, TODAY])),
                listed=draw(st.sampled_from([True, True, True, False])),
                skills=tuple(skills),
                skills_confirmed=tuple(skills[: draw(st.integers(0, 1))]),
                missions=tuple(draw(st.lists(MISSIONS, max_size=2))),
                refused=tuple(
                    RefusedTopic(id_)
                    for id_ in draw(st.lists(st.sampled_from(["t0", "m"]), max_size=1))
                ),
                accounts=(f"wiki:a{number}", *([f"wiki:a{number + 6}"] if number < 2 else [])),
            )
        )
    documents = [_document(number, draw) for number in range(draw(st.integers(0, 14)))]
    return History(documents, TOPICS, agents)


def _document(number: int, draw: st.DrawFn) -> IndexedDocument:
    named = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    in_title = draw(st.booleans())
    text = "rien" if in_title else " ".join(named) or "rien"
    kept = make_document(
        # Ids whose order is not that of the documents.
        f"wiki:{number * 7 % 16:02}",
        title=" ".join(named) if in_title and named else "Note",
        kind=draw(st.sampled_from(["note", "note", "offre d'emploi"])),
        access=Access(frozenset({EVERYONE if draw(st.integers(0, 9)) else "ldap:group:x"})),
        contributions=tuple(draw(st.lists(ROWS, max_size=4))),
    )
    return IndexedDocument(kept, (Passage(text),), ENCODER.passages([text]), "c", f"r{number}")


@examples(15, 150)
@given(histories(), st.sampled_from([0.0, 0.3, 0.6]), st.sampled_from([0.35, 1.2, 1.2345678]))
def test_the_build_in_sql_is_the_reference(
    history: History, least_known: float, least_strength: float
) -> None:
    """Every record, in the same order, to the last digit."""
    rules = BuildRules(least_known=least_known, least_strength=least_strength)
    assert sql_records(history, rules) == list(history.by_reference(rules).records())


def _cells(found: list[BuildRecord]) -> list[CellRecord]:
    return [one for one in found if isinstance(one, CellRecord) and one.basis != "declared"]


SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_planted_truth_is_found(seed: int, tmp_path: Path) -> None:
    """Holders, who is alone, how widely, and who is nearest: the draw, decoys and all.

    All else is as the reference has it.
    """
    planted = plant(seed, circles=seed % 3)
    rules = BuildRules(least_known=0)
    found = sql_records(History.of(planted), rules, BuildMeans(tmp_path))
    cells = _cells(found)
    assert {(one.topic_id, one.agent_id) for one in cells} == planted.holders
    alone = [one for one in cells if one.scope != IsolationScope.NONE]
    assert {(one.topic_id, one.agent_id, one.scope) for one in alone} == planted.alone()
    assert {one.nearest for one in cells if one not in alone} <= {()}
    for cell in alone:
        others = sorted(
            (_km(planted, cell.agent_id, other), other)
            for topic, other in planted.holders
            if topic == cell.topic_id and other != cell.agent_id
        )
        assert list(cell.nearest) == [other for _, other in others[:NEAREST_HOLDERS]]
    assert found == list(History.of(planted).by_reference(rules).records())


def _km(planted: Planted, one: str, other: str) -> float:
    km = distance_km(planted.agents[one].departement, planted.agents[other].departement)
    return math.inf if km is None else km


def test_the_draw_is_worth_something() -> None:
    """Among the seeds there are holders alone in each kind of area, and some who are not."""
    scopes = {scope for seed in SEEDS for _, _, scope in plant(seed).alone()}
    assert scopes == {IsolationScope.DEPARTEMENT, IsolationScope.REGION, IsolationScope.COUNTRY}
    planted = plant(0)
    assert len(planted.alone()) < len(planted.holders)
    assert planted.decoys


def test_circles_are_communities() -> None:
    """Those who hold several topics together are among the records that are compared."""
    planted = plant(5, circles=2)
    found = sql_records(History.of(planted), BuildRules())
    members = [set(one.members) for one in found if isinstance(one, CommunityRecord)]
    assert all(any(set(circle) <= some for some in members) for circle in planted.circles.values())


def test_neither_order_nor_threads_change_a_record() -> None:
    """A scan has no order, and threads add up as they come."""
    planted, rules = plant(7, circles=1), BuildRules(least_known=0)
    first = sql_records(History.of(planted), rules, BuildMeans(threads=1))
    random.Random(1).shuffle(planted.documents)
    assert sql_records(History.of(planted), rules, BuildMeans(threads=4)) == first


def test_several_parts_are_one_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few documents, accounts and pieces of evidence are in memory at once."""
    planted, rules = plant(8), BuildRules(least_known=0)
    whole = sql_records(History.of(planted), rules)
    monkeypatch.setattr("expertise.build_input.DOCUMENTS_PER_PART", 37)
    monkeypatch.setattr("expertise.build_input.ACCOUNTS_AT_ONCE", 11)
    monkeypatch.setattr("expertise.build_files.ROWS_AT_ONCE", 3)
    monkeypatch.setattr("expertise.build_result.ROWS_AT_ONCE", 5)
    assert sql_records(History.of(planted), rules) == whole


def test_files_are_their_owners_alone_and_go_with_the_build(tmp_path: Path) -> None:
    """They hold ids of agents and documents: 0600, in a folder 0700, whatever the umask."""
    before = os.umask(0)
    try:
        with History.of(plant(2)).in_sql(BuildRules(), BuildMeans(tmp_path)):
            folder = tmp_path / FOLDER
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            files = list(folder.rglob("*.parquet"))
            assert files
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    finally:
        os.umask(before)
    assert not list(tmp_path.iterdir())


def test_a_build_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """Nor does one that is forgotten."""
    history = History.of(plant(2))
    with pytest.raises(EngineUnusable, match="max_memory_bytes"):
        history.in_sql(BuildRules(), BuildMeans(tmp_path, memory_bytes=1_000_000))
    assert not list(tmp_path.iterdir())
    history.in_sql(BuildRules(), BuildMeans(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A data folder in which a build was killed."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from expertise.build_files import BuildFiles, BuildMeans\n"
        "files = BuildFiles(BuildMeans(Path(sys.argv[1])))\n"
        "files.add('agents', {'id': ('VARCHAR', ['ag-1'])})\n"
        "print('there', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        os.kill(process.pid, signal.SIGKILL)
    assert (tmp_path / FOLDER / "agents").exists()
    return tmp_path


def test_what_a_killed_build_left_is_deleted(killed: Path) -> None:
    """By the next one, which begins with nothing of it."""
    files = BuildFiles(BuildMeans(killed))
    assert not list(files.folder.iterdir())
    files.close()
    assert not list(killed.iterdir())


def test_what_a_killed_build_left_is_deleted_without_another(killed: Path) -> None:
    delete_leftovers(killed)
    assert not list(killed.iterdir())


def test_an_account_that_no_directory_can_have_is_nobodys() -> None:
    """Half a character: its contribution is counted, and credits nobody."""
    kept = make_document(
        "wiki:1",
        title="matière1x",
        access=Access(frozenset({EVERYONE})),
        contributions=(Contribution("wiki:\ud800", ContributorRole.AUTHOR, last=date(2026, 9, 1)),),
    )
    one = IndexedDocument(kept, (Passage("x"),), ENCODER.passages(["x"]), "c", "r")
    history = History([one], TOPICS, [Agent("a", "Jo", "Rey", accounts=("wiki:?",))])
    with history.in_sql(BuildRules()) as build:
        assert build.contributions == 1
        assert list(build.records()) == list(history.by_reference(BuildRules()).records())
