"""A Wagtail site read by its API v2, from a real one."""

import json
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.connector_contract import apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_sites.options import WagtailOptions
from quisait_sites.wagtail import WagtailSource
from quisait_sites.wagtail_text import html_of, names_of
from test_quisait_sites import ServedPage, Site, page_of_jeanne

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessChanged,
    Change,
    ContentStale,
    Malformed,
    SourceRefused,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Document, Section
from tests.recorded_servers import Check, Tape
from tests.wagtail_server import WagtailServer, ensure_wagtail

pytestmark = pytest.mark.sources

SEEN = MemorySeen()
QUICK = HttpLimits(rate_per_s=0, timeout_s=30, total_timeout_s=60, max_wait_s=0)
EVERYONE = Access(frozenset({"everyone"}))
RH = Access(frozenset({"annuaire:group:rh"}))
HOME = "t:2"
"""The site's own page, which each has."""


@dataclass
class WagtailHarness:
    """A site whose pages and settings the contract changes. Acts go together, when it is read."""

    server: WagtailServer
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    resumable_count: int = 45
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Snapshot:
        self.write()
        sections = {f"/{slug(name)}/": [*allowed] for name, allowed in self.readers.items()}
        options = WagtailOptions(url=self.server.api, sections=sections, types=["notes.NotePage"])
        return Snapshot(
            WagtailSource("t", options, Access(), HttpHost(options.url, QUICK)), self.seen
        )

    def write(self) -> None:
        acts: list[tuple[str, dict[str, Any]]] = []
        for name, text in self.waiting:
            if name in self.ids:
                acts.append(("change", {"page": self.ids[name], "intro": text}))
            else:
                acts.append(("add", {"title": name, "slug": slug(name), "intro": text}))
        done = self.server.act_together(*acts)
        self.ids |= {name: one for (name, _), one in zip(self.waiting, done, strict=True)}
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
        self.server.act("delete", page=self.ids[name])

    def add_invalid_records(self) -> int:
        self.add("panne", "Une page dont un champ échoue.", ("everyone",))
        return 1

    def add_complete_document(self) -> Document:
        parent = self.server.act("add", title="Régies", slug="regies")
        made = self.server.act(
            "add", title="L’été & les régies", slug="ete", parent=parent,
            created="2019-05-04T02:00:00+00:00", author="Jeanne Dupont",
            intro="Ce que fait un régisseur.", body=HTML, blocks=BLOCKS,
        )  # fmt: skip
        self.readers |= {"regies": ("everyone",), "regies/ete": ("everyone",)}
        said = self.server.page(made)["meta"]
        # The site says its own zone's time, hours behind; days are those of UTC.
        modified = datetime.fromisoformat(said["last_published_at"]).astimezone(UTC)
        return page_of_jeanne(
            id=f"t:{made}",
            title="L’été & les régies",
            sections=(
                Section("Ce que fait un régisseur.\nIl verse ses fonds."),
                Section("Chaque mois.", "Quand"),
                Section("Au comptable.\nle guichet central\nJanvier | 12", "Où"),
            ),
            url=f"{self.server.url}regies/ete/",
            created=datetime(2019, 5, 4, 2, tzinfo=UTC),
            modified=modified,
            space="Régies",
        )


HTML = "<p>Il verse <b>ses fonds</b>.</p><h2>Quand</h2><p>Chaque mois.</p>"
BLOCKS = [
    {"type": "heading", "value": "Où"},
    {"type": "paragraph", "value": "<p>Au comptable.</p>"},
    {"type": "contact", "value": {"label": "le guichet central", "colour": "rouge"}},
    {"type": "rows", "value": [["Janvier", "12"]]},
]


def slug(name: str) -> str:
    return name.replace(".", "-")


@pytest.fixture
def server() -> WagtailServer:
    """A site with no page but its own."""
    server = ensure_wagtail()
    server.reset()
    return server


@pytest.fixture
def harness(server: WagtailServer) -> WagtailHarness:
    return WagtailHarness(server)


def connector(server: WagtailServer, default: Access = EVERYONE, **options: Any) -> Snapshot:
    made = WagtailOptions.model_validate({"url": server.api} | options)
    return Snapshot(WagtailSource("t", made, default, HttpHost(made.url, QUICK)), SEEN)


def page(server: WagtailServer, title: str, **said: Any) -> str:
    """The id of a new page's document."""
    text = {"intro": f"Un texte de {title}."} if said.get("kind") != "mute" else {}
    return f"t:{server.act('add', **{'title': title, 'slug': title} | text | said)}"


def number(document_id: str) -> int:
    return int(document_id.removeprefix("t:"))


TAPE = Tape(
    Path(__file__).with_name("recorded_wagtail.json.gz"),
    tuple((WagtailServer, name) for name in ("act_together", "page", "reset")),
)


def test_contract(connector_check: Check) -> None:
    """Every check of the contract, from a real site."""
    server = ensure_wagtail()
    with TAPE.recording(connector_check, server.port):
        server.reset()
        connector_check(WagtailHarness(server))


def test_contract_as_recorded(connector_check: Check, tmp_path: Path) -> None:
    """Every check, on what that site answered."""
    with TAPE.playing(connector_check):
        (server := WagtailServer(tmp_path, 1)).reset()
        connector_check(WagtailHarness(server))


def test_what_is_no_longer_public_goes_in_one_reading(server: WagtailServer) -> None:
    """Unpublished, deleted, restricted, or below what is; a draft's text is never read."""
    ids = {name: page(server, name) for name in ("brouillon", "ferme", "secret", "retire", "reste")}
    below = page(server, "dessous", parent=number(ids["secret"]))
    first = list(connector(server).changes(None))
    kept = apply(first)
    assert set(kept) == {*ids.values(), below, HOME}
    server.act_together(
        ("unpublish", {"page": number(ids["brouillon"])}),
        ("delete", {"page": number(ids["retire"])}),
        ("restrict", {"page": number(ids["ferme"]), "kind": "password"}),
        ("restrict", {"page": number(ids["secret"]), "kind": "login"}),
        ("change", {"page": number(ids["reste"]), "intro": "Un projet.", "publish": False}),
    )
    changes = list(connector(server).changes(last_cursor(first)))
    kept = apply(changes, kept)
    assert set(kept) == {ids["reste"], HOME}
    assert kept[ids["reste"]].sections == (Section("Un texte de reste."),)
    server.act("unrestrict", page=number(ids["secret"]))
    kept = apply(connector(server).changes(last_cursor(changes)), kept)
    assert set(kept) == {ids["reste"], ids["secret"], below, HOME}, "they come back as they were"


def test_a_section_holds_below_its_page(server: WagtailServer) -> None:
    """Narrowed before any text is read; one that moves there has its readers."""
    rh, other = page(server, "rh"), page(server, "rhone")
    below = page(server, "conges", parent=number(rh))
    cursor = last_cursor(connector(server).changes(None))
    reading = connector(server, sections={"/rh/": ["annuaire:group:rh"]})
    changes = list(reading.changes(cursor))
    kept = apply(changes, apply(connector(server).changes(None)))
    assert {one: kept[one].access for one in (rh, below, other)} == {
        rh: RH, below: RH, other: EVERYONE,
    }  # fmt: skip
    assert AccessChanged(below, RH) in changes
    assert not [one for one in changes if isinstance(one, Upsert)]


def test_an_object_with_an_address_is_not_the_page_s_text(server: WagtailServer) -> None:
    """Another page that it names may have other readers."""
    one = page(server, "a")
    text = repr(apply(connector(server).changes(None))[one])
    assert "secrète" not in text


def test_a_page_that_fails_does_not_hide_the_others(server: WagtailServer) -> None:
    """Those of its request are asked for alone; what was known of it stays, and is said."""
    ids = [page(server, f"p{n}") for n in range(3)]
    first = list(connector(server).changes(None))
    server.act("change", page=number(ids[1]), title="panne")
    changes = list(connector(server).changes(last_cursor(first)))
    assert [one.document_id for one in changes if isinstance(one, Malformed)] == [ids[1]]
    assert set(apply(changes, apply(first))) == {*ids, HOME}
    server.act("change", page=number(ids[1]), title="p1", intro="Un texte de p1.")
    kept = apply(connector(server).changes(last_cursor(changes)), apply(first))
    assert kept[ids[1]].title == "p1"


def test_the_check_says_what_the_site_could_say(server: WagtailServer) -> None:
    """One sentence for each."""
    page(server, "muette", kind="mute", body="<p>Un texte.</p>")
    said = list(connector(server, sections={"/rh/": []}, types=["notes.MutePage", "x.Y"]).check())
    for words in (
        "aucun texte des pages « notes.MutePage »",
        "ne dit pas la dernière publication",
        "aucune page ne nomme d'auteur",
        "aucune page sous « /rh/ »",
        "aucune page publique de type « x.Y »",
    ):
        assert sum(words in one for one in said) == 1, (words, said)
    assert len(said) == 5
    server.act("host", called="interne")
    assert "sont sur interne" in " ".join(connector(server).check())


def test_an_interface_that_is_closed_or_elsewhere_says_what_to_do(server: WagtailServer) -> None:
    """Nothing is said of any page."""
    page(server, "a")
    changes: list[Change] = []
    with pytest.raises(SourceRefused, match="comme https://…/api/v2/"):
        changes += connector(server, url=server.url).changes(None)
    server.act("close")
    with pytest.raises(SourceRefused, match="ferme son interface"):
        changes += connector(server).changes(None)
    assert not changes


@pytest.mark.parametrize("most", [3, 100])
def test_a_site_s_limit_is_kept_to(server: WagtailServer, most: int) -> None:
    """However many pages it gives at once, all are read."""
    server.act("limit", most=most)
    ids = {page(server, f"p{n}") for n in range(8)}
    assert set(apply(connector(server).changes(None))) == ids | {HOME}


@pytest.mark.parametrize(
    "damage",
    [
        {"meta": {"type": "x.Y", "html_url": None}},
        {"meta": {"type": "x.Y", "html_url": "http://x/a/", "first_published_at": "hier"}},
        {"title": ["a"], "meta": {"type": "x.Y", "html_url": "http://x/a/"}},
        {"meta": "x"},
    ],
)
def test_a_page_that_is_not_understood_is_nobody_s(damage: dict[str, Any]) -> None:
    """Its text is no longer what the site shows, and its section is not known."""
    with closing(Site()) as site:
        whole = {"id": 7, "title": "a", "meta": {"type": "x.Y", "html_url": "http://x/a/"}}
        site.answer = lambda _: page_of(whole)  # type: ignore[method-assign]
        options = WagtailOptions(url=f"{site.url}api/v2/", sections={"/a/": ["everyone"]})
        reading = Snapshot(
            WagtailSource("t", options, Access(), HttpHost(options.url, QUICK)), SEEN
        )
        first = list(reading.changes(None))
        assert apply(first)["t:7"].access == EVERYONE
        site.answer = lambda _: page_of(whole | damage)  # type: ignore[method-assign]
        changes = list(reading.changes(last_cursor(first)))
        assert changes[1] == ContentStale("t:7")
        assert [one.document_id for one in changes if isinstance(one, Malformed)] == ["t:7"]
        site.answer = lambda _: page_of(whole)  # type: ignore[method-assign]
        kept = apply(reading.changes(last_cursor(changes)), apply(changes, apply(first)))
        assert kept["t:7"].access == EVERYONE, "it comes back as it was"


def page_of(item: dict[str, Any]) -> ServedPage:
    said = {"meta": {"total_count": 1}, "items": [item]}
    return ServedPage(json.dumps(said).encode(), headers={"Content-Type": "application/json"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "value", "meta", "titre", "x"]), inner, max_size=4
        )
    ),
    max_leaves=30,
)


@given(VALUES)
def test_any_field_gives_a_text_or_none(value: Any) -> None:
    """Whatever a site's own fields hold; what has an address says nothing."""
    assert isinstance(html_of({"x": value}, (), ()), str)
    assert all(one.strip() for one in names_of(value))
    addressed = {"meta": {"detail_url": "http://x/"}, "value": value}
    assert html_of({"x": addressed}, (), ()) == ""
