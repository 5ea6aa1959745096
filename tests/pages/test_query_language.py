"""The page and the API show how a query was understood."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from indexer.embedded.index import EmbeddedIndex
from quisait.application.engines import check_glossary
from search_api.app import Services, create_app
from search_api.engine import Search
from search_api.query.glossary import GlossaryFile
from search_api.ranking.search_configuration import SearchConfiguration
from search_api.templating import Glossed
from tests.pages.administration import ENCODER, TODAY, documents
from tests.pages.conftest import NOW_S, TOKENS, Parts, token_readers

pytestmark = pytest.mark.pages

TYPED = 'taxe auteur:"Claire Le Bihan" après:12/03/2024 type:circulaire (incendie OU papier) DTF'


@pytest.fixture
def guided(parts: Parts, tmp_path: Path) -> TestClient:
    """Claire, before an application with a glossary."""
    glossary = tmp_path / "glossaire.csv"
    line = "DTF;dégrèvement de taxe foncière | Une <b>remise</b>."
    glossary.write_text(f"{line}\n", encoding="utf-8")
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    index.write(documents())
    guidance = SearchConfiguration(parts.book.accounts_named, GlossaryFile(glossary))
    search = Search(index, ENCODER, parts.book, guidance)
    readers = token_readers(parts.book)
    app = create_app(Services(search, parts.book, reader_of=readers, today=lambda: TODAY))
    return TestClient(app, headers={"Authorization": f"Bearer {TOKENS.make('ag-1', NOW_S)}"})


def test_the_api_tells_what_it_understood(guided: TestClient) -> None:
    """Operators with what is left without them, what the glossary added."""
    body = guided.get("/api/v1/search", params={"q": TYPED}).json()
    assert [one["id"] for one in body["documents"]] == ["wiki:degrevement"]
    assert [(one["said"], one["value"]) for one in body["understood"]] == [
        ("author", "Claire Le Bihan"),
        ("since", "2024-03-12"),
        ("words", "type:circulaire"),
        ("any_of", "incendie ou papier"),
    ]
    without = body["understood"][0]["without"]
    assert without == "taxe après:12/03/2024 type:circulaire (incendie OU papier) DTF"
    assert body["expansions"] == [{"words": "DTF", "others": ["dégrèvement de taxe foncière"]}]


def test_the_page_shows_what_was_understood(guided: TestClient) -> None:
    """In French, each with a link that takes it out."""
    page = guided.get("/", params={"q": TYPED}).text
    assert "Auteur&nbsp;:</span> Claire Le Bihan" in page
    assert "À partir du</span> 12 mars 2024" in page
    assert "Cherché comme des mots&nbsp;:</span> type:circulaire" in page
    assert "incendie ou papier" in page
    assert "dégrèvement de taxe foncière. Mettez des guillemets" in page
    assert "Zanzibar" not in page
    assert "/?q=taxe+apr%C3%A8s%3A12%2F03%2F2024" in page


def test_help_stands_on_the_page(guided: TestClient) -> None:
    """Before and after a search, folded away."""
    for address in ("/", "/?q=taxe"):
        assert "<summary>Écrire une recherche plus précise</summary>" in guided.get(address).text


def test_a_check_names_the_lines_that_are_left_out(tmp_path: Path) -> None:
    """With the reason, in French; a sound file is counted."""
    path = tmp_path / "g.csv"
    path.write_text("CFE;taxe\n", encoding="utf-8")
    assert check_glossary(str(path)) == "expressions : 2"
    path.write_text("CFE;taxe\nseule\n;;\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"g\.csv : ligne 2, une seule expression.* ; ligne 3"):
        check_glossary(str(path))


def test_the_demonstration_s_own_files_are_sound() -> None:
    """Every line of the glossary holds."""
    demo = Path(__file__).parents[2] / "demo"
    assert check_glossary(str(demo / "glossaire.csv")) == "expressions : 86"


def test_an_acronym_is_defined_where_it_is_asked_about(guided: TestClient) -> None:
    """Above the results and in the API, on the first page; not where it is one word of others."""
    for asked in ("DTF", "c'est quoi un DTF ?"):
        body = guided.get("/api/v1/search", params={"q": asked}).json()
        (one,) = body["definitions"]
        assert (one["term"], one["meaning"]) == ("DTF", "dégrèvement de taxe foncière")
        assert one["definition"] == "Une <b>remise</b>."
    page = guided.get("/", params={"q": "définition de DTF"}).text
    assert "<dfn>DTF</dfn>" in page
    assert "Une &lt;b&gt;remise&lt;/b&gt;." in page
    for other in ({"q": TYPED}, {"q": "DTF", "page": "2"}, {"q": ""}):
        assert guided.get("/api/v1/search", params=other).json()["definitions"] == []
        assert "<dfn>" not in guided.get("/", params=other).text


def test_acronyms_in_texts_tell_what_they_mean() -> None:
    """The text itself is unchanged; the first of each can be reached by keyboard."""
    glossed = Glossed({"DTF": 'dégrèvement "de" taxe'})
    said = glossed("Le DTF & le DTF de l'ADTF <i>")
    title = 'title="dégrèvement &#34;de&#34; taxe"'
    first, second = f'<abbr {title} tabindex="0">DTF</abbr>', f"<abbr {title}>DTF</abbr>"
    assert said == f"Le {first} &amp; le {second} de l&#39;ADTF &lt;i&gt;"
    assert Glossed({})("DTF <i>") == "DTF &lt;i&gt;"
