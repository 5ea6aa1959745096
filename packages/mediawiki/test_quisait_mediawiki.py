"""A real wiki, read again after each thing that its editors do to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from quisait_connector_kit.connector_contract import apply
from quisait_mediawiki.client import WikiClient
from quisait_mediawiki.pages import Rendering

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Malformed,
    RecordVanished,
    SourceRefused,
    Upsert,
)
from connectors.values import Access, ContributorRole
from tests.wiki_reading import WikiReading, read_documents
from tests.wiki_server import ADMIN, EDITOR, ROBOT, WikiServer, ensure_wiki

pytestmark = [pytest.mark.sources, pytest.mark.trust]


@pytest.fixture
def wiki() -> WikiServer:
    server = ensure_wiki()
    server.reset()
    return server


@cache
def three_pages() -> WikiReading:
    """A wiki of three pages, read once."""
    wiki = ensure_wiki()
    wiki.reset()
    wiki.edit("Bornage", "La limite de deux parcelles.")
    wiki.edit("Régie", "Le régisseur de recettes.")
    wiki.edit("Équipe:Secret", "Entre nous.")
    wiki.snapshot("three pages")
    one = WikiReading(wiki)
    one.read()
    return one


@pytest.fixture
def reading() -> WikiReading:
    """A wiki of three pages that was read once, each test's own."""
    first = three_pages()
    first.wiki.reset("three pages")
    return replace(first)


@pytest.mark.parametrize(("user", "password"), [("", ""), ("Lecteur", "faux"), ("Nul@x", "y")])
def test_a_closed_door_is_told_to_the_administrator(
    wiki: WikiServer, user: str, password: str
) -> None:
    """Without an account, or with a wrong password, the reading stops with a sentence."""
    one = WikiReading(wiki, user=user, password=password)
    with pytest.raises(SourceRefused, match="« user »"):
        one.read()


EDITS: dict[str, Callable[[WikiServer], object]] = {
    "edit": lambda w: w.edit("Bornage", "Un autre texte."),
    "new": lambda w: w.edit("Œuvre été", "Nouveau."),
    "delete": lambda w: w.delete("Régie"),
    "move": lambda w: w.move("Bornage", "Abornement"),
    "move to a closed namespace": lambda w: w.move("Bornage", "Équipe:Bornage", noredirect=1),
    "move to an open namespace": lambda w: w.move("Équipe:Secret", "Secret", noredirect=1),
    "move out of what is read": lambda w: w.move("Bornage", "Aide:Bornage", noredirect=1),
    "move in": lambda w: (w.edit("Aide:Mode", "Emploi."), w.move("Aide:Mode", "Mode")),
    "move over a redirect": lambda w: (w.move("Bornage", "X"), w.move("X", "Bornage")),
    "a redirect to it": lambda w: w.edit("Alias", "#REDIRECTION [[Bornage]]"),
    "becomes a redirect": lambda w: w.edit("Régie", "#REDIRECTION [[Bornage]]"),
    "redirect becomes a page": lambda w: (
        w.edit("Alias", "#REDIRECTION [[Bornage]]"),
        w.edit("Alias", "Une page."),
    ),
    "delete and restore": lambda w: (
        w.edit("Régie", "Changée."),
        w.delete("Régie"),
        w.act("undelete", title="Régie"),
    ),
    "upload": lambda w: w.upload("Été.txt", "Un fichier d'été.".encode(), "Une note."),
    "new version of a file": lambda w: (
        w.upload("Été.txt", b"ancien", ""),
        w.upload("Été.txt", b"nouveau", ""),
    ),
    "delete a file": lambda w: (w.upload("A.txt", b"a", ""), w.delete("Fichier:A.txt")),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_editors_do_is_followed(reading: WikiReading, name: str) -> None:
    """After each act, what is kept is what a first reading would keep; nothing else came."""
    before = dict(reading.kept)
    EDITS[name](reading.wiki)
    changes = reading.read()
    assert reading.kept == reading.as_if_new()
    assert len(read_documents(changes)) <= 2
    assert (reading.kept != before) == (name != "delete a file")


def test_a_move_keeps_the_id_and_the_history(reading: WikiReading) -> None:
    """The page is the same document under its new title, and the old title still finds it."""
    before = reading.document("Bornage")
    reading.wiki.move("Bornage", "Abornement")
    reading.read()
    after = reading.document("Abornement")
    assert after.id == before.id
    assert before.contributions[0] in after.contributions
    assert reading.text("Abornement").endswith("Bornage")


def test_a_move_to_a_closed_namespace_closes_at_once(reading: WikiReading) -> None:
    """Even out of what is read: nobody reads it, before its deletion is let go."""
    moved = reading.document("Bornage").id
    reading.wiki.move("Bornage", "Aide:Bornage", noredirect=1)
    assert AccessNarrowed(moved, Access()) in reading.read()


def test_a_merged_history_is_read(reading: WikiReading) -> None:
    """The target gains the editors of the source."""
    wiki = reading.wiki
    source, target = wiki.page_id("Bornage"), wiki.page_id("Régie")
    for page, stamp in ((source, "20200101000000"), (target, "20210101000000")):
        wiki.execute("UPDATE revision SET rev_timestamp = ? WHERE rev_page = ?", stamp, page)
    wiki.act("mergehistory", **{"from": "Bornage", "to": "Régie"})
    reading.read()
    assert reading.kept == reading.as_if_new()
    assert [c.count for c in reading.document("Régie").contributions] == [1, 1]


def test_hidden_editors_are_forgotten(reading: WikiReading) -> None:
    """Once the wiki hides who made an edit, they are no contributor."""
    done = reading.wiki.edit("Bornage", "Suite.", EDITOR)
    reading.wiki.edit("Bornage", "Suite et fin.")
    reading.read()
    assert f"w:{EDITOR}" in {c.account for c in reading.document("Bornage").contributions}
    reading.wiki.act("revisiondelete", type="revision", ids=done["newrevid"], hide="user")
    reading.read()
    assert f"w:{EDITOR}" not in {c.account for c in reading.document("Bornage").contributions}


def test_every_revision_is_a_contribution(reading: WikiReading) -> None:
    """Author first, editors after; minor edits and bots weigh nothing; years are counted."""
    wiki = reading.wiki
    for text, user, flags in (
        ("a", EDITOR, {}), ("ab", EDITOR, {}), ("abc", EDITOR, {"minor": 1}),
        ("abcd", ROBOT, {"bot": 1}),
    ):  # fmt: skip
        wiki.edit("Bornage", text, user, **flags)
    wiki.execute(
        "UPDATE revision SET rev_timestamp = '20191231120000' "
        "WHERE rev_page = ? AND rev_parent_id = 0",
        wiki.page_id("Bornage"),
    )
    reading.read()
    said = {
        (c.account, c.role): (c.count, c.years) for c in reading.document("Bornage").contributions
    }
    year = datetime.now(UTC).year
    assert said == {
        (f"w:{ADMIN}", ContributorRole.AUTHOR): (1, ((2019, 1),)),
        (f"w:{EDITOR}", ContributorRole.EDITOR): (2, ((year, 2),)),
        (f"w:{EDITOR}", ContributorRole.BOT): (1, ((year, 1),)),
        (f"w:{ROBOT}", ContributorRole.BOT): (1, ((year, 1),)),
    }
    assert str(reading.document("Bornage").created) == "2019-12-31 12:00:00+00:00"


def test_the_rendering_is_cut_at_headings(reading: WikiReading) -> None:
    """Templates are expanded, tables kept, and what only serves the screen left out."""
    reading.wiki.edit("Modèle:Taux", "le taux de {{{1}}}")
    reading.wiki.edit(
        "Taxe",
        "Voici {{Taux|20 %}}.<ref>Loi 1</ref>\n== Calcul de l’''assiette'' ==\n"
        '{| class="wikitext"\n! Base !! Taux\n|-\n| 10 || 5\n|}\n=== Détail ===\n* un\n* deux\n'
        "== Notes ==\n<references/>\n[[Catégorie:Fiscalité locale]][[Catégorie:Autre]]",
    )
    reading.read()
    document = reading.document("Taxe")
    assert [(s.heading, s.text) for s in document.sections] == [
        ("", "Voici le taux de 20\xa0%."),
        ("Calcul de l’assiette", "Base | Taux\n10 | 5"),
        ("Calcul de l’assiette › Détail", "un\ndeux"),
        ("Notes", "Loi 1"),
    ]
    assert document.space == "Fiscalité locale"
    assert reading.document("Secret").space == "Équipe"


def test_files_are_fetched_under_the_login(reading: WikiReading) -> None:
    """The bytes come from the private wiki itself; the page's description stands before them."""
    text = "Le contenu d'un fichier accentué."
    reading.wiki.upload("Été à Évry.txt", text.encode(), "Une note de service.")
    changes = reading.read()
    (document,) = [c.document for c in changes if isinstance(c, Upsert)]
    assert document.content is not None
    assert document.content.read().decode() == text
    assert document.content.filename == document.title == "Été à Évry.txt"
    assert (document.kind, document.access) == ("file", Access(frozenset({"everyone"})))
    assert document.sections[0].text == "Une note de service."
    assert [c.role for c in document.contributions] == [ContributorRole.UPLOADER]
    reading.wiki.delete("Fichier:Été à Évry.txt")
    with pytest.raises(RecordVanished):
        document.content.read()


def test_a_files_address_elsewhere_is_not_fetched(reading: WikiReading) -> None:
    """A wiki whose files are on another host is read without them, and says so."""
    reading.wiki.upload("Note.txt", b"ailleurs", "La page de la note.")
    reading.wiki.configure("$wgUploadPath = 'http://ailleurs.example/images';")
    changes = reading.read()
    (document,) = [c.document for c in changes if isinstance(c, Upsert)]
    assert document.content is None
    assert len([c for c in changes if isinstance(c, Malformed)]) == 1


def test_other_rules_change_readers_without_a_reading(reading: WikiReading) -> None:
    """Readers change first; pages of a namespace newly named come, of one left out go."""
    reading.wiki.edit("Aide:Mode", "Emploi.")
    reading.rules = {"": ("test:group:b",), "Aide": ("everyone",), "Fichier": ()}
    known = {title: reading.document(title).id for title in reading.titles()}
    changes = reading.read()
    closed = [c for c in changes if isinstance(c, AccessChanged | AccessNarrowed)]
    assert {c.document_id: c.access for c in closed if c.document_id in known.values()} == {
        known["Bornage"]: Access(frozenset({"test:group:b"})),
        known["Régie"]: Access(frozenset({"test:group:b"})),
        known["Secret"]: Access(),
    }
    assert reading.kept == reading.as_if_new()
    assert reading.titles() == ["Bornage", "Mode", "Régie"]


def test_narrower_rules_alone_read_no_page(reading: WikiReading) -> None:
    """Where the settings only took readers away, no document comes."""
    reading.rules = {**reading.rules, "": ("test:group:b",)}
    changes = reading.read()
    assert read_documents(changes) == set()
    assert reading.kept == reading.as_if_new()


def test_wider_rules_come_with_the_text(reading: WikiReading) -> None:
    """The pages of a namespace that gains readers are read anew: what is kept may be older."""
    reading.wiki.edit("Équipe:Secret", "Ce que tous peuvent lire.")
    reading.rules = {**reading.rules, "Équipe": ("everyone",)}
    kept = reading.kept
    for change in reading.read():
        kept = apply([change], kept)
        open_texts = {
            section.text
            for document in kept.values()
            if "everyone" in document.access.allowed
            for section in document.sections
        }
        assert "Entre nous." not in open_texts
    assert reading.kept == reading.as_if_new()
    assert reading.document("Secret").access == Access(frozenset({"everyone"}))


def test_a_page_that_moves_while_it_is_read_has_the_readers_of_its_text(
    reading: WikiReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its readers were asked for where it stood, its text where it stands."""
    render, moves = WikiClient.rendering, ["Équipe:Bornage"]

    def after_a_move(wiki: WikiClient, page_id: int) -> Rendering:
        while moves:
            reading.wiki.move("Bornage", moves[0], noredirect=1)
            reading.wiki.edit(moves.pop(), "Pour l’équipe seule.")
        return render(wiki, page_id)

    reading.wiki.edit("Bornage", "La limite de trois parcelles.")
    monkeypatch.setattr(WikiClient, "rendering", after_a_move)
    changes = reading.read()
    assert moves == []
    texts = {
        section.text: c.document.access
        for c in changes
        if isinstance(c, Upsert)
        for section in c.document.sections
    }
    assert texts["Pour l’équipe seule."] == Access(frozenset({"test:group:a"}))
    assert reading.read() is not None
    assert reading.kept == reading.as_if_new()


def test_an_unknown_namespace_is_refused(reading: WikiReading) -> None:
    """A misspelt name stops the reading: it would leave pages unread."""
    reading.rules = {"Equipes": ("everyone",)}
    with pytest.raises(SourceRefused, match="Equipes"):
        reading.read()


def test_a_page_of_this_second_is_read_again(reading: WikiReading) -> None:
    """It may change again within the second, and the wiki would not tell."""
    named = ("20990101000000", reading.wiki.page_id("Bornage"))
    reading.wiki.execute("UPDATE page SET page_touched = ? WHERE page_id = ?", *named)
    for _ in range(2):
        assert read_documents(reading.read()) == {"Bornage"}
