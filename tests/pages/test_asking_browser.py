"""The way of a question in a real browser, by five agents, one of whom withdraws in between."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from search_api.mail.values import MailKind
from tests.pages.asking_site import (
    ASKER,
    FARAWAY,
    MAPPER,
    NEIGHBOUR,
    QUESTION,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.pages.conftest import served
from tests.pages.test_accessibility import faults_of

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PageOf = Callable[[str], Page]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    with asking_site(tmp_path, hidden_names=True) as made:
        yield made


@pytest.fixture
def page_of(site: AskingSite, chromium: Browser) -> Iterator[PageOf]:
    """An agent's own browser; no script or style of a page is refused by its policy."""
    faults: list[str] = []
    with ExitStack() as open_, served(site.app) as address:

        def page_of(agent_id: str) -> Page:
            context = chromium.new_context(
                base_url=address, extra_http_headers={"x-agent": agent_id}, locale="fr-FR"
            )
            open_.callback(context.close)
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: faults.append(str(error)))
            return page

        yield page_of
    assert faults == []


def sound(page: Page) -> None:
    """Nothing that axe-core finds; no sideways scroll in a narrow window."""
    assert faults_of(page) == []
    expect(page.locator("h1")).to_have_count(1)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_question_goes_its_way(site: AskingSite, page_of: PageOf) -> None:
    """Deflected, asked, declined, passed on, accepted, answered, marked, found by a fifth."""
    asker = page_of(ASKER)
    asker.goto("/questions/new")
    asker.get_by_label("Votre question, en une phrase").fill("Corriger le cadastre")
    answers = asker.get_by_role("button", name="Cela répond à ma question", exact=False)
    expect(answers.first).to_be_visible()
    sound(asker)
    answers.first.click()
    asker.wait_for_url("**/documents/wiki:*")
    assert site.questions.answered_before(site.clock.now.date()) == 1

    asker.goto("/experts?q=corriger+le+cadastre")
    asker.get_by_role("link", name=re.compile("Poser la question.*Jo Voisin")).first.click()
    expect(asker.get_by_text("Elle sera d’abord posée à Jo Voisin")).to_be_visible()
    asker.get_by_label("Question", exact=True).fill(QUESTION)
    asker.get_by_label("Précisions (facultatif)").fill("La limite est fausse.\n\nQue faire ?")
    asker.get_by_label("Sujet", exact=True).select_option("cadastre")
    asker.get_by_label("Ne pas montrer mon nom", exact=False).check()
    asker.get_by_role("button", name="Poser la question", exact=True).click()
    asker.wait_for_url("**/questions/*")
    sound(asker)
    path = asker.url

    def waiting_in(agent_id: str) -> Page:
        page = page_of(agent_id)
        page.goto("/")
        page.get_by_role("link", name="Questions (1)").click()
        sound(page)
        page.get_by_role("link", name=QUESTION).click()
        expect(page.get_by_text("par un ou une collègue")).to_be_visible()
        sound(page)
        return page

    neighbour = waiting_in(NEIGHBOUR)
    neighbour.get_by_role("button", name="Décliner").click()
    expect(neighbour.get_by_text("Questions qui m’attendent")).to_be_visible()
    neighbour.goto("/mes-donnees#questions")
    expect(neighbour.get_by_text("vous l’avez déclinée")).to_be_visible()
    neighbour.get_by_label("Par semaine, au plus").fill("1")
    sound(neighbour)
    neighbour.locator("#questions ~ form").get_by_role("button", name="Enregistrer").click()
    assert site.questions.preferences([NEIGHBOUR])[NEIGHBOUR].per_week == 1
    neighbour.goto("/mes-donnees/retrait")
    neighbour.get_by_role("button", name="Confirmer mon retrait").click()

    mapper = waiting_in(MAPPER)
    mapper.get_by_label("Ou la transmettre", exact=False).fill("C’est outre-mer.")
    mapper.get_by_role("button", name="Transmettre").click()

    faraway = waiting_in(FARAWAY)
    faraway.get_by_role("button", name="J’accepte d’y répondre").click()
    expect(faraway.get_by_text("par Jo Demandeuse")).to_be_visible()
    faraway.get_by_label("Répondre", exact=True).fill("Par un document d’arpentage, hibiscus.")
    faraway.get_by_role("button", name="Répondre", exact=True).click()

    asker.goto(path)
    expect(asker.get_by_text("« C’est outre-mer. »")).to_be_visible()
    expect(asker.get_by_text("hibiscus")).to_be_visible()
    for name in ("Carteau", "Voisin"):
        expect(asker.get_by_text(name)).to_have_count(0)
    asker.get_by_role("button", name="Remercier", exact=False).click()
    asker.get_by_role("button", name="Elle m’a aidé", exact=False).click()
    expect(asker.get_by_text("Réponse qui a aidé, de Jo Lointain")).to_be_visible()
    sound(asker)

    fifth = page_of(STRANGER)
    fifth.goto("/?q=hibiscus")
    fifth.get_by_role("link", name=QUESTION).first.click()
    sound(fifth)
    fifth.get_by_role("link", name="Voir la question, y répondre").click()
    expect(fifth.get_by_text("hibiscus")).to_be_visible()


def test_what_is_followed_is_told_at_home_and_ended(page_of: PageOf, site: AskingSite) -> None:
    """By the buttons of the pages; what comes by mail is chosen, and ended by a mail's link."""
    page = page_of(STRANGER)
    page.goto("/topics/cadastre")
    page.get_by_role("button", name="Suivre ce sujet").click()
    expect(page.get_by_role("button", name="Ne plus suivre")).to_be_visible()
    sound(page)
    page.goto("/?q=carnaval")
    page.get_by_role("button", name="Enregistrer et suivre cette recherche").click()
    sound(page)
    site.ask(title="Où est le plan ?", topic="cadastre")
    page.goto("/")
    heading = page.get_by_role("heading", name="1 nouveauté dans ce que vous suivez")
    expect(heading).to_be_visible()
    told = page.locator("section[aria-labelledby='suivis']")
    expect(told.get_by_role("link", name="Où est le plan ?")).to_have_count(1)
    sound(page)
    page.get_by_role("button", name="J’ai vu ces nouveautés").click()
    expect(page.get_by_role("heading", name="Rien de nouveau")).to_be_visible()
    page.goto("/mes-donnees")
    page.get_by_role("checkbox", name="Une question m’est posée").check()
    page.get_by_label("Résumé de ce que je suis").select_option("weekly")
    page.locator("form[action='/courriels'] button").click()
    expect(page.get_by_role("checkbox", name="Une question m’est posée")).to_be_checked()
    page.get_by_role("button", name="Ne plus suivre : Recherche : « carnaval »").click()
    told = page.locator("section[aria-labelledby='suivis'] li a")
    expect(told).to_have_text(["cadastre"])
    sound(page)
    assert site.services.mail
    link = site.services.mail.links.make(STRANGER, MailKind.DIGEST)
    page.goto(f"/courriels/{link}")
    sound(page)
    page.get_by_role("button", name="Ne plus les recevoir").click()
    expect(page.get_by_role("heading", name="C’est fait")).to_be_visible()
    sound(page)
    page.goto("/mes-donnees")
    expect(page.get_by_label("Résumé de ce que je suis")).to_have_value("off")
