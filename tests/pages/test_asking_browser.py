"""The course of a question of five agents in a real browser; one of them withdraws meanwhile.

On both engines, with a real SMTP server.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from quisait_mail.storage import Mailing
from quisait_mail.values import MailKind

from search_api.context import required
from search_api.questions.delivery import DECLINE_UNDO, move_questions_on
from search_api.questions.values import AskingPreferences
from tests.judging import ENGINES, engine_index
from tests.pages.asking_site import (
    ASKER,
    FARAWAY,
    HERE,
    MAPPER,
    NEIGHBOUR,
    QUESTION,
    SITE,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.pages.conftest import heard, served
from tests.pages.test_accessibility import faults_of
from tests.planted import ENCODER
from tests.sent_mails import choose, part, send, whole
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PageOf = Callable[[str], Page]
SECRET = "Zanzibar"
"""Stands in a question of one entity: nobody outside it ever meets the word."""


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AskingSite]:
    """On the engine that the test names."""
    with (
        engine_index(request.param, tmp_path, ENCODER.dimension) as index,
        asking_site(tmp_path, index=index, hidden_names=True) as made,
    ):
        yield made


@pytest.fixture
def page_of(site: AskingSite, chromium: Browser) -> Iterator[PageOf]:
    """An agent's own browser; no script or style of a page is refused by its policy."""
    faults: list[list[str]] = []
    with ExitStack() as open_, served(site.app) as address:

        def page_of(agent_id: str) -> Page:
            context = chromium.new_context(
                base_url=address, extra_http_headers={"x-agent": agent_id}, locale="fr-FR"
            )
            open_.callback(context.close)
            context.set_default_timeout(60_000)
            page = context.new_page()
            faults.append(heard(page))
            return page

        yield page_of
    assert not any(faults)


def sound(page: Page) -> None:
    """Nothing that axe-core finds; no sideways scroll in a narrow window."""
    assert faults_of(page) == []
    expect(page.locator("h1")).to_have_count(1)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 900})


def waiting_in(page_of: PageOf, agent_id: str) -> Page:
    """The page of the question that waits for an agent, reached from home; its asker is unnamed."""
    page = page_of(agent_id)
    page.goto("/")
    page.get_by_role("link", name="Questions (1)").click()
    page.get_by_role("link", name=QUESTION).click()
    expect(page.get_by_text("par un ou une collègue")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("Demandeuse")
    return page


def mailed(site: AskingSite, post: SmtpServer) -> dict[str, EmailMessage]:
    """What is sent now, by the agent whom it reaches; one message each, and none twice."""
    post.handler.accepted.clear()
    send(site, post)
    messages = list(post.handler.accepted)
    for message in messages:
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert str(message["List-Unsubscribe"]).startswith(f"<{SITE}/courriels/")
        for said in (part(message, "plain"), part(message, "html")):
            assert f"{SITE}/questions" in said or f"{SITE}/documents" in said
        for word in (SECRET, "Voisin", "Carteau", "hibiscus"):
            assert word not in whole(message)
    found = {str(one["To"]).partition("@")[0]: one for one in messages}
    assert len(found) == len(messages)
    return found


def ask_on_page(page: Page, title: str, text: str, readers: str = "Tous les agents") -> None:
    """Fill the form in and send it: the question's own page."""
    page.get_by_label("Votre question", exact=True).fill(title)
    expect(page.locator(".way")).to_be_visible()
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Précisions (facultatif)").fill(text)
    page.get_by_label("Sujet", exact=True).select_option("cadastre")
    page.get_by_label("Qui peut la lire", exact=False).select_option(readers)
    page.get_by_label("Ne pas montrer mon nom", exact=False).check()
    page.get_by_role("button", name="Poser la question", exact=True).click()
    page.wait_for_url(re.compile(r"/questions/[0-9a-f]{32}#fait$"))


def question_at(page: Page) -> str:
    """The id of the question whose page is shown."""
    return page.url.partition("#")[0].rpartition("/")[2]


def told_outside(page: Page, question: str) -> str:
    """All that an outsider meets of a restricted question: by its address, words and lists."""
    seen = []
    for path in (
        f"/questions/{question}",
        f"/?q={SECRET}",
        "/?q=cadastre",
        "/experts?q=cadastre",
        "/topics/cadastre",
        "/questions",
        "/",
        f"/questions/new?q=cadastre+{SECRET}",
    ):
        text = page.request.get(path).text()
        seen.append(text.replace(question, "").replace(SECRET, "") if SECRET in path else text)
    for path in (
        f"/api/v1/suggest?q={SECRET[:5]}",
        "/api/v1/suggest?q=le+cadastre+du",
        f"/api/v1/questions/existing?q=le+cadastre+de+{SECRET}",
        "/api/v1/search?q=cadastre",
        "/api/v1/news",
        "/api/v1/questions",
    ):
        seen.append(page.request.get(path).text())
    return "\n".join(seen)


@pytest.mark.parametrize("site", ENGINES, indirect=True)
def test_a_question_goes_its_way(site: AskingSite, page_of: PageOf, post: SmtpServer) -> None:
    """Deflected, asked, declined, passed on, accepted, answered, marked, found by a fifth.

    One who was asked withdraws in between. Beside it goes a question of one entity, of which the
    fifth, who is outside, meets nothing. Each is told by mail what concerns them, and no more.
    """
    # The same asker's two questions may both come to them within the week.
    site.questions.requests.prefer(MAPPER, AskingPreferences(per_week=4))
    for agent_id in (ASKER, MAPPER, NEIGHBOUR, FARAWAY):
        choose(site, agent_id, asked=True, answered=True)
    fifth = page_of(STRANGER)
    fifth.goto("/topics/cadastre")
    fifth.get_by_role("button", name="Suivre ce sujet").click()
    choose(site, STRANGER, digest="daily")
    assert mailed(site, post) == {}

    asker = page_of(ASKER)
    asker.goto("/experts?q=corriger+le+cadastre")
    ask_her = asker.get_by_role("link", name=re.compile("Poser la question.*Jo Voisin")).first
    to_neighbour = ask_her.get_attribute("href") or ""
    asker.goto("/questions/new")
    asker.get_by_label("Votre question", exact=True).fill("Corriger le cadastre")
    answers = asker.get_by_role("button", name="Cela répond à ma question", exact=False)
    expect(answers.first).to_be_visible()
    expect(asker.get_by_role("checkbox", name="Jo Carteau")).to_be_checked()
    asker.set_viewport_size({"width": 360, "height": 740})
    form = asker.locator("#poser").bounding_box()
    assert form is not None
    assert form["height"] <= 800
    asker.get_by_text("Options", exact=True).click()
    expect(asker.get_by_label("Sujet", exact=True)).to_have_value("cadastre")
    sound(asker)
    asker.get_by_role("checkbox", name="Jo Carteau").uncheck()
    expect(asker.locator(".others")).to_be_hidden()
    asker.get_by_label("Votre question", exact=True).fill("Corriger le cadastre !")
    expect(asker.locator("[name=shown_for]")).to_have_value(re.compile("!$"))
    expect(asker.get_by_role("checkbox", name="Jo Carteau")).not_to_be_checked()
    answers.first.click()
    asker.wait_for_url("**/documents/wiki:*")
    asker.goto("/questions")
    expect(asker.get_by_text("1 question a trouvé sa réponse avant d’être posée")).to_be_visible()
    sound(asker)

    asker.goto("/questions/new")
    ask_on_page(asker, f"Le cadastre du carrousel {SECRET} ?", f"À propos de {SECRET}.", HERE)
    restricted = question_at(asker)
    (first,) = site.waiting(restricted)
    told = mailed(site, post)
    assert set(told) == {first}, "its title is in no mail"
    assert site.act(first, restricted, "answer", text=f"{SECRET} est une île.") == 204
    assert set(mailed(site, post)) == {ASKER}

    asker.goto(to_neighbour)
    expect(asker.locator(".way")).to_contain_text("d’abord")
    ask_on_page(asker, QUESTION, "La limite est fausse.\n\nQue faire ?")
    sound(asker)
    question = question_at(asker)
    path = f"/questions/{question}"
    told = mailed(site, post)
    assert set(told) == {NEIGHBOUR}
    assert QUESTION in part(told[NEIGHBOUR], "plain")
    assert "Demandeuse" not in whole(told[NEIGHBOUR])

    neighbour = waiting_in(page_of, NEIGHBOUR)
    sound(neighbour)
    neighbour.get_by_role("button", name="Décliner").click()
    expect(neighbour.get_by_role("status").filter(has_text="déclinée")).to_be_focused()
    neighbour.get_by_role("button", name="Annuler").click()
    neighbour.get_by_role("button", name="Décliner").click()
    expect(neighbour.get_by_text("Sans réponse, sur mes sujets")).to_be_visible()
    sound(neighbour)
    neighbour.goto("/mes-donnees#questions")
    expect(neighbour.get_by_text("vous l’avez déclinée")).to_be_visible()
    sound(neighbour)
    neighbour.goto("/preferences#questions")
    neighbour.get_by_label("Par semaine, au plus").fill("1")
    sound(neighbour)
    neighbour.get_by_role("button", name="Enregistrer").click()
    expect(neighbour.get_by_role("status").filter(has_text="enregistrées")).to_be_focused()
    assert site.questions.requests.preferences([NEIGHBOUR])[NEIGHBOUR].per_week == 1
    assert mailed(site, post) == {}
    site.clock.now += DECLINE_UNDO
    assert move_questions_on(site.services) == 1
    assert set(mailed(site, post)) == {MAPPER}

    mapper = waiting_in(page_of, MAPPER)
    mapper.get_by_label("Ou passer la main", exact=False).fill("C’est outre-mer.")
    mapper.get_by_role("button", name="Passer la main").click()
    mapper.goto("/preferences")
    mapper.get_by_text("Me retirer entièrement").click()
    sound(mapper)
    mapper.get_by_role("button", name="Confirmer mon retrait").click()
    assert set(mailed(site, post)) == {FARAWAY}

    faraway = waiting_in(page_of, FARAWAY)
    faraway.get_by_role("button", name="J’accepte d’y répondre").click()
    expect(faraway.get_by_text("par Jo Demandeuse")).to_be_visible()
    faraway.get_by_label("Répondre", exact=True).fill("Par un document d’arpentage, hibiscus.")
    faraway.get_by_role("button", name="Répondre", exact=True).click()
    expect(faraway.get_by_role("heading", name="1 réponse")).to_be_visible()
    told = mailed(site, post)
    assert set(told) == {ASKER}
    assert QUESTION in unescape(part(told[ASKER], "html"))

    asker.goto("/")
    asker.get_by_role("link", name="2 de vos questions ont une réponse").click()
    expect(asker.get_by_role("heading", name="2 de vos questions ont une réponse")).to_be_visible()
    asker.goto(path)
    expect(asker.get_by_text("« C’est outre-mer. »")).to_be_visible()
    expect(asker.get_by_text("hibiscus")).to_be_visible()
    asker.get_by_role("button", name="Remercier", exact=False).click()
    asker.get_by_role("button", name="Elle m’a aidé", exact=False).click()
    expect(asker.get_by_text("Réponse acceptée, de Jo Lointain")).to_be_visible()
    sound(asker)
    for shown in (path, "/questions"):
        assert "Voisin" not in asker.request.get(shown).text(), shown
    for shown in (path, "/questions", "/?q=hibiscus"):
        assert "Carteau" not in asker.request.get(shown).text(), shown
    for shown in (f"/api/v1/questions/{question}", "/api/v1/me/export"):
        seen = asker.request.get(shown).text()
        for name in ("Voisin", NEIGHBOUR, "Carteau", MAPPER):
            assert name not in seen

    site.clock.now += timedelta(hours=1)
    assert move_questions_on(site.services) == 0, "what is answered asks nobody any more"
    fifth.goto("/?q=hibiscus")
    fifth.get_by_role("link", name=QUESTION).first.click()
    expect(fifth.get_by_text("Jo Lointain").first).to_be_visible()
    sound(fifth)
    expect(fifth.get_by_text("arpentage, hibiscus")).to_be_visible()
    for name in ("Voisin", "Carteau"):
        expect(fifth.locator("main")).not_to_contain_text(name)
    outside = told_outside(fifth, restricted)
    for word in (SECRET, "carrousel", restricted, "Carteau"):
        assert word not in outside
    fifth.goto("/questions")
    expect(fifth.get_by_text("1 question ouverte à tous", exact=False)).to_be_visible()

    site.clock.now += timedelta(days=1)
    told = mailed(site, post)
    assert set(told) == {STRANGER}
    assert str(told[STRANGER]["Subject"]).endswith("1 nouveauté dans ce que vous suivez")
    link = str(told[STRANGER]["List-Unsubscribe"]).strip("<>").removeprefix(SITE)
    fifth.goto(link)
    fifth.get_by_role("button", name="Ne plus les recevoir").click()
    expect(fifth.get_by_role("heading", name="C’est fait")).to_be_visible()
    site.clock.now += timedelta(days=2)
    assert mailed(site, post) == {}


@pytest.mark.parametrize("site", ["embedded"], indirect=True)
def test_what_is_followed_is_told_at_home_and_ended(page_of: PageOf, site: AskingSite) -> None:
    """By the buttons of the pages; what comes by mail is chosen, and ended by a mail's link."""
    page = page_of(STRANGER)
    page.goto("/topics/cadastre")
    page.get_by_role("button", name="Suivre ce sujet").click()
    expect(page.get_by_role("button", name="Ne plus suivre")).to_be_visible()
    sound(page)
    page.goto("/?q=carnaval")
    page.get_by_role("button", name="Suivre cette recherche").click()
    sound(page)
    site.ask(title="Où est le plan ?", topic="cadastre")
    page.goto("/")
    told = page.get_by_role("region", name="Du nouveau")
    expect(told.get_by_role("link", name="Voir la nouveauté")).to_be_visible()
    expect(told.get_by_role("link", name="Où est le plan ?")).to_have_count(1)
    sound(page)
    page.get_by_role("button", name="J’ai vu ces nouveautés").click()
    expect(page.get_by_text("Rien de nouveau")).to_be_visible()
    page.goto("/preferences")
    page.get_by_label("Résumé de ce que je suis").select_option("weekly")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(page.get_by_role("checkbox", name="Une question m’est posée")).to_be_checked()
    expect(page.get_by_role("status").filter(has_text="enregistrées")).to_be_in_viewport()
    sound(page)
    page.get_by_role("button", name="Ne plus suivre : Recherche : « carnaval »").click()
    told = page.locator("section[aria-labelledby='suivis'] li a")
    expect(told).to_have_text(["cadastre"])
    sound(page)
    link = required(site.services.part(Mailing)).links.make(STRANGER, MailKind.DIGEST)
    page.goto(f"/courriels/{link}")
    sound(page)
    page.get_by_role("button", name="Ne plus les recevoir").click()
    expect(page.get_by_role("heading", name="C’est fait")).to_be_visible()
    sound(page)
    page.goto("/preferences")
    expect(page.get_by_label("Résumé de ce que je suis")).to_have_value("off")
