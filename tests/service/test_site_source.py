"""A web site as a source: from the settings to a found page, and its author among who knows."""

from collections.abc import Iterator

import pytest

from tests.served_folder import served_folder, write_sitemap
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

PAGE = (
    "<html><head><title>{title}</title><meta name='author' content='Ana Le Goff'></head><body>"
    "<nav>Accueil</nav><main><article><h1>{title}</h1><p>{text}</p></article></main></body></html>"
)
PAGES = {
    "bornage.html": ("Bornage", "Le bornage amiable se signe devant le géomètre du cadastre."),
    "fraude/carrousel.html": ("Carrousel", "Le carrousel Zanzibar passe par trois sociétés."),
    "rh/conges.html": ("Congés", "Les congés du xylophone se posent en mars."),
}
SOURCES = (
    '[{{"name": "intranet", "kind": "site", "allowed": ["everyone"], "options": {{"url": "{url}",'
    ' "rate_per_s": 50, "sections": {{"/fraude/": ["annuaire:group:fraude"], "/rh/": []}}}}}}]'
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An administration with a site of three pages, for everybody, for a group, for nobody."""
    root = tmp_path_factory.mktemp("site")
    served = root / "served"
    for path, (title, text) in PAGES.items():
        (served / path).parent.mkdir(parents=True, exist_ok=True)
        (served / path).write_text(PAGE.format(title=title, text=text), "utf-8")
    with served_folder(served) as url:
        write_sitemap(served, url, PAGES)
        made = make_place(root / "place", QUISAIT_SOURCES=SOURCES.format(url=url))
        accounts = "account,agent\nintranet:Ana Le Goff,ag-1\n"
        (made.folder / "comptes.csv").write_text(accounts, "utf-8")
        yield Place(made.folder, {**made.environment, "QUISAIT_DIRECTORY__ACCOUNTS": "comptes.csv"})


def test_from_the_settings_to_a_found_page(place: Place) -> None:
    """Tried, read, found by whom its section admits, its author named among who knows."""
    assert "3 pages sans date" in place.run("check").stdout
    tried = {one["id"]: one["allowed"] for one in place.json("try", "intranet")["documents"]}
    assert tried["intranet:/rh/conges.html"] == []
    place.run("crawl", "intranet")
    everything = "bornage amiable Zanzibar xylophone"

    def found(agent: str) -> set[str]:
        answer = place.json("search", everything, "--agent", agent)
        return {one["id"] for one in answer["documents"]}

    assert found("ag-1") == {"intranet:/bornage.html"}
    assert found("ag-2") == {"intranet:/bornage.html", "intranet:/fraude/carrousel.html"}
    known = place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]
