"""Contract of the `Index` port: marks of hits, and what replaces a shown document."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.centroids import centroid
from indexer.near_duplicates import same_text
from indexer.ports import Index
from indexer.values import (
    BEGUN_CHARACTERS,
    HitAttributes,
    Put,
    PutAccess,
    Question,
    Remove,
    ShowRequest,
)
from tests.builders import ANYONE, allowed, asking, put, reading, vector_of

CIRCULAR = " ".join(f"Le point {n} de la circulaire vise le service numéro {n}." for n in range(20))
NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def _marks(index: Index, access: AccessFilter = ANYONE) -> dict[str, HitAttributes]:
    """Return the marks of documents that words or the vector find."""
    wanted = asking("circulaire", vector=vector_of("x"), access=access, with_attributes=True)
    answer = index.search(wanted)
    found = {hit.document_id for hit in (*answer.lexical, *answer.vector)}
    assert set(answer.attributes) == found
    return dict(answer.attributes)


def _bare(write: Put) -> HitAttributes:
    """Return the marks of a document that has only a short text."""
    indexed = write.indexed
    return HitAttributes(
        indexed.document.source,
        centroid=centroid(indexed.vectors),
        title=indexed.document.title,
    )


def _successors(index: Index, document_id: str, access: AccessFilter = ANYONE) -> list[str]:
    request = ShowRequest(access, (document_id,), Question(), successors=True)
    return [card.document_id for shown in index.show(request) for card in shown.successors]


class MarksChecks:
    """A mark belongs to a hit, and a successor to its readers."""

    def test_a_hit_is_marked(self, index: Index) -> None:
        """Source, date, validity, area and what it replaces; nothing where it says nothing."""
        said = {
            "modified": NOON,
            "valid_from": date(2024, 6, 1),
            "valid_until": date(2026, 1, 31),
            "replaces": ("notes:é", "wiki:old"),
            "area": "2A",
        }
        bare, new = put("wiki:bare", "La circulaire."), put("wiki:new", "La circulaire.", **said)
        index.write([bare, new])
        marks = _marks(index)
        assert marks["wiki:bare"] == _bare(bare)
        assert marks["wiki:new"] == HitAttributes(
            "wiki",
            NOON.timestamp(),
            "2024-06-01",
            "2026-01-31",
            ("notes:é", "wiki:old"),
            centroid=centroid(new.indexed.vectors),
            title=new.indexed.document.title,
            area="2A",
        )

    def test_a_hit_brings_the_beginning_of_its_title(self, index: Index) -> None:
        """The title is that of the last put, cut to `BEGUN_CHARACTERS`; empty without a title."""
        long = "Circulaire " * BEGUN_CHARACTERS
        index.write([put("wiki:1", "La circulaire.", title="La première")])
        titled = put("wiki:1", "La circulaire.", title="Une autre")
        index.write([titled, put("wiki:2", "La circulaire.", title=long)])
        index.write([put("wiki:3", "La circulaire.", title="")])
        titles = {name: mark.title for name, mark in _marks(index).items()}
        assert titles == {"wiki:1": "Une autre", "wiki:2": long[:BEGUN_CHARACTERS], "wiki:3": ""}

    def test_a_hit_brings_the_centroid_of_all_its_passages(self, index: Index) -> None:
        """Of the last put's; none without a passage."""
        whole = put("wiki:1", "La circulaire.", "Un autre sujet.", "Un troisième.")
        index.write([put("wiki:1", "La circulaire."), put("wiki:2")])
        index.write([whole])
        assert _marks(index)["wiki:1"].centroid == centroid(whole.indexed.vectors)
        listed = index.search(asking(with_attributes=True)).attributes
        assert listed["wiki:2"].centroid == b""

    def test_marks_come_only_when_asked_for(self, index: Index) -> None:
        """A search without them is spared their columns."""
        index.write([put("wiki:1", "La circulaire.")])
        assert index.search(asking("circulaire")).attributes == {}

    def test_the_same_text_has_the_same_twins(self, index: Index) -> None:
        """Under any title, however it is cut; another text has others, a short one none."""
        half = len(CIRCULAR) // 2
        cut = CIRCULAR.rindex(". ", 0, half) + 1
        index.write(
            [
                put("wiki:one", CIRCULAR, title="Circulaire"),
                put("notes:two", CIRCULAR[:cut], CIRCULAR[cut:], title="copie.pdf"),
                put("wiki:other", f"circulaire {' '.join(f'mot{n} autre' for n in range(60))}"),
                put("wiki:short", "La circulaire."),
            ]
        )
        marks = _marks(index)
        assert same_text(marks["wiki:one"].text_signature, marks["notes:two"].text_signature)
        assert not same_text(marks["wiki:one"].text_signature, marks["wiki:other"].text_signature)
        assert marks["wiki:short"].text_signature == b""

    def test_an_unreadable_document_has_no_mark(self, index: Index) -> None:
        """Before a change of access, after it, and once it is back."""
        index.write(
            [put("wiki:1", CIRCULAR), put("wiki:2", CIRCULAR, access=allowed("ldap:group:x"))]
        )
        assert set(_marks(index)) == {"wiki:1"}
        assert set(_marks(index, reading("ldap:group:x"))) == {"wiki:1", "wiki:2"}
        index.write([PutAccess("wiki:1", Access())])
        assert _marks(index) == {}
        assert set(_marks(index, reading("ldap:group:x"))) == {"wiki:2"}

    def test_a_mark_follows_what_is_written(self, index: Index) -> None:
        """The last put counts, in text and in days; what is removed is marked no more."""
        index.write(
            [put("wiki:1", CIRCULAR, valid_until=date(2020, 1, 1)), put("wiki:2", CIRCULAR)]
        )
        index.write([last := put("wiki:1", "La circulaire."), Remove("wiki:2")])
        assert _marks(index) == {"wiki:1": _bare(last)}

    def test_marks_come_with_the_newest(self, index: Index) -> None:
        """Where nothing is asked, too."""
        index.write([put("wiki:1", CIRCULAR, modified=NOON)])
        assert (
            index.search(asking(with_attributes=True)).attributes["wiki:1"].dated
            == NOON.timestamp()
        )

    @pytest.mark.parametrize("access", [allowed("ldap:group:x"), Access()])
    def test_a_successor_shows_to_its_readers_alone(self, index: Index, access: Access) -> None:
        """Those that replace a document, by id; none that the reader may not read."""
        index.write(
            [
                put("wiki:old", "L'ancienne note."),
                put("wiki:b", "La note.", replaces=("wiki:old",)),
                put("notes:a", "La note.", replaces=("wiki:x", "wiki:old"), access=access),
            ]
        )
        member = reading("ldap:group:x")
        assert _successors(index, "wiki:old") == ["wiki:b"]
        assert _successors(index, "wiki:old", member) == (
            ["notes:a"] * bool(access.allowed) + ["wiki:b"]
        )
        index.write([PutAccess("wiki:b", access), PutAccess("notes:a", allowed("everyone"))])
        assert _successors(index, "wiki:old") == ["notes:a"]

    def test_a_successor_goes_with_what_it_says(self, index: Index) -> None:
        """Put again without the word, or removed, it replaces nothing."""
        index.write([put("wiki:old", "a"), put("wiki:1", "b", replaces=("wiki:old",))])
        index.write([put("wiki:2", "c", replaces=("wiki:old",))])
        assert _successors(index, "wiki:old") == ["wiki:1", "wiki:2"]
        index.write([put("wiki:1", "b"), Remove("wiki:2")])
        assert _successors(index, "wiki:old") == []
        plain = ShowRequest(ANYONE, ("wiki:old",), Question())
        index.write([put("wiki:2", "c", replaces=("wiki:old",))])
        assert _successors(index, "wiki:old") == ["wiki:2"]
        assert index.show(plain)[0].successors == ()
        assert index.show(replace(plain, document_ids=())) == ()
