"""A WordPress read from a real one, with what security plug-ins do to it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from quisait_connector_kit.connector_contract import apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_sites.options import WordPressOptions
from quisait_sites.wordpress import WordPressSource
from quisait_sites.wordpress_api import WordPressApi
from test_quisait_sites import page_of_jeanne

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessNarrowed,
    Change,
    ContentStale,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Document, Section
from tests.recorded_servers import Check, Tape
from tests.wordpress_server import ADMIN, WordPressServer, ensure_wordpress

pytestmark = pytest.mark.sources

SEEN = MemorySeen()
"""A cursor of any test names its own rows."""
QUICK = HttpLimits(rate_per_s=0, timeout_s=20, total_timeout_s=30, max_wait_s=0)
EVERYONE = Access(frozenset({"everyone"}))
BEHIND_ONE = {"password": "x"}
RH = Access(frozenset({"annuaire:group:rh"}))


@dataclass
class WordPressHarness:
    """A site whose pages and settings the contract changes. Writes go together, when it is read."""

    server: WordPressServer
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    resumable_count: int = 45

    def connector(self) -> Snapshot:
        self.write()
        sections = {f"/{slug(name)}/": [*allowed] for name, allowed in self.readers.items()}
        options = WordPressOptions(url=self.server.url, sections=sections)
        return Snapshot(WordPressSource("t", options, Access(), HttpHost(options.url, QUICK)), SEEN)

    def write(self) -> None:
        acts: list[tuple[str, str, dict[str, Any]]] = []
        for name, text in self.waiting:
            said = {"title": name, "content": text, "status": "publish", "slug": slug(name)}
            number = self.ids.get(name)
            acts.append(("POST", f"pages/{number}" if number else "pages", said))
        done = self.server.act_together(acts)
        self.ids |= {name: one["id"] for (name, _), one in zip(self.waiting, done, strict=True)}
        self.waiting.clear()

    def document_id(self, name: str) -> str:
        return f"t:{self.ids[name]}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.waiting.append((name, text))
        self.readers[name] = allowed

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.readers[name] = allowed

    def remove(self, name: str) -> None:
        self.write()
        self.server.act("DELETE", f"pages/{self.ids[name]}")

    def add_invalid_records(self) -> int:
        self.add("panne", "Avant. [panne] Après.", ("everyone",))
        self.add("abîmé", "Un texte.", ("everyone",))
        return 2

    def add_complete_document(self) -> Document:
        parent = self.server.act("POST", "pages", title="Régies", status="publish", slug="regies")
        made = self.server.act(
            "POST", "pages", ADMIN,
            title="L’été <em>des</em> &amp; régies", status="publish", slug="ete", content=HTML,
            parent=parent["id"], date_gmt="2019-05-04T10:00:00", author=2,
        )  # fmt: skip
        self.readers |= {"regies": ("everyone",), "regies/ete": ("everyone",)}
        modified = datetime.fromisoformat(made["modified_gmt"]).replace(tzinfo=UTC)
        return page_of_jeanne(
            id=f"t:{made['id']}",
            title="L’été des & régies",
            sections=(Section("Le régisseur verse ses fonds."), Section("Chaque mois.", "Quand")),
            url=f"{self.server.url}regies/ete/",
            created=datetime(2019, 5, 4, 10, tzinfo=UTC),
            modified=modified,
            space="Régies",
        )


HTML = (
    '<p>Le régisseur verse <b>ses fonds</b>.</p>[vc_row width="1/2"]<h2>Quand</h2>'
    "<p>Chaque mois.</p>[/vc_row]<script>x()</script>"
)


def slug(name: str) -> str:
    return name.replace(".", "-").replace("î", "i").replace("é", "e")


@pytest.fixture
def server() -> WordPressServer:
    """A site without any entry."""
    server = ensure_wordpress()
    server.reset()
    return server


@pytest.fixture
def harness(server: WordPressServer) -> WordPressHarness:
    return WordPressHarness(server)


def connector(
    server: WordPressServer, default: Access = EVERYONE, password: str = "", **options: object
) -> Snapshot:
    made = WordPressOptions.model_validate({"url": server.url} | options)
    account = (made.user, password) if made.user else None
    host = HttpHost(made.url, QUICK, account=account)
    return Snapshot(WordPressSource("t", made, default, host), SEEN)


def post(server: WordPressServer, title: str, text: str = "Un texte.", **more: Any) -> str:
    """The id of a new post's document."""
    said = {"title": title, "content": text, "status": "publish"} | more
    return f"t:{server.act('POST', said.pop('kind', 'posts'), **said)['id']}"


def category(server: WordPressServer, name: str, parent: int = 0) -> int:
    return int(server.act("POST", "categories", name=name, slug=name, parent=parent)["id"])


def number(document_id: str) -> str:
    return document_id.removeprefix("t:")


TAPE = Tape(
    Path(__file__).with_name("recorded_wordpress.json.gz"),
    tuple((WordPressServer, name) for name in ("act", "act_together", "reset")),
    frozenset({"id", "modified_gmt"}),
)


def test_contract(connector_check: Check) -> None:
    """Every check of the contract, from a real site."""
    server = ensure_wordpress()
    with TAPE.recording(connector_check, server.port):
        server.reset()
        connector_check(WordPressHarness(server))


def test_contract_as_recorded(connector_check: Check, tmp_path: Path) -> None:
    """Every check, on what that site answered."""
    with TAPE.playing(connector_check):
        (server := WordPressServer(tmp_path, 1)).reset()
        connector_check(WordPressHarness(server))


def test_what_is_no_longer_public_goes_in_one_reading(server: WordPressServer) -> None:
    """A draft, the bin, a password, a private state, a date to come; the rest stays."""
    changes = {
        "brouillon": {"status": "draft"},
        "corbeille": None,
        "mot de passe": {"password": "x"},
        "privé": {"status": "private"},
        "à venir": {"status": "future", "date_gmt": "2100-01-01T00:00:00"},
        "reste": {},
    }
    ids = {name: post(server, name) for name in changes}
    first = list(connector(server).changes(None))
    kept = apply(first)
    assert set(kept) == set(ids.values())
    for name, said in changes.items():
        route = f"posts/{number(ids[name])}"
        server.act("DELETE", route) if said is None else server.act("POST", route, **said)
    kept = apply(connector(server).changes(last_cursor(first)), kept)
    assert set(kept) == {ids["reste"]}


def test_private_entries_are_read_no_wider_than_the_setting_says(server: WordPressServer) -> None:
    """By an account that may, and for those alone whom settings and section admit."""
    private = post(server, "privé", status="private")
    page = post(server, "rh", kind="pages", slug="rh", status="private")
    open_one = post(server, "ouvert")
    draft = post(server, "brouillon", status="draft")
    closed = post(server, "mot de passe", **BEHIND_ONE)
    account = {"user": ADMIN, "password": server.passwords[ADMIN]}
    kept = apply(connector(server, **account).changes(None))  # type: ignore[arg-type]
    assert set(kept) == {open_one}, "none is read unless the settings say who reads it"
    reading = connector(
        server, **account, private=["annuaire:group:rh"], sections={"/rh/": ["annuaire:group:sg"]}
    )  # type: ignore[arg-type]
    kept = apply(reading.changes(None))
    assert {one: document.access for one, document in kept.items()} == {
        private: RH,
        page: Access(),
        open_one: EVERYONE,
    }
    assert not {draft, closed} & kept.keys()
    with pytest.raises(ValueError, match="visiteur ne lit rien de privé"):
        connector(server, private=["everyone"])


def test_a_category_s_readers_hold_below_it_and_narrow(server: WordPressServer) -> None:
    """An entry in several categories is only open to people who are readers of all of them."""
    rh, news = category(server, "rh"), category(server, "actualites")
    paie = category(server, "paie", rh)
    closed = category(server, "archives")
    ids = {
        name: post(server, name, categories=categories)
        for name, categories in {
            "rh": [rh], "paie": [paie], "actualité": [news], "deux": [news, paie],
            "fermé": [closed, rh],
        }.items()
    }  # fmt: skip
    settings = {"categories": {"rh": ["annuaire:group:rh"], "archives": []}}
    first = list(connector(server, **settings).changes(None))
    kept = apply(first)
    assert {name: kept[one].access for name, one in ids.items()} == {
        "rh": RH, "paie": RH, "actualité": EVERYONE, "deux": RH, "fermé": Access(),
    }  # fmt: skip
    assert kept[ids["deux"]].space == "actualites"
    server.act("POST", f"posts/{number(ids['actualité'])}", categories=[rh])
    changes = list(connector(server, **settings).changes(last_cursor(first)))
    narrowed = [one for one in changes if isinstance(one, AccessNarrowed)]
    assert AccessNarrowed(ids["actualité"], RH) in narrowed
    texts = [at for at, one in enumerate(changes) if isinstance(one, Upsert)]
    assert changes.index(narrowed[-1]) < texts[0], "closed before any text is read"
    server.act("POST", f"categories/{rh}", slug="ressources")
    with pytest.raises(SourceRefused):
        list(connector(server, **settings).changes(None))


def test_a_page_has_the_readers_of_the_pages_above_it(server: WordPressServer) -> None:
    """Even where addresses say nothing of them; below one that is a draft, nobody's."""
    rh = post(server, "RH", kind="pages", slug="rh")
    below = post(server, "Congés", kind="pages", slug="conges", parent=int(number(rh)))
    other = post(server, "Rhône", kind="pages", slug="rhone")
    settings = {"sections": {"/rh/": ["annuaire:group:rh"]}}

    def accesses() -> dict[str, Access]:
        kept = apply(connector(server, **settings).changes(None))
        return {one: document.access for one, document in kept.items()}

    assert accesses() == {rh: RH, below: RH, other: EVERYONE}
    server.execute(
        "UPDATE wordpress.wp_options SET option_value='' WHERE option_name='permalink_structure';"
    )
    assert accesses() == {rh: RH, below: RH, other: EVERYONE}
    news = post(server, "Actualité")
    assert accesses() == {rh: RH, below: RH, other: EVERYONE}, "its address says no section"
    server.act("DELETE", f"posts/{number(news)}")
    first = list(connector(server, **settings).changes(None))
    server.act("POST", f"pages/{number(rh)}", status="draft")
    changes = list(connector(server, **settings).changes(last_cursor(first)))
    assert ContentStale(below) in changes
    assert [one.document_id for one in changes if isinstance(one, Malformed)] == [below]
    assert apply(changes, apply(first))[below].access == Access()
    server.act("POST", f"pages/{number(rh)}", status="publish")
    kept = apply(connector(server, **settings).changes(last_cursor(changes)), apply(changes))
    assert kept[below].access == RH, "it comes back, though it is as it was"


def test_files_have_the_readers_of_what_they_are_joined_to(server: WordPressServer) -> None:
    """A file of nothing, of a draft or of an entry behind a password is not read."""
    rh = post(server, "RH", kind="pages", slug="rh")
    draft = post(server, "brouillon", status="draft")
    closed = post(server, "fermé", **BEHIND_ONE)
    ids = {
        one: server.upload(f"{one}.txt", "Le barème des congés.".encode(), int(number(where)))
        for one, where in (("bareme", rh), ("projet", draft), ("code", closed), ("seul", "0"))
    }
    server.act("POST", f"media/{ids['bareme']}", caption="Celui de mars.", title="Barème")
    reading = connector(server, files=True, sections={"/rh/": ["annuaire:group:rh"]})
    first = list(reading.changes(None))
    kept = apply(first)
    file = f"t:{ids['bareme']}"
    assert set(kept) == {rh, file}
    assert (kept[file].access, kept[file].title, kept[file].part_of) == (RH, "Barème", rh)
    assert "Le barème des congés." in {one.text for one in kept[file].sections}
    assert {c.document.sections for c in first if isinstance(c, Upsert)} >= {
        (Section("Celui de mars."),)
    }
    assert set(apply(connector(server).changes(None))) == {rh}, "not unless the settings say so"
    server.act("POST", f"pages/{number(rh)}", status="draft")
    assert not apply(reading.changes(last_cursor(first)), kept)


def test_only_texts_that_changed_are_asked_for(
    server: WordPressServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several texts are requested at once; a text that fails stays as it was."""
    acts = [
        ("POST", "posts", {"title": f"{n}", "content": f"Le billet {n}.", "status": "publish"})
        for n in range(110)
    ]
    ids = [f"t:{one['id']}" for one in server.act_together(acts)]
    asked: list[list[int]] = []
    failing: set[int] = set()
    ask = WordPressApi.read

    def asking(api: WordPressApi, route: str, wanted: list[int], status: str) -> Any:
        asked.append(wanted)
        if failing & {*wanted}:
            raise SourceUnreachable("en panne")
        return ask(api, route, wanted, status)

    monkeypatch.setattr(WordPressApi, "read", asking)
    cursor = last_cursor(connector(server).changes(None))
    assert [len(one) for one in asked] == [20, 20, 20, 20, 20, 10]
    for one in ids[7:10]:
        server.act("POST", f"posts/{number(one)}", content="Un autre billet.")
    failing.add(int(number(ids[8])))
    asked.clear()
    changes = list(connector(server).changes(cursor))
    assert [c.document.id for c in changes if isinstance(c, Upsert)] == [ids[7], ids[9]]
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == [ids[8]]
    assert [len(one) for one in asked] == [3, 1, 1, 1]
    failing.clear()
    again = connector(server).changes(last_cursor(changes))
    assert [c.document.id for c in again if isinstance(c, Upsert)] == [ids[8]]


def test_a_second_change_within_a_second_is_not_lost(server: WordPressServer) -> None:
    """Though the site's date is the same."""
    server.configure(clock="own")
    one = post(server, "a", "Un premier texte.")
    cursor = last_cursor(connector(server).changes(None))
    server.execute(
        "UPDATE wordpress.wp_posts SET post_content='Un second texte.' WHERE ID="  # noqa: S608
        + number(one)
    )
    (made,) = apply(connector(server).changes(cursor)).values()
    assert made.sections == (Section("Un second texte."),)


@pytest.mark.parametrize(
    ("plugin", "named", "said"),
    [
        ({"refused": ["/wp/v2/users"]}, ["t:Jeanne Dupont"], "ne liste pas ses auteurs"),
        ({"removed": ["/wp/v2/users"]}, [], "ne liste pas ses auteurs"),
        ({}, ["t:Jeanne Dupont"], ""),
    ],
)
def test_authors_where_the_site_does_not_list_them(
    server: WordPressServer, plugin: dict[str, Any], named: list[str], said: str
) -> None:
    """They are taken from what it joins to a text, or are not known."""
    post(server, "a", author=2)
    server.configure(**plugin)
    (made,) = apply(connector(server).changes(None)).values()
    assert [one.account for one in made.contributions] == named
    assert said in " ".join(connector(server).check())


def test_two_authors_of_one_name_are_not_taken_for_another(server: WordPressServer) -> None:
    """Their names in the site's addresses tell them apart."""
    server.execute("UPDATE wordpress.wp_users SET display_name='Jeanne Dupont' WHERE ID=1;")
    post(server, "a", author=1)
    post(server, "b", author=2)
    kept = apply(connector(server).changes(None)).values()
    assert [one.contributions for one in kept] == [(), ()]
    assert "plusieurs auteurs affichent le nom" in " ".join(connector(server).check())
    told = apply(connector(server, accounts="slug").changes(None)).values()
    assert {one.contributions[0].account for one in told} == {"t:admin", "t:jdupont"}


@pytest.mark.parametrize(
    ("plugin", "options", "said"),
    [
        ({"closed": True}, {}, "ferme son interface REST .*rest_not_logged_in"),
        ({"page": 200}, {}, "répond par une page à la place"),
        ({"removed": ["/wp/v2"]}, {}, "ne donne pas « posts »"),
        ({"removed": ["/wp/v2/posts"]}, {}, "corrigez « types » .le site a : .*pages"),
        ({"without": ["X-WP-Total"]}, {}, "X-WP-Total"),
        ({"refused": ["/wp/v2/categories"]}, {"categories": {"rh": []}}, "ne liste pas ses caté"),
        ({}, {"types": ["fichiers"]}, "ne donne pas « fichiers »"),
        ({"page": 404}, {}, "ne répond ni à wp-json/ ni à"),
        ({}, {"user": ADMIN, "password": "faux"}, "refuse le compte"),
    ],
    ids=lambda one: "" if isinstance(one, dict) else str(one)[:12],
)
def test_an_interface_that_is_closed_says_what_to_do(
    server: WordPressServer, plugin: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    """Nothing is said of any document."""
    post(server, "a")
    server.configure(**plugin)
    changes: list[Change] = []
    with pytest.raises(SourceRefused, match=said):
        changes += connector(server, **options).changes(None)
    assert not changes
    with pytest.raises(SourceRefused, match=said):
        list(connector(server, **options).check())


def test_the_check_says_what_is_not_read(server: WordPressServer) -> None:
    """One sentence for each."""
    post(server, "a", "[vc_row width='1'] Un texte. [/vc_row]")
    post(server, "vide", "")
    post(server, "protégé", **BEHIND_ONE)
    post(server, "privé", status="private")
    account = {"user": ADMIN, "password": server.passwords[ADMIN]}
    said = list(connector(server, **account, sections={"/rh/": []}).check())  # type: ignore[arg-type]
    for words in (
        "mot de passe part en clair",
        "1 contenus protégés par un mot de passe",
        "1 contenus privés, qui ne sont pas lus",
        "le type « fiches » (Fiches) n'est pas lu",
        "aucun contenu sous « /rh/ »",
        "1 des 2 derniers contenus n'ont pas de texte",
        "1 des 2 derniers textes contiennent des codes courts",
    ):
        assert sum(words in one for one in said) == 1, (words, said)
    assert len(said) == 7, said
