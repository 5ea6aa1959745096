"""Markdown of answers on pages, in searches and in the API; links to documents."""

from contextlib import closing
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, expect

from connectors.values import Access
from search_api.markdown import (
    document_link,
    linked_documents,
    marked_with_lists,
    plain_text,
    rendered,
    with_lists,
)
from search_api.ranking.results import ExcerptPart
from tests.builders import put
from tests.pages.asking_site import ASKER, MAPPER, NEIGHBOUR, STRANGER, AskingSite
from tests.pages.conftest import served
from tests.pages.moderating import SLANDER, desk, report
from tests.pages.test_accessibility import faults_of
from tests.pages.test_asking import RESTRICTED, answered, everything
from tests.selection import examples

pytestmark = [pytest.mark.pages, pytest.mark.trust]

STEPS = """Il faut **trois** pièces :

- le *document* d'arpentage ;
- la déclaration, [à télécharger](https://impots.example/6463) ;
- le plan https://plan.example/a.

Puis [la note](/documents/wiki:0)."""
TAGS = {"p", "br", "ul", "ol", "li", "strong", "em", "a"}


class Read(HTMLParser):
    """The tags and addresses of some HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "a":
            self.links.append(dict(attrs))
        else:
            assert tag == "ol" or not attrs


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<a href='javascript:alert(1)' onclick=x>x</a>",
        "[x](javascript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](vbscript:x) [x](file:///etc/passwd) [x](ftp://a)",
        "[x](//evil.example)",
        "<javascript:alert(1)>",
        "![x](https://evil.example/pixel.png)",
        '[x](https://a.example "onmouseover=alert(1)")',
    ],
)
def test_hostile_markdown_is_words(hostile: str) -> None:
    read = Read(rendered(hostile, ()))
    assert read.tags <= TAGS
    assert all(str(one["href"]).startswith("https://") for one in read.links)
    assert all(set(one) == {"href", "rel"} for one in read.links)


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("Il faut : 1. Remplir ; 2. Joindre.", "<p>Il faut :</p><ol><li>Remplir ;<li>Joindre."),
        ("2) Joindre.\n\n3) Envoyer.", '<ol start="2"><li>Joindre.<li>Envoyer.'),
        ("Pièces :\n• un plan\n• un acte", "<p>Pièces :</p><ul><li>un plan<li>un acte"),
        ("– un plan\n– un acte", "<ul><li>un plan<li>un acte"),
        ("Voir l’art. 12. Puis 3. Non.", "<p>Voir l’art. 12. Puis 3. Non.</p>"),
        ("**Non** : <b>\n# Titre", "<p>**Non** : &lt;b&gt; # Titre</p>"),
    ],
)
def test_the_lists_of_a_quoted_text_are_lists(quoted: str, shown: str) -> None:
    """Numbers that follow one another, or bullets; nothing else is read as Markdown."""
    html = str(with_lists(quoted)).replace("\n", " ").replace("> <", "><").replace("</li>", "")
    assert html.strip().removesuffix("</ol>").removesuffix("</ul>") == shown


def test_a_document_s_paragraph_keeps_its_lists_and_its_marks() -> None:
    pieces = [ExcerptPart("Il faut : 1) un "), ExcerptPart("plan", True), ExcerptPart(" ; 2) <b>")]
    html = str(marked_with_lists(pieces)).replace("\n", "")
    items = "<li>un <mark>plan</mark> ;</li><li>&lt;b&gt;</li>"
    assert html == f"<p>Il faut :</p><ol>{items}</ol>"


MARKS = st.text(st.sampled_from("[]()<>*_-1. \n\\/:!&#ahtps\"'"), max_size=60)


@given(st.lists(st.one_of(MARKS, st.sampled_from(["https://a.b", "/documents/x", "](", "- "]))))
@examples(60, 400)
def test_no_text_becomes_another_tag_or_link(pieces: list[str]) -> None:
    text = "".join(pieces)
    read = Read(rendered(text, linked_documents(text)))
    assert read.tags <= TAGS
    assert Read(with_lists(text)).tags <= {"p", "ol", "ul", "li"}
    for one in read.links:
        href = str(one["href"])
        ours = href.startswith("/") and not href.startswith("//")
        assert ours or href.lower().startswith(("http://", "https://", "mailto:"))
        assert one["rel"] == "nofollow noopener"
    plain_text(text)


@pytest.mark.parametrize("title", ["Un [titre] *ancien*", "a_b_c `x` \\ <b>", "2 ] (x"])
def test_a_title_is_cited_as_it_is(title: str) -> None:
    text = document_link(title, "wiki:a b/(c)")
    assert linked_documents(text) == {"wiki:a b/(c)"}
    assert plain_text(text, {"wiki:a b/(c)"}) == title


def test_an_answer_is_formatted_for_readers_and_plain_for_machines(site: AskingSite) -> None:
    title = "Quelles pièces pour déplacer la borne du verger ?"
    question = site.ask(title=title, topic="cadastre")
    answer = answered(site, question, STEPS)
    assert site.act(ASKER, question, "helped", answer=answer) == 204
    client = site.client(STRANGER)
    page = client.get(f"/questions/{question}").text
    assert "<strong>trois</strong>" in page
    assert '<a href="/documents/wiki:0" rel="nofollow noopener">la note</a>' in page
    shown = site.read(STRANGER, question)["answers"][0]
    assert shown["markdown"] == ""
    assert site.read(MAPPER, question)["answers"][0]["markdown"] == STEPS
    asked = {"q": title}
    found = client.get("/api/v1/search", params=asked).json()
    results = client.get("/", params=asked).text
    for text in (shown["text"], str(found), results):
        assert "arpentage" in text
        assert not any(mark in text for mark in ("**", "](", "*document"))
    assert "• le document d'arpentage" in shown["text"]


def test_the_title_of_a_cited_document_is_told_to_its_readers_alone(site: AskingSite) -> None:
    """Everywhere: pages, searches, documents, the API, and for who moderates."""
    secret = site.ask(**RESTRICTED)
    cited = f"[{SLANDER}](/documents/questions:{secret}) ou [{SLANDER}, là](/questions/{secret})"
    question = site.ask(topic="cadastre", title="Où est la borne du verger au cadastre ?")
    answered(site, question, f"La borne du verger : voir {cited}.")
    assert SLANDER in site.client(NEIGHBOUR).get(f"/questions/{question}").text
    assert SLANDER in site.read(NEIGHBOUR, question)["answers"][0]["text"]
    assert SLANDER not in everything(site, STRANGER, question)
    told = site.client(STRANGER).get("/?q=borne+du+verger").text
    assert question in told
    assert SLANDER not in told
    answer = site.read(STRANGER, question)["answers"][0]["id"]
    assert report(site, STRANGER, question, answer=answer) == 204
    assert SLANDER in str(desk(site)), "who moderates reads the document"
    assert site.act(ASKER, secret, "delete") == 204
    assert SLANDER not in str(desk(site)), "a deleted document has no title"


def test_preview_and_citing_publish_nothing(site: AskingSite) -> None:
    question = site.ask(topic="cadastre")
    secret = site.ask(**RESTRICTED)
    path, client = f"/questions/{question}", site.client(STRANGER)
    form = {"act": "answer", "text": "Voir\r\nle **plan**"}
    page = client.post(path, data={**form, "step": "preview"})
    assert page.status_code == 200
    assert "<strong>plan</strong>" in page.text
    found = client.post(path, data={**form, "step": "find", "find": "corriger le cadastre"}).text
    assert 'name="cite" value="wiki:' in found
    looked = client.post(path, data={**form, "step": "find", "find": "carrousel"}).text
    assert secret not in looked
    cited = client.post(path, data={**form, "cite": "wiki:0", "at": "4"}).text
    assert "Voir [Corriger le cadastre d’une parcelle](/documents/wiki:0)\nle" in cited.replace(
        "&#39;", "’"
    )
    refused = client.post(path, data={**form, "cite": f"questions:{secret}"})
    missing = client.post(path, data={**form, "cite": "wiki:none"})
    assert (refused.status_code, missing.status_code) == (404, 404)
    assert refused.text == missing.text
    assert site.read(STRANGER, question)["answers"] == []


def test_a_document_is_cited_where_one_writes(site: AskingSite, chromium: Browser) -> None:
    """The link stands at the cursor, and one goes on after it; each step is sound for axe-core."""
    question = site.ask(topic="cadastre")
    with (
        served(site.app) as address,
        closing(
            chromium.new_context(base_url=address, extra_http_headers={"x-agent": MAPPER})
        ) as context,
    ):
        page = context.new_page()
        page.goto(f"/questions/{question}")
        text = page.locator("#reponse")
        text.fill("Avant après")
        text.press("Home")
        for _ in "Avant ":
            text.press("ArrowRight")
        page.locator("#reponse-citer").fill("corriger le cadastre")
        page.locator("#reponse-citer").press("Enter")
        expect(page.locator("#reponse-trouves")).to_be_focused()
        assert faults_of(page) == []
        page.get_by_role("button", name="Citer Corriger").first.click()
        expect(text).to_be_focused()
        page.keyboard.insert_text(", puis ")
        written = text.input_value()
        assert written.startswith("Avant [Corriger le cadastre d'une parcelle](/documents/wiki:")
        assert written.endswith("), puis après")
        page.get_by_role("button", name="Aperçu").last.click()
        expect(page.locator("#reponse-apercu")).to_be_focused()
        expect(page.locator(".said a")).to_have_text("Corriger le cadastre d'une parcelle")
        assert faults_of(page) == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert site.read(MAPPER, question)["answers"] == []


def test_writer_is_told_that_asker_may_not_read_a_cited_document(site: AskingSite) -> None:
    """In the list, once cited, in the preview and before publishing; the asker is told, too."""
    access = Access(frozenset({f"agent:{MAPPER}"}))
    written = [put("wiki:ferme", "Le carnet du bornage.", title="Carnet du bornage", access=access)]
    assert not site.index.write(written).failed
    question = site.ask()
    client, path = site.client(MAPPER), f"/questions/{question}"
    form = {"act": "answer", "text": "Voir ", "answer": ""}
    cannot = "ne peut pas lire ce document"
    found = client.post(path, data={**form, "step": "find", "find": "carnet du bornage"}).text
    line = next(one for one in found.splitlines() if 'value="wiki:ferme"' in one)
    assert cannot in line
    assert cannot in client.post(path, data={**form, "cite": "wiki:ferme"}).text
    text = "Voir [Carnet du bornage](/documents/wiki:ferme)."
    assert cannot in client.post(path, data={**form, "text": text, "step": "preview"}).text
    open_ = text.replace("wiki:ferme", "wiki:0")
    assert cannot not in client.post(path, data={**form, "text": open_, "step": "preview"}).text
    stranger = {**form, "text": text, "step": "preview"}
    assert cannot not in site.client(NEIGHBOUR).post(path, data=stranger).text, "nor may they"
    warned = client.post(path, data={**form, "text": text}, follow_redirects=False)
    assert (warned.status_code, cannot in warned.text) == (200, True), "not published yet"
    assert site.read(ASKER, question)["answers"] == []
    published = {**form, "text": text, "step": "publish"}
    assert client.post(path, data=published, follow_redirects=False).status_code == 303
    page = site.client(ASKER).get(path).text
    assert "renvoie à un document que vous ne pouvez pas lire" in page
    assert "Carnet" not in page
    own = client.get(path).text
    assert "renvoie à un document" not in own
    assert cannot in own, "also after an answer by mail or by the API"


def test_api_tells_writer_that_asker_may_not_read_a_cited_document(site: AskingSite) -> None:
    """Their answer is published all the same; nobody else reads which documents these are."""
    access = Access(frozenset({f"agent:{MAPPER}"}))
    assert not site.index.write([put("wiki:ferme", "Le carnet.", access=access)]).failed
    question = site.ask()
    text = "Voir [le carnet](/documents/wiki:ferme) et [la fiche](/documents/wiki:0)."
    assert site.act(MAPPER, question, "answer", text=text) == 204
    assert site.read(MAPPER, question)["answers"][0]["closed_to_asker_ids"] == ["wiki:ferme"]
    for other in (ASKER, NEIGHBOUR):
        assert site.read(other, question)["answers"][0]["closed_to_asker_ids"] == []
