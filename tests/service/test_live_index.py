"""The live index on both engines: a reindex in steps, followed by processes that were there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.values import Access
from indexer.cards import re_encoded
from indexer.crawl.batches import needed_writes
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.storage import EmbeddedStorage
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.storage import OpenSearchStorage
from indexer.reindex import IndexCopy, abandon, begin, live_of, reindex
from indexer.values import WITHHELD, PutAccess, Remove
from tests.builders import OPEN, asking, indexed, make_document, put, reading, vector_of
from tests.service.index_places import NEW, OLD, IndexPlace, index_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

CLOSED = Access(frozenset({"ldap:group:x"}), frozenset({"agent:b"}))


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexPlace]:
    with index_place(request.param, tmp_path) as made:
        yield made


def begun(place: IndexPlace) -> IndexCopy:
    """A reindex for another encoder, that has copied nothing yet."""
    parts = place.parts()
    beside, _ = begin(parts, place.spec(NEW))
    source, target = map(parts.storage.index, (live_of(parts.storage), beside))
    return IndexCopy(source, target, lambda: NEW, parts.gate)


def test_the_first_write_makes_the_first_index(place: IndexPlace) -> None:
    """It remembers its encoder and analysis; another process sees it at once."""
    assert place.storage().pointers() is None
    other = place.live()
    place.live().write([put("wiki:1", "Le cadastre")])
    assert other.search(asking("cadastre")).total == 1
    assert place.pointers().live.spec == place.spec()
    assert place.pointers().next is None


def test_a_reindex_for_another_analysis_copies_all(place: IndexPlace) -> None:
    """Vectors included: nothing is encoded. A reader that was there follows without a restart."""
    reader = place.live()
    reader.write([put("wiki:1", "Le cadastre", access=CLOSED), put("mail:1", "La cantine")])
    report = reindex(place.parts(), place.spec(analysis="other"))
    assert (report.documents, report.copied.written, report.copied.encoded) == (2, 2, 0)
    assert report.tried > 0
    assert place.pointers().live.spec.analysis == "other"
    assert place.pointers().next is None
    found = reader.search(asking(access=reading("ldap:group:x"), vector=vector_of("La cantine")))
    assert {hit.document_id for hit in found.vector} == {"wiki:1", "mail:1"}
    assert reader.search(asking()).total == 1


def test_a_scan_goes_on_in_the_index_that_took_the_place(place: IndexPlace) -> None:
    """A scan, and a reading of documents, continue although their index is deleted meanwhile."""
    ids = {f"wiki:{n}" for n in range(5)}
    live = place.live()
    live.write([put(document_id, "Le cadastre") for document_id in sorted(ids)])
    scanned, read = live.scan("wiki"), live.documents(ids)
    first = next(scanned)
    reindex(place.parts(), place.spec(analysis="other"))
    assert sorted(one.document_id for one in (first, *scanned)) == sorted(ids)
    assert {one.document.id for one in read} == ids


def test_nothing_is_left_of_the_former_index(place: IndexPlace) -> None:
    """Neither its documents nor its lists: its rights would go stale."""
    live = place.live()
    live.write([put("wiki:1", "Le cadastre", access=CLOSED)])
    before = place.held()
    reindex(place.parts(), place.spec(NEW))
    assert place.held().isdisjoint(before)
    assert live.search(asking(access=reading("ldap:group:x"))).total == 1


def test_what_is_written_meanwhile_is_in_the_next_index(place: IndexPlace) -> None:
    """Texts, readers, deletions and what is withheld, by writers that were there before."""
    writer = place.live()
    writer.write([put(f"wiki:{n}", "Le cadastre") for n in range(5)])
    copy = begun(place)
    copy.copy([f"wiki:{n}" for n in range(5)])
    assert copy.target.count("wiki") == 5
    writer.write([put("wiki:9", "La parcelle"), put("wiki:4", "La borne", access=CLOSED)])
    writer.write([PutAccess("wiki:1", CLOSED), PutAccess("wiki:2", WITHHELD), Remove("wiki:3")])
    assert writer.search(asking()).total == 2
    report = reindex(place.parts(), place.spec(NEW))
    assert report.resumed
    assert (report.copied.written, report.copied.removed) == (4, 1)
    new = place.live(NEW)
    kept = {one.document_id: one.access for one in new.scan("wiki")}
    assert kept == {
        "wiki:0": make_document().access,
        "wiki:1": CLOSED,
        "wiki:2": WITHHELD,
        "wiki:4": CLOSED,
        "wiki:9": make_document().access,
    }
    assert new.search(asking()).total == 2
    (copied,) = place.storage().index(place.pointers().live).documents(["wiki:9"])
    (wanted,) = re_encoded(NEW, [indexed(make_document("wiki:9"), "La parcelle")])
    assert copied.vectors == pytest.approx(wanted.vectors, abs=1e-6)


def test_what_is_withheld_stays_so(place: IndexPlace) -> None:
    """A reindex copies the text and its readers: readers alone do not open it afterwards."""
    live = place.live()
    live.write([put("wiki:1", "Le cadastre", access=CLOSED)])
    live.write([PutAccess("wiki:1", WITHHELD)])
    reindex(place.parts(), place.spec(NEW))
    for index in (live, place.live(NEW)):
        wanted, _ = needed_writes([PutAccess("wiki:1", OPEN)], index.kept(["wiki:1"]))
        assert wanted == []
        assert index.search(asking()).total == 0


def test_a_stale_copy_is_not_written(place: IndexPlace) -> None:
    """What was read is written only as far as it is still so."""
    writer = place.live()
    writer.write([put(f"wiki:{n}", "Le cadastre") for n in range(3)])
    copy = begun(place)
    ids = [f"wiki:{n}" for n in range(3)]
    read = copy.read(ids)
    writer.write([PutAccess("wiki:0", CLOSED), Remove("wiki:1"), put("wiki:2", "La borne")])
    copy.write(ids, read)
    assert list(copy.target.scan("wiki")) == []
    reindex(place.parts(), place.spec(NEW))
    assert set(place.live().kept(ids)) == {"wiki:0", "wiki:2"}


def test_a_process_with_the_former_encoder_goes_on(place: IndexPlace) -> None:
    """By words alone until it is restarted; what it writes has the vectors of the new encoder."""
    old = place.live(OLD)
    old.write([put("wiki:1", "Le cadastre")])
    reindex(place.parts(), place.spec(NEW))
    old.write([put("wiki:2", "La parcelle"), PutAccess("wiki:1", CLOSED)])
    answer = old.search(asking("parcelle", vector=vector_of("parcelle")))
    assert [hit.document_id for hit in answer.lexical] == ["wiki:2"]
    assert answer.vector == ()
    by_vector = asking("parcelle", vector=vector_of("parcelle"), lexical=False)
    assert old.search(by_vector).total == 1
    new = place.live(NEW)
    (vector,) = NEW.queries(["La parcelle"])
    assert [hit.document_id for hit in new.search(asking(vector=vector)).vector] == ["wiki:2"]
    assert old.search(asking("cadastre")).total == new.search(asking("cadastre")).total == 0


def test_an_abandoned_reindex_leaves_nothing(place: IndexPlace) -> None:
    """Neither its pointer nor its files; another one may begin, in the place of the first."""
    live = place.live()
    live.write([put("wiki:1", "Un")])
    before = place.held()
    copy = begun(place)
    copy.copy(["wiki:1"])
    beside = place.pointers().next
    assert beside is not None
    abandon(place.parts())
    assert place.pointers().next is None
    assert place.held() == before
    with pytest.raises(IndexUnreachable):
        place.storage().index(beside)
    with pytest.raises(IndexRefused):
        abandon(place.parts())
    begun(place)
    report = reindex(place.parts(), place.spec(analysis="third"))
    assert not report.resumed
    assert live.search(asking()).total == 1
    assert place.pointers().live.spec.analysis == "third"


def test_a_difference_of_rights_keeps_the_old_one(
    place: IndexPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that loosens a right is noticed before anybody is answered from it."""
    place.live().write([put("wiki:1", "Un", access=CLOSED), put("wiki:2", "Deux")])
    before = place.pointers().live
    kind = OpenSearchIndex if place.engine == "opensearch" else EmbeddedIndex
    shown = kind.show
    parts = place.parts()

    def loosened(self: object, request: object) -> object:
        answered = shown(self, request)  # type: ignore[arg-type]
        return answered if self is parts.storage.index(before) else answered[:-1]

    monkeypatch.setattr(kind, "show", loosened)
    with pytest.raises(IndexRefused):
        reindex(parts, place.spec(NEW))
    assert place.pointers().live == before


def test_what_a_kill_left_behind_is_deleted(
    place: IndexPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the move of the pointer and the deletion: the new one answers."""
    live = place.live()
    live.write([put("wiki:1", "Un")])
    before = place.held()
    kind = EmbeddedStorage if place.engine == "embedded" else OpenSearchStorage
    with monkeypatch.context() as patched:
        patched.setattr(kind, "clear", lambda _: None)
        reindex(place.parts(), place.spec(NEW))
    assert before < place.held()
    assert live.search(asking()).total == 1
    live.expunge()
    assert place.held().isdisjoint(before)
    assert live.search(asking()).total == 1


def test_expunging_reaches_what_is_being_filled(place: IndexPlace) -> None:
    """A text that is gone, or another by now, does not stay in the index beside."""
    live = place.live()
    live.write([put(f"wiki:{n}", "Le cadastre") for n in range(3)])
    copy = begun(place)
    copy.copy([f"wiki:{n}" for n in range(3)])
    live.write([Remove("wiki:0"), put("wiki:1", "La borne")])
    live.expunge()
    assert {one.document_id for one in copy.target.scan("wiki")} == {"wiki:2"}
    assert {one.document_id for one in live.scan("wiki")} == {"wiki:1", "wiki:2"}


def test_an_index_without_a_pointer_is_of_a_former_version(tmp_path: Path) -> None:
    """A sentence says what to run; nothing is changed."""
    place = IndexPlace(tmp_path)
    EmbeddedIndex(place.folder / "index", 16).write([put("wiki:1", "Un", access=CLOSED)])
    with pytest.raises(IndexRefused, match="quisait reindex"):
        place.live().search(asking())
    with pytest.raises(IndexRefused, match="format"):
        reindex(place.parts(), place.spec())
    assert place.pointers().next is None
