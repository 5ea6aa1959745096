"""Contract of the `Index` port: what a reindex reads is whole, and as it is now."""

import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from connectors.values import Access, Contribution, ContributorRole, EvidencePolicy
from indexer.ports import Index
from indexer.values import WITHHELD, IndexedDocument, Passage, Put, PutAccess, Remove
from tests.builders import ANYONE, OPEN, asking, indexed, make_document, put, vector_of

FULL = make_document(
    "wiki:full",
    title="L’exonération «facultative»",
    url="https://wiki.example/1",
    kind="page",
    space="fiscalité",
    part_of="wiki:0",
    entity="dgfip/ddfip-48",
    area="48",
    created=datetime(2019, 3, 1, 8, 30, tzinfo=UTC),
    modified=datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    valid_from=date(2020, 1, 1),
    valid_until=date(2025, 12, 31),
    replaces=("wiki:a", "wiki:b"),
    evidence=EvidencePolicy.NONE,
    contributions=(
        Contribution(
            "wiki:jeanne",
            ContributorRole.EDITOR,
            "Jeanne M.",
            3,
            years=((2019, 1), (2024, 2)),
            thanks=4,
            volume=226,
        ),
        Contribution("wiki:paul", ContributorRole.AUTHOR, volume=0),
    ),
)
PASSAGES = (
    Passage("Le texte", "Titre 2", "wiki:jeanne", 12, "pièce/jointe.pdf"),
    Passage("La suite"),
)


class ContentsChecks:
    """Sources, and documents whole."""

    def test_sources_are_those_with_documents(self, index: Index) -> None:
        """Each of them, whoever wrote it; none that has lost its last document."""
        assert index.sources() == frozenset()
        index.write([put("wiki:1", "Un"), put("mail:1", "Deux"), put("notes:1", "Trois")])
        assert index.sources() == {"wiki", "mail", "notes"}
        index.write([Remove("mail:1")])
        assert index.sources() == {"wiki", "notes"}

    def test_a_document_comes_back_whole(self, index: Index) -> None:
        """Every field, passage, vector and hash: what is put again is what was put."""
        kept = indexed(FULL, passages=PASSAGES)
        index.write([Put(kept), put("wiki:other", "Autre chose")])
        (found,) = index.documents(["wiki:full", "wiki:none"])
        _assert_same(found, kept)

    def test_a_long_document_keeps_its_own_vectors(self, index: Index) -> None:
        """Also those of 300 passages, after a change of access alone."""
        texts = [f"Le passage {n}" for n in range(300)]
        kept = indexed(make_document("wiki:long"), *texts)
        index.write([Put(kept), put("wiki:other", *(f"Un autre {n}" for n in range(300)))])
        index.write([PutAccess("wiki:long", OPEN)])
        (found,) = index.documents(["wiki:long"])
        _assert_same(found, kept)

    def test_a_whole_document_has_the_readers_of_now(self, index: Index) -> None:
        """Not those that it was put with."""
        narrowed = Access(frozenset({"ldap:group:x"}), frozenset({"agent:b"}))
        index.write([put("wiki:1", "Un"), put("wiki:2", "Deux")])
        index.write([PutAccess("wiki:1", narrowed)])
        found = {one.document.id: one.document.access for one in index.documents(["wiki:1"])}
        assert found == {"wiki:1": narrowed}

    def test_a_document_is_read_out_as_it_is_now(self, index: Index) -> None:
        """All of its passages, in order, beyond what an engine shows of one; no former text."""
        texts = [f"Le passage {n}" for n in range(300)]
        index.write([Put(indexed(FULL, passages=PASSAGES)), put("wiki:long", *texts)])
        full, long = index.read(ANYONE, "wiki:full"), index.read(ANYONE, "wiki:long")
        assert full is not None
        assert long is not None
        assert full.passages == PASSAGES
        assert (full.card.title, full.card.url) == (FULL.title, FULL.url)
        assert full.card.contributions == FULL.contributions
        assert [one.text for one in long.passages] == texts
        assert long.beginning is not None
        first = indexed(make_document("wiki:long"), *texts).vectors[0]
        assert np.allclose(long.beginning, first, atol=1e-6)
        index.write([put("wiki:long", "Réécrit"), Remove("wiki:full")])
        again = index.read(ANYONE, "wiki:long")
        assert again is not None
        assert [one.text for one in again.passages] == ["Réécrit"]
        assert index.read(ANYONE, "wiki:full") is None

    def test_a_hostile_id_reads_out_nothing(self, index: Index) -> None:
        """Whatever stands in an address."""
        index.write([put("wiki:1", "Un")])
        for hostile in ("", "wiki:", "\ud800", "wiki:\0", "w" * 5000, "' OR 1=1"):
            assert index.read(ANYONE, hostile) is None, hostile

    def test_whole_documents_are_complete(self, index: Index) -> None:
        """Also beyond what an engine gives in one answer; none twice."""
        ids = [f"wiki:{n}" for n in range(130)]
        index.write([put(document_id, f"Texte {document_id}") for document_id in ids])
        assert sorted(one.document.id for one in index.documents(ids)) == sorted(ids)
        assert list(index.documents([])) == []

    def test_what_is_put_again_answers_as_before(self, index: Index) -> None:
        """A copy of everything, in its own place, changes no answer."""
        index.write([Put(indexed(FULL, passages=PASSAGES)), put("wiki:2", "La parcelle")])
        asked = asking("parcelle texte", vector=vector_of("La suite"))
        before = index.search(asked)
        index.write([Put(one) for one in index.documents(["wiki:full", "wiki:2"])])
        after = index.search(asked)
        assert (after.total, after.facets) == (before.total, before.facets)
        assert [hit.document_id for hit in after.vector] == [h.document_id for h in before.vector]
        assert index.suggest(ANYONE, "exo", 5)[0].document_id == "wiki:full"

    def test_denials_are_counted_by_source(self, index: Index) -> None:
        """Each principal that a document denies, with how many do: documents of that source."""
        one, both = frozenset({"ldap:group:a"}), frozenset({"ldap:group:a", "agent:b"})
        index.write(
            [
                put("wiki:1", "Un", access=Access(OPEN.allowed, one)),
                put("wiki:2", "Deux", access=Access(OPEN.allowed, both), space="autre"),
                put("wiki:3", "Trois", access=Access(OPEN.allowed, both)),
                put("wiki:4", "Quatre"),
                put("mail:1", "Cinq", access=Access(denied=both)),
            ]
        )
        assert index.denials("wiki") == {"ldap:group:a": 3, "agent:b": 2}
        assert index.denials("mail") == {"ldap:group:a": 1, "agent:b": 1}
        assert index.denials("notes") == {}
        index.write([PutAccess("wiki:2", OPEN), Remove("wiki:3")])
        assert index.denials("wiki") == {"ldap:group:a": 1}

    def test_documents_without_readers_are_counted_by_source(self, index: Index) -> None:
        """Documents withheld until they are read again are not among them."""
        index.write(
            [
                put("wiki:1", "Un", access=Access()),
                put("wiki:2", "Deux", access=Access(denied=frozenset({"agent:b"}))),
                put("wiki:3", "Trois", access=WITHHELD),
                put("wiki:4", "Quatre"),
                put("mail:1", "Cinq", access=Access()),
            ]
        )
        assert [index.without_readers(name) for name in ("wiki", "mail", "notes")] == [2, 1, 0]
        index.write([PutAccess("wiki:2", OPEN), Remove("wiki:1")])
        assert index.without_readers("wiki") == 0

    def test_accounts_that_signed_are_told(self, index: Index) -> None:
        """Those of them that contributed to a kept document, in either Unicode form."""
        row = Contribution(unicodedata.normalize("NFD", "wiki:zoé"), ContributorRole.EDITOR)
        rows = (Contribution("wiki:ana", ContributorRole.ASKER), row)
        index.write([put("wiki:1", "Un", contributions=rows)])
        asked = ["wiki:ana", "wiki:zoé", "wiki:an", "mail:ana"]
        assert index.signing(asked) == {"wiki:ana", "wiki:zoé"}
        index.write([Remove("wiki:1")])
        assert index.signing(asked) == frozenset()


def _assert_same(found: IndexedDocument, kept: IndexedDocument) -> None:
    document = replace(found.document, version="")
    assert document == replace(kept.document, version="", sections=())
    assert found.passages == kept.passages
    assert (found.content_hash, found.record_hash) == (kept.content_hash, kept.record_hash)
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape == kept.vectors.shape
    assert np.allclose(found.vectors, kept.vectors, atol=2e-7)
