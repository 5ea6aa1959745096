"""Readers of documents at a path, below a page or in a category; without a server."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import pytest
from pydantic import ValidationError
from quisait_connector_kit.connector_contract import apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_sites.options import WagtailOptions, WordPressOptions
from quisait_sites.pages import page_document
from quisait_sites.sections import is_in_a_section, readers_by_path
from quisait_sites.sitemap import SiteScope, read_site_map
from quisait_sites.wagtail import WagtailSource
from quisait_sites.wordpress import WordPressSource, _homonyms
from quisait_sites.wordpress_api import Author, Category, WordPressEntry
from quisait_sites.wordpress_files import FileSource, JoinedFile
from quisait_sites.wordpress_rights import NotExpressed, WordPressRights

from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost, HttpResponse, ResponseTooLarge
from connectors.ports import (
    RecordUnreachable,
    RecordVanished,
    SourceError,
    SourceUnreachable,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, date_of_iso

pytestmark = pytest.mark.sources

EVERYONE = Access(frozenset({"everyone"}))
RH = Access(frozenset({"annuaire:group:rh"}))


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("/rh", "/rh/"),
        ("/RH", "/rh/"),
        ("/rh/a.html", "/rh/"),
        ("/sant\u00e9/a", "/sant%C3%A9/"),
        ("/sante\u0301/a", "/sant\u00e9/"),
        ("/SANT\u00c9", "/sante\u0301/"),
    ],
)
def test_a_section_holds_for_its_own_page_however_it_is_written(path: str, section: str) -> None:
    """A server gives one page at `/rh` and `/rh/`; an accent may be a letter of its own."""
    sections = {section: ["annuaire:group:rh"]}
    assert readers_by_path(path, sections, EVERYONE) == RH
    assert is_in_a_section(path, sections)
    opened = {section: ["everyone"]}
    nobody = readers_by_path("/rhumes", opened, Access())
    assert nobody == Access()
    assert not is_in_a_section("/rhumes", opened)


def test_what_the_settings_exclude_is_left_out_however_it_is_written() -> None:
    """Its own page too."""
    scope = SiteScope(HttpHost("https://x/"), ["/rh/"], RobotFileParser())
    for path in ("/rh", "/RH/a.html", "/%72h/"):
        assert not scope.contains(f"https://x{path}")
    assert scope.contains("https://x/rhumes")


def test_an_address_that_is_none_does_not_end_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One such line of a sitemap, a page or another sitemap, hides no other page."""
    lines = "".join(
        f"<{kind}><loc>{loc}</loc></{kind}>"
        for kind, loc in (
            ("url", "http://[x/"), ("sitemap", "http://[y/"), ("url", "https://x/a.html"),
        )
    )  # fmt: skip
    answer = HttpResponse(200, {}, f"<urlset>{lines}</urlset>".encode())
    monkeypatch.setattr(HttpHost, "request", lambda *_, **__: answer)
    assert list(read_site_map(HttpHost("https://x/"), [], []).pages) == ["https://x/a.html"]


@pytest.mark.parametrize("named", ["&#11;", "&#12;", "&#1;", "&#65534;", "&#xFFFF;", "&#xD800;"])
def test_a_character_that_xml_does_not_allow_does_not_end_the_reading(named: str) -> None:
    """HTML may name it, in a title, a text or a date."""
    page = (
        f'<html><head><meta name="author" content="Ana{named}"><title>a{named}</title></head><body>'
        f"<main><h1>Le{named}cadastre</h1><p>Le bornage{named} amiable</p>{named}</main></body>"
    )
    answer = HttpResponse(200, {"Content-Type": "text/html"}, page.encode())
    made = page_document("s", "https://x/", "", EVERYONE, answer, "yes")
    assert any("amiable" in one.text for one in made.sections)
    assert made.title


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_out_of_any_calendar_is_told_or_none(written: str) -> None:
    """If the date failed only when the document is written, the whole run would end."""
    with pytest.raises(ValidationError):
        WordPressEntry.model_validate({"id": 1, "modified_gmt": written})
    assert date_of_iso(written) is None


def test_one_file_that_is_not_given_does_not_end_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failed file is requested again; after five failures in a row the site counts as down."""

    def failing(error: SourceError) -> Callable[..., HttpResponse]:
        def request(*_: object, **__: object) -> HttpResponse:
            raise error

        return request

    where = FileSource("t", HttpHost("https://x/"), "yes")
    file = JoinedFile.model_validate({"id": 1, "post": 2, "source_url": "https://x/a.pdf"})
    content = where.document(file, EVERYONE, "").content
    assert content is not None
    monkeypatch.setattr(HttpHost, "request", failing(ResponseTooLarge("trop")))
    for _ in range(9):
        with pytest.raises(RecordVanished):
            content.read()
    monkeypatch.setattr(HttpHost, "request", failing(SourceUnreachable("en panne")))
    for _ in range(4):
        with pytest.raises(RecordUnreachable):
            content.read()
    with pytest.raises(SourceUnreachable):
        content.read()


def test_large_pages_in_a_row_are_no_host_that_is_away() -> None:
    """A sitemap may name ten films one after the other."""
    failures = FailuresInARow()
    for _ in range(9):
        failures.note(ResponseTooLarge("trop"))


def test_authors_whose_names_differ_by_a_capital_are_not_told_apart() -> None:
    """Neither is taken for the other."""
    names = ("Jeanne Dupont", "jeanne dupont", "Ana Le Goff")
    authors = {n: Author(id=n, name=name) for n, name in enumerate(names, 1)}
    assert _homonyms(authors) == {"Jeanne Dupont", "jeanne dupont"}


def rights(items: list[dict[str, Any]], **options: object) -> WordPressRights:
    made = WordPressOptions.model_validate({"url": "https://x/", "user": "u"} | options)
    known = (
        Category(id=1, slug="rh", name="RH"),
        Category(id=3, slug="paie", name="Paie", parent=2),
    )
    found = {
        one["id"]: WordPressEntry.model_validate({"content": {"protected": False}} | one)
        for one in items
    }
    return WordPressRights(made, EVERYONE, {one.id: one for one in known}, found)


def test_below_a_category_that_the_site_does_not_list_nobody_reads() -> None:
    """Above it may stand the one that the settings close."""
    entry = {"id": 7, "status": "publish", "categories": [3]}
    settled = rights([entry], categories={"rh": ["annuaire:group:rh"]})
    with pytest.raises(NotExpressed):
        settled.access("posts", settled.items[7])
    assert rights([entry]).access("posts", settled.items[7]) == EVERYONE


@pytest.mark.parametrize(
    ("above", "options"),
    [
        ({"status": "private"}, {"private": ["annuaire:group:rh"]}),
        ({"content": {"protected": True}}, {}),
        (
            {"status": "publish"},
            {"sections": {"/plan/": ["annuaire:group:rh"], "/plan/a/": ["everyone"]}},
        ),
    ],
)
def test_a_title_above_is_not_shown_to_whom_its_page_is_closed(
    above: dict[str, Any], options: dict[str, object]
) -> None:
    """A public page may stand below one that is private, protected, or of another section."""
    top = {"id": 1, "slug": "plan", "parent": 0, "title": {"rendered": "Plan social"}}
    child = {"id": 2, "slug": "a", "parent": 1, "status": "publish"}
    settled = rights([top | {"status": "publish"} | above, child], **options)
    assert settled.space(settled.items[2], EVERYONE) == ""
    plain = rights([top | {"status": "publish"}, child])
    assert plain.space(plain.items[2], RH) == "Plan social"


def test_a_wagtail_title_above_is_not_shown_to_whom_its_page_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A document only names a page above it if the document's readers may read that page."""
    pages = [
        {"id": n, "title": title, "meta": {"type": "x.Y", "html_url": f"http://x{path}"}}
        for n, title, path in ((1, "Plan social", "/plan/"), (2, "Voeux", "/plan/voeux/"))
    ]
    answer = {"meta": {"total_count": 2}, "items": pages}
    monkeypatch.setattr(HttpHost, "request", lambda *_, **__: said(answer))
    sections = {"/plan/": ["annuaire:group:rh"], "/plan/voeux/": ["everyone"]}
    options = WagtailOptions(url="http://x/api/", sections=sections)
    kept = apply(
        Snapshot(WagtailSource("t", options, EVERYONE, HttpHost(options.url))).changes(None)
    )
    assert {one: (kept[one].access, kept[one].space) for one in kept} == {
        "t:1": (RH, "Plan social"),
        "t:2": (EVERYONE, ""),
    }


def test_what_is_hidden_while_it_is_read_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that its listing holds and its reading does not is read again next time."""
    hidden = [True]

    def request(
        host: HttpHost, method: str, url: str, params: Any = None, *_: Any, **__: Any
    ) -> HttpResponse:
        route = urlsplit(url).path.rpartition("/wp-json/")[2]
        if not route:
            return said({"namespaces": ["wp/v2"]})
        item = {
            "id": 7, "status": "publish", "modified_gmt": "2019-05-04T10:00:00", "link": "https://x/a/",
            "title": {"rendered": "Note"}, "content": {"rendered": "Un texte.", "protected": False},
        }  # fmt: skip
        if route != "wp/v2/posts" or (hidden[0] and "include" in params):
            return said([])
        return said([item])

    monkeypatch.setattr(HttpHost, "request", request)
    options = WordPressOptions(url="https://x/", types=["posts"])
    reading = Snapshot(WordPressSource("t", options, EVERYONE, HttpHost(options.url)), MemorySeen())
    first = list(reading.changes(None))
    assert not apply(first)
    hidden[0] = False
    assert set(apply(reading.changes(last_cursor(first)))) == {"t:7"}


def said(what: Any) -> HttpResponse:
    total = {"X-WP-Total": str(len(what))} if isinstance(what, list) else {}
    return HttpResponse(200, total, json.dumps(what).encode())
