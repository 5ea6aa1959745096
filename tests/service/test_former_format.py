"""An index that a former version made: reindexed with its rights, or refused with a way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connectors.values import Access
from indexer.embedded import generations as embedded
from indexer.embedded import store
from indexer.errors import IndexRefused
from indexer.opensearch import access_lists, schema
from indexer.opensearch import generations as opensearch
from indexer.reindex import reindex, roll_back
from indexer.values import PutAccess, Remove
from tests.builders import allowed, asking, put, reading
from tests.encoders import FakeEncoder
from tests.service.generations import NEW, OLD, Ground, ground

pytestmark = [pytest.mark.sources, pytest.mark.trust]

CLOSED = Access(frozenset({"ldap:group:x"}), frozenset({"agent:b"}))
MEMBER = reading("ldap:group:x")


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with ground(request.param, tmp_path) as made:
        yield made


@contextmanager
def former_version(place: Ground) -> Iterator[None]:
    """What runs inside writes as a version did that numbered its format otherwise.

    On OpenSearch it knew no copies, and kept no words of the contributors' names.
    """
    with pytest.MonkeyPatch.context() as patched:
        if place.engine == "embedded":
            patched.setattr(store, "FORMAT", "0")
            patched.setattr(embedded, "FORMAT", "0")
        else:
            fields, source = schema._fields, schema.document_source
            unknown = ("mark", "label_words")
            for room in (schema, access_lists, opensearch):
                patched.setattr(room, "FORMAT", 5)
            patched.setattr(
                schema,
                "_fields",
                lambda d: {k: v for k, v in fields(d).items() if k not in unknown},
            )
            patched.setattr(
                "indexer.opensearch.bulk.document_source",
                lambda *said: {k: v for k, v in source(*said).items() if k not in unknown},
            )
        yield


def reshape(place: Ground, *statements: str) -> None:
    """Its tables had another shape."""
    (path,) = (place.folder / "index").glob("*/index.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def former_index(place: Ground) -> None:
    """Two documents, one of them closed, as that version kept them."""
    with former_version(place):
        place.live().write(
            [put("wiki:1", "Le cadastre", access=CLOSED), put("mail:1", "La cantine")]
        )
    if place.engine == "embedded":
        reshape(
            place,
            "ALTER TABLE documents DROP COLUMN title_words",
            "ALTER TABLE documents DROP COLUMN facets",
            "ALTER TABLE documents ADD COLUMN rank REAL",
            "DROP TABLE removed",
            "UPDATE documents SET card = json_remove(card, '$.area', '$.valid_until')",
            "UPDATE documents SET card = json_set(card, '$.colour', 'bleu')",
            "UPDATE contents SET passages = json_array(json_array("
            "json_extract(passages, '$[0][0]'), '', NULL))",
        )


def test_it_is_reindexed_under_the_same_rights(place: Ground) -> None:
    """By the new version alone; the former generation, that nobody can keep up, is not kept."""
    check_reindexed(place, OLD)


def test_it_is_encoded_anew_where_the_encoder_changed_too(tmp_path: Path) -> None:
    """The texts that are kept are enough."""
    check_reindexed(Ground(tmp_path), NEW)


def check_reindexed(place: Ground, encoder: FakeEncoder) -> None:
    former_index(place)
    with pytest.raises(IndexRefused, match="quisait reindex"):
        place.live().search(asking())
    report = reindex(place.works(), place.made(encoder))
    assert (report.documents, report.copied.encoded) == (2, 2 if encoder is NEW else 0)
    assert report.tried > 0
    live = place.live(encoder)
    assert [hit.document_id for hit in live.search(asking("cantine")).lexical] == ["mail:1"]
    assert live.search(asking()).total == 1
    assert live.search(asking("cadastre", access=MEMBER)).total == 1
    assert live.kept(["wiki:1"])["wiki:1"].access == CLOSED
    standing = place.generations().standing()
    assert standing is not None
    assert standing.other is None
    live.write([PutAccess("wiki:1", allowed("everyone")), Remove("mail:1")])
    assert [hit.document_id for hit in live.search(asking()).lexical] == ["wiki:1"]
    with pytest.raises(IndexRefused, match="pas d'ancienne génération"):
        roll_back(place.works())


def test_the_former_version_goes_on_until_the_swap(place: Ground) -> None:
    """It answers and writes; what it wrote and closed meanwhile is in the new generation."""
    former_index(place)
    if place.engine == "embedded":  # its own shape, for its own code
        reshape(place, "SELECT 1")
        place = Ground(place.folder / "other", engine="embedded")
        with former_version(place):
            place.live().write([put("wiki:1", "Le cadastre", access=CLOSED), put("mail:1", "Un")])
    works = place.works()
    begun = works.generations.begin(place.made())
    with former_version(place):
        assert place.live().search(asking()).total == 1
        place.live().write([put("wiki:2", "Le bornage"), PutAccess("mail:1", CLOSED)])
        assert place.live().search(asking("bornage")).total == 1
    assert works.generations.index(begun).count("wiki") == 0
    assert reindex(works, place.made()).documents == 3
    assert [hit.document_id for hit in place.live().search(asking()).lexical] == ["wiki:2"]
    with former_version(place), pytest.raises(IndexRefused, match="redémarrez"):
        place.live().search(asking())


UNKNOWN = {
    "rights of another shape": """UPDATE access SET key = '{"allow": "everyone"}'""",
    "rights that are no list": "UPDATE access SET key = 'everyone'",
    "no rights": "ALTER TABLE access RENAME COLUMN key TO readers",
    "vectors of another kind": "UPDATE contents SET vectors = x'00'",
    "no texts": "DROP TABLE contents",
}


@pytest.mark.parametrize("change", UNKNOWN)
def test_what_is_not_understood_is_not_guessed(tmp_path: Path, change: str) -> None:
    """The reindex says how to begin anew; nothing was exchanged."""
    place = Ground(tmp_path)
    with former_version(place):
        place.live().write([put("wiki:1", "Le cadastre", access=CLOSED)])
    reshape(place, UNKNOWN[change])
    before = place.generations().standing()
    with pytest.raises(IndexRefused, match="crawl --full"):
        reindex(place.works(), place.made())
    after = place.generations().standing()
    assert before is not None
    assert after is not None
    assert after.live == before.live
