"""Contract of the `Index` port: what is written is what is kept, and it is seen at once."""

from dataclasses import replace
from datetime import UTC, date, datetime

from connectors.values import Access, Contribution, ContributorRole, EvidencePolicy
from indexer.ports import Index
from indexer.values import (
    Card,
    Passage,
    Put,
    PutAccess,
    Question,
    Remove,
    SearchAnswer,
    ShowRequest,
    WriteReport,
)
from tests.builders import (
    ANYONE,
    OPEN,
    allowed,
    asking,
    indexed,
    make_document,
    put,
    reading,
    vector_of,
)


class WriteChecks:
    """Writes, removals, access changes and the scan."""

    def test_a_put_is_seen_once_write_returns(self, index: Index) -> None:
        """By words, by vector, in the listing and in suggestions."""
        report = index.write([put("wiki:1", "Le cadastre", title="Parcelles")])
        assert report == WriteReport(written=1)
        answer = index.search(asking("cadastre", vector=vector_of("Le cadastre")))
        assert [hit.document_id for hit in answer.lexical] == ["wiki:1"]
        assert [hit.document_id for hit in answer.vector] == ["wiki:1"]
        assert index.search(asking()).total == 1
        assert [s.document_id for s in index.suggest(ANYONE, "parc", 5)] == ["wiki:1"]

    def test_a_removal_is_seen_once_write_returns(self, index: Index) -> None:
        """Nothing of the document is left in any answer."""
        index.write([put("wiki:1", "Le cadastre", title="Parcelles", space="sig")])
        index.write([Remove("wiki:1")])
        answer = index.search(asking("cadastre", vector=vector_of("Le cadastre")))
        assert (answer.lexical, answer.vector, answer.total) == ((), (), 0)
        assert not any(answer.facets.values())
        assert index.suggest(ANYONE, "parc", 5) == ()
        assert index.show(ShowRequest(ANYONE, ("wiki:1",), Question("cadastre"))) == ()
        assert list(index.scan("wiki")) == []

    def test_putting_again_replaces(self, index: Index) -> None:
        """Old words, passages, fields and access are gone; the document counts once."""
        index.write([put("wiki:1", "Le cadastre", "Les parcelles", title="Avant", space="sig")])
        index.write([put("wiki:1", "La cantine", title="Maintenant", space="rh")])
        assert index.search(asking("cadastre")).total == 0
        answer = index.search(asking("cantine", vector=vector_of("La cantine")))
        assert answer.total == 1
        assert [value.value for value in answer.facets["space"]] == ["rh"]
        shown = index.show(ShowRequest(ANYONE, ("wiki:1",), Question("cantine"), passages=5))
        assert [found.passage.text for found in shown[0].passages] == ["La cantine"]
        assert index.suggest(ANYONE, "avant", 5) == ()

    def test_a_change_of_access_changes_nothing_else(self, index: Index) -> None:
        """A document of 300 passages gives the same hits, passages and vectors afterwards."""
        texts = [f"Le passage {n} parle du numéro x{n}x" for n in range(300)]
        index.write([put("wiki:long", *texts), put("wiki:other", "Tout autre chose")])
        asked = asking("passage", vector=vector_of(texts[271]))
        wanted = [
            ShowRequest(ANYONE, ("wiki:long",), Question(), vector_of(texts[n]), passages=2)
            for n in (0, 149, 150, 299)
        ]
        before = _told(index.search(asked)), [index.show(request) for request in wanted]
        index.write([PutAccess("wiki:long", allowed("everyone", "ldap:group:x"))])
        assert (_told(index.search(asked)), [index.show(request) for request in wanted]) == before
        assert [shown[0].passages[0].passage.text for shown in before[1]] == [
            texts[n] for n in (0, 149, 150, 299)
        ]

    def test_a_batch_is_applied_in_its_order(self, index: Index) -> None:
        """The last word about one id stands."""
        closed = allowed("ldap:group:x")
        index.write(
            [
                put("wiki:1", "Le cadastre"),
                Remove("wiki:1"),
                put("wiki:1", "La cantine"),
                PutAccess("wiki:1", closed),
                put("wiki:2", "Le cadastre"),
                Remove("wiki:2"),
                PutAccess("wiki:2", OPEN),
                PutAccess("wiki:3", closed),
                put("wiki:3", "La cantine"),
            ]
        )
        everything = reading("ldap:group:x")
        assert index.search(asking("cadastre", access=everything)).total == 0
        assert index.search(asking("cantine", access=everything)).total == 2
        assert [hit.document_id for hit in index.search(asking("cantine")).lexical] == ["wiki:3"]

    def test_what_is_not_kept_cannot_be_changed(self, index: Index) -> None:
        """Removing it or changing its access has no effect and no error."""
        index.write([put("wiki:1", "Le cadastre")])
        report = index.write([Remove("wiki:none"), PutAccess("wiki:none", OPEN)])
        assert report.failed == ()
        assert index.search(asking()).total == 1
        assert [kept.document_id for kept in index.scan("wiki")] == ["wiki:1"]

    def test_an_empty_batch_is_nothing(self, index: Index) -> None:
        """It neither fails nor writes."""
        assert index.write([]) == WriteReport(written=0)
        assert index.search(asking()).total == 0

    def test_a_scan_tells_hashes_and_access_of_one_source(self, index: Index) -> None:
        """What the pipeline compares with, as it stands after the last write."""
        access = Access(frozenset({"wiki:group:a"}), frozenset({"agent:b"}))
        first = indexed(make_document("wiki:1"), "Le cadastre")
        index.write([Put(first), put("wiki:2", "La cantine"), put("mail:1", "Bonjour")])
        index.write([PutAccess("wiki:1", access)])
        kept = {found.document_id: found for found in index.scan("wiki")}
        assert set(kept) == {"wiki:1", "wiki:2"}
        assert kept["wiki:1"].content_hash == first.content_hash
        assert kept["wiki:1"].record_hash == first.record_hash
        assert (kept["wiki:1"].access, kept["wiki:2"].access) == (access, OPEN)

    def test_what_is_kept_is_told_by_id(self, index: Index) -> None:
        """As a scan tells it, as it stands after the last write; what is not kept is left out."""
        index.write([put("wiki:1", "Le cadastre"), put("mail:1", "Bonjour"), put("wiki:2", "Un")])
        index.write([PutAccess("wiki:1", allowed("ldap:group:x"))])
        asked = ["wiki:1", "mail:1", "wiki:none", "wiki:\ud800"]
        scanned = {kept.document_id: kept for kept in (*index.scan("wiki"), *index.scan("mail"))}
        assert index.kept(asked) == {name: scanned[name] for name in ("wiki:1", "mail:1")}
        index.write([Remove("wiki:1")])
        assert index.kept(asked).keys() == {"mail:1"}
        assert index.kept([]) == {}

    def test_documents_are_counted_by_source(self, index: Index) -> None:
        """Documents and not passages, as after the last write."""
        assert index.count("wiki") == 0
        index.write([put("wiki:1", "Un", "Deux", "Trois"), put("wiki:2", "Un"), put("mail:1", "A")])
        assert (index.count("wiki"), index.count("mail"), index.count("other")) == (2, 1, 0)
        index.write([Remove("wiki:1")])
        assert index.count("wiki") == 1

    def test_a_scan_is_complete(self, index: Index) -> None:
        """Also beyond what an engine gives in one answer."""
        index.write([put(f"wiki:{n}", "Le cadastre") for n in range(1100)])
        found = [kept.document_id for kept in index.scan("wiki")]
        assert sorted(found) == sorted(f"wiki:{n}" for n in range(1100))
        assert index.kept(found).keys() == set(found)

    def test_every_field_of_a_card_comes_back(self, index: Index) -> None:
        """A card says what the source said."""
        card = Card(
            document_id="wiki:1",
            source="wiki",
            title="L’exonération «facultative»",
            url="https://wiki.example/1",
            kind="page",
            language="fr",
            space="fiscalité",
            part_of="wiki:0",
            entity="dgfip/ddfip-48",
            area="48",
            created=datetime(2019, 3, 1, 8, 30, tzinfo=UTC),
            modified=datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
            valid_from="2020-01-01",
            valid_until="2025-12-31",
            replaces=("wiki:a", "wiki:b"),
            evidence="none",
            contributions=(
                Contribution(
                    account="wiki:jeanne",
                    role=ContributorRole.ACCEPTED_ANSWERER,
                    label="Jeanne M.",
                    count=3,
                    first=date(2019, 3, 1),
                    last=date(2024, 1, 2),
                    years=((2019, 1), (2024, 2)),
                ),
                Contribution(account="wiki:bot", role=ContributorRole.BOT),
            ),
            signed=False,
        )
        document = make_document(
            **{name: getattr(card, name) for name in _SAME},
            document_id=card.document_id,
            valid_from=date(2020, 1, 1),
            valid_until=date(2025, 12, 31),
            evidence=EvidencePolicy.NONE,
        )
        index.write([Put(indexed(document, "Le texte"))])
        for passages in (0, 1):
            asked = ShowRequest(ANYONE, ("wiki:1",), Question(), passages=passages)
            assert index.show(asked)[0].card == card
        others = ShowRequest(ANYONE, (), Question(), by_card=("wiki:1",))
        assert index.show(others)[0].card == card

    def test_others_are_shown_by_their_card_behind(self, index: Index) -> None:
        """In the order asked for, without passages or successors, whatever the first ones have."""
        index.write([put(f"wiki:{n}", f"La cantine {n}") for n in range(4)])
        index.write([put("wiki:successor", "La cantine", replaces=("wiki:0", "wiki:2"))])
        asked = ShowRequest(
            *(ANYONE, ("wiki:3", "wiki:0"), Question("cantine")),
            by_card=("wiki:2", "wiki:gone", "wiki:1"),
        )
        for passages in (0, 1):
            for successors in (False, True):
                shown = index.show(replace(asked, passages=passages, successors=successors))
                ids = [one.card.document_id for one in shown]
                assert ids == ["wiki:3", "wiki:0", "wiki:2", "wiki:1"]
                assert [len(one.passages) for one in shown] == [passages, passages, 0, 0]
                assert [len(one.successors) for one in shown] == [0, successors, 0, 0]

    def test_a_card_tells_whether_several_signed(self, index: Index) -> None:
        """Two authors of passages do; one of all, or of one beside unsigned ones, does not."""
        for authors, several in (
            (("wiki:ana", "wiki:ben"), True),
            (("wiki:ana", "wiki:ana"), False),
            (("wiki:ana", None), False),
        ):
            passages = tuple(Passage(f"Le texte {n}", author=a) for n, a in enumerate(authors))
            index.write([Put(indexed(make_document(), passages=passages))])
            for shown in (0, 1):
                asked = ShowRequest(ANYONE, ("wiki:1",), Question(), passages=shown)
                assert index.show(asked)[0].card.signed is several

    def test_every_field_of_a_passage_comes_back(self, index: Index) -> None:
        """A passage knows its heading, author, page and attachment."""
        passage = Passage("Le texte", "Titre 2", "wiki:jeanne", 12, "pièce/jointe.pdf")
        index.write([Put(indexed(make_document(), passages=(passage,)))])
        shown = index.show(ShowRequest(ANYONE, ("wiki:1",), Question("texte")))
        assert [found.passage for found in shown[0].passages] == [passage]


def _told(answer: SearchAnswer) -> tuple[object, ...]:
    """Leave out only the scores by words: an engine may count a replaced copy for a while."""
    return [hit.document_id for hit in answer.lexical], replace(answer, lexical=())


_SAME = (
    *("source", "title", "url", "kind", "language", "space", "part_of", "entity", "area"),
    *("created", "modified", "replaces", "contributions"),
)
