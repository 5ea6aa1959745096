"""Generations on both engines: a reindex in steps, followed by processes that were there before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.values import Access
from indexer.cards import re_encoded
from indexer.crawl.batches import needed_writes
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.generations import Standing
from indexer.opensearch.index import OpenSearchIndex
from indexer.reindex import abandon, finish, reindex, roll_back
from indexer.values import WITHHELD, Put, PutAccess, Remove, Write
from tests.builders import ANYONE, OPEN, allowed, asking, indexed, make_document, put, reading
from tests.opensearch_index import client
from tests.service.generations import NEW, OLD, Ground, ground, recorded

pytestmark = [pytest.mark.sources, pytest.mark.trust]

CLOSED = Access(frozenset({"ldap:group:x"}), frozenset({"agent:b"}))


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with ground(request.param, tmp_path) as made:
        yield made


def standing(place: Ground) -> Standing:
    found = place.generations().standing()
    assert found is not None
    return found


def test_the_first_write_makes_the_first_generation(place: Ground) -> None:
    """It remembers its encoder and analysis; another process sees it at once."""
    assert place.generations().standing() is None
    other = place.live()
    place.live().write([put("wiki:1", "Le cadastre")])
    assert other.search(asking("cadastre")).total == 1
    assert standing(place).live.made == place.made()
    assert standing(place).other is None


def test_a_reindex_for_another_analysis_copies_all(place: Ground) -> None:
    """Vectors included: nothing is encoded. A reader that was there follows without a restart."""
    reader = place.live()
    reader.write([put("wiki:1", "Le cadastre", access=CLOSED), put("mail:1", "La cantine")])
    before = standing(place).live
    report = reindex(place.works(), place.made(analysis="other"))
    assert (report.documents, report.copied.written, report.copied.encoded) == (2, 2, 0)
    assert report.tried > 0
    after = standing(place)
    assert (after.live.made.analysis, after.former) == ("other", before)
    found = reader.search(asking(access=reading("ldap:group:x")))
    assert {hit.document_id for hit in found.lexical} == {"wiki:1", "mail:1"}
    assert reader.search(asking()).total == 1


def test_every_write_goes_to_both(place: Ground) -> None:
    """From the moment when a generation is being filled, by writers that were there before."""
    writer = place.live()
    writer.write([put("wiki:1", "Un"), put("wiki:2", "Deux"), put("wiki:3", "Trois")])
    generations = place.generations()
    filling = generations.begin(place.made(NEW))
    writer.write([put("wiki:4", "Quatre"), PutAccess("wiki:1", CLOSED), Remove("wiki:2")])
    made = generations.index(filling)
    assert {one.document_id for one in made.scan("wiki")} == {"wiki:4"}
    (copied,) = made.documents(["wiki:4"])
    (wanted,) = re_encoded(NEW, [indexed(make_document("wiki:4"), "Quatre")])
    assert copied.vectors == pytest.approx(wanted.vectors, abs=1e-6)
    report = reindex(place.works(), place.made(NEW))
    assert report.resumed
    kept = {one.document_id: one.access for one in place.live(NEW).scan("wiki")}
    assert set(kept) == {"wiki:1", "wiki:3", "wiki:4"}
    assert kept["wiki:1"] == CLOSED


def test_a_process_with_the_former_encoder_goes_on(place: Ground) -> None:
    """It asks the former generation, kept up by every writer, until that is dropped."""
    old = place.live(OLD)
    old.write([put("wiki:1", "Le cadastre")])
    reindex(place.works(), place.made(NEW))
    new = place.live(NEW)
    (put_new,) = re_encoded(NEW, [indexed(make_document("wiki:2"), "La parcelle")])
    new.write([Put(put_new), PutAccess("wiki:1", CLOSED)])
    assert [h.document_id for h in old.search(asking("parcelle")).lexical] == ["wiki:2"]
    assert old.search(asking("cadastre")).total == new.search(asking("cadastre")).total == 0
    finish(place.works())
    assert standing(place).other is None
    with pytest.raises(IndexRefused, match="redémarrez"):
        old.search(asking())
    assert new.search(asking()).total == 1


def test_what_was_left_between_two_generations_is_written_again(place: Ground) -> None:
    """A process that still asks the former one does not read by a former right for long."""
    old = place.live(OLD)
    old.write([put(f"wiki:{n}", "Le cadastre") for n in range(4)])
    reindex(place.works(), place.made(NEW))
    generations = place.generations()
    half_done: list[Write] = [PutAccess("wiki:1", CLOSED), Remove("wiki:2")]
    generations.index(standing(place).live).write(half_done)
    new = place.live(NEW)
    kept = new.kept(["wiki:0", "wiki:1", "wiki:2"])
    assert kept["wiki:0"].access == make_document().access
    assert kept["wiki:1"].access not in (CLOSED, make_document().access)
    assert {one.document_id for one in new.scan("wiki")} == {f"wiki:{n}" for n in range(4)}
    new.write(half_done)
    assert [hit.document_id for hit in old.search(asking("cadastre")).lexical] == [
        "wiki:0",
        "wiki:3",
    ]
    assert new.kept(["wiki:1", "wiki:2"])["wiki:1"].access == CLOSED


def test_a_text_that_differs_between_two_generations_is_opened_by_a_text_alone(
    place: Ground,
) -> None:
    """A writer was killed between the two; then the text could not be read, then readers came."""
    old = place.live(OLD)
    old.write([put(f"wiki:{n}", "Le cadastre", access=CLOSED) for n in range(3)])
    reindex(place.works(), place.made(NEW))
    index = place.generations().index(standing(place).live)
    (later,) = re_encoded(NEW, [indexed(make_document("wiki:0", access=CLOSED), "La parcelle")])
    index.write([Put(later), PutAccess("wiki:1", WITHHELD), PutAccess("wiki:2", OPEN)])
    new = place.live(NEW)

    def change(document_id: str, access: Access) -> None:
        """As a crawl compares and writes it."""
        wanted, _ = needed_writes([PutAccess(document_id, access)], new.kept([document_id]))
        new.write([one for one in wanted if isinstance(one, PutAccess)])

    def accesses(document_id: str) -> list[Access]:
        there = standing(place)
        assert there.former is not None
        both = map(place.generations().index, (there.live, there.former))
        return [one.kept([document_id])[document_id].access for one in both]

    change("wiki:0", WITHHELD)
    assert accesses("wiki:0") == [WITHHELD, WITHHELD]
    assert new.kept(["wiki:0"])["wiki:0"].access == WITHHELD
    for document_id in ("wiki:0", "wiki:1"):
        change(document_id, OPEN)
        assert accesses(document_id) == [WITHHELD, WITHHELD]
    # The same text with other readers: narrower ones are written to both.
    change("wiki:2", CLOSED)
    assert accesses("wiki:2") == [CLOSED, CLOSED]
    assert old.search(asking()).total == new.search(asking()).total == 0
    (opened,) = re_encoded(NEW, [indexed(make_document("wiki:0", access=CLOSED), "La borne")])
    new.write([Put(opened), PutAccess("wiki:0", OPEN)])
    assert accesses("wiki:0") == [OPEN, OPEN]


def test_a_roll_back_loses_and_loosens_nothing(place: Ground) -> None:
    """Not even what a writer left undone that was killed between the two."""
    place.live(OLD).write([put(f"wiki:{n}", "Le cadastre") for n in range(4)])
    reindex(place.works(), place.made(NEW))
    generations = place.generations()
    half_done: list[Write] = [PutAccess("wiki:1", CLOSED), Remove("wiki:2")]
    generations.index(standing(place).live).write(half_done)
    report = roll_back(place.works())
    assert (report.copied.written, report.copied.removed) == (1, 1)
    assert standing(place).live.made.encoder.name == OLD.name
    answer = place.live(OLD).search(asking("cadastre"))
    assert [hit.document_id for hit in answer.lexical] == ["wiki:0", "wiki:3"]
    again = reindex(place.works(), place.made(NEW))
    assert (again.copied.written, standing(place).live.made.encoder.name) == (0, NEW.name)


def test_an_abandoned_reindex_leaves_nothing(place: Ground) -> None:
    """Neither its pointer nor its files; another one may begin."""
    live = place.live()
    live.write([put("wiki:1", "Un")])
    generations = place.generations()
    filling = generations.begin(place.made(NEW))
    with pytest.raises(IndexRefused, match="--abandon"):
        reindex(place.works(), place.made(analysis="third"))
    abandon(place.works())
    assert standing(place).other is None
    with pytest.raises(IndexUnreachable):
        place.generations().index(filling)
    with pytest.raises(IndexRefused):
        abandon(place.works())
    with pytest.raises(IndexRefused):
        roll_back(place.works())
    reindex(place.works(), place.made(analysis="third"))
    assert live.search(asking()).total == 1


def test_a_difference_of_rights_keeps_the_old_one(
    place: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that loosens a right is noticed before anybody is answered from it."""
    place.live().write([put("wiki:1", "Un", access=CLOSED), put("wiki:2", "Deux")])
    before = standing(place).live
    shown = OpenSearchIndex.show if place.engine == "opensearch" else EmbeddedIndex.show
    kind = OpenSearchIndex if place.engine == "opensearch" else EmbeddedIndex
    works = place.works()

    def loosened(self: object, request: object) -> object:
        answered = shown(self, request)  # type: ignore[arg-type]
        return answered if self is works.generations.index(before) else answered[:-1]

    monkeypatch.setattr(kind, "show", loosened)
    with pytest.raises(IndexRefused, match="rien n'a été"):
        reindex(works, place.made(NEW))
    assert standing(place).live == before


def test_an_index_of_the_former_version_is_taken_in(place: Ground) -> None:
    """It is the live generation, made with the encoder in use; a reindex puts another beside."""
    if place.engine == "embedded":
        EmbeddedIndex(place.folder / "index", 16).write([put("wiki:1", "Un", access=CLOSED)])
    else:
        OpenSearchIndex(client(), place.alias, 16).write([put("wiki:1", "Un", access=CLOSED)])
    live = place.live()
    assert live.search(asking(access=reading("ldap:group:x"))).total == 1
    assert standing(place).live.made.encoder == recorded(OLD)
    reindex(place.works(), place.made(NEW))
    live.write([PutAccess("wiki:1", allowed("everyone"))])
    assert live.search(asking()).total == place.live(NEW).search(asking()).total == 1
    roll_back(place.works())
    finish(place.works())
    assert place.live(OLD).search(asking(access=ANYONE)).total == 1
