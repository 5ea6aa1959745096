"""Six people go through the demo by clicks and typed words, from what leads them in to its end.

Each meets the pages as they come. The worker's steps are taken when the test says so.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from quisait_demo.intranet import intranet_app
from quisait_mail.sending import send_mail

from expertise.consent import PreferenceKind
from quisait.application.assembly import Application
from quisait.server.app import app_of
from quisait.settings.web import EmbedSettings
from quisait.work.questions import move_on
from search_api.query_log.recording import NoQueryLog
from tests.pages.conftest import served
from tests.pages.test_accessibility import faults_of
from tests.pages.whole_demo import DEMO, indexed_demo
from tests.service.running import free_port

pytestmark = pytest.mark.pages

ASKER, EXPERT, ANIMATOR, NEWCOMER, ADMINISTRATOR = (
    "Agente d’accueil",
    "Experte isolée",
    "Animatrice",
    "Nouvelle arrivée",
    "Administrateur",
)
PHONE, TABLET, DESK = (360, 740), (768, 1024), (1440, 900)


@dataclass(frozen=True, slots=True)
class Site:
    """The demo, the intranet that may embed it, and another that may not."""

    address: str
    intranet: str
    other: str
    application: Application

    def work(self) -> None:
        """Take the worker's steps: questions move on, mails are shown."""
        move_on(self.application)
        send_mail(self.application, Event())

    def waits_for(self, path: str) -> str:
        """Return the name of the agent whom a question waits for, empty for nobody."""
        requests = self.application.questions.requests.of_question(path.rpartition("/")[2])
        ids = [one.agent_id for one in requests if one.state.value == "waiting"]
        agent = self.application.book.agent(ids[0]) if ids else None
        return agent.name if agent else ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A copy of the demo, whose tables an administrator may write."""
    folder: Path = tmp_path_factory.mktemp("journeys")
    demo = shutil.copytree(DEMO, folder / "demo")
    (folder / ".cache").symlink_to(DEMO.parent / ".cache")
    own = folder / "own"
    own.mkdir()
    port = free_port()
    intranet, other = intranet_app(demo / "intranet"), intranet_app(demo / "intranet")
    with (
        indexed_demo(demo, own, port) as application,
        served(intranet) as origin,
        served(other) as refused,
    ):
        settings = application.settings.model_copy(
            update={"embed": EmbedSettings(origins=[origin])}
        )
        shown = app_of(replace(application, settings=settings), NoQueryLog())
        with served(shown, port) as address:
            intranet.state.quisait = other.state.quisait = address
            yield Site(address, origin, refused, application)


@contextmanager
def visit(
    chromium: Browser,
    site: Site,
    size: tuple[int, int],
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    """A browser on the first page. No script of a page fails."""
    view: ViewportSize = {"width": size[0], "height": size[1]}
    with chromium.new_context(
        base_url=site.address, locale="fr-FR", viewport=view, color_scheme=scheme
    ) as context:
        faults: list[str] = []
        context.on("weberror", lambda error: faults.append(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto("/")
        yield page
        assert faults == []


def become(page: Page, who: str) -> None:
    """Change the agent by the demo's bar: one of its roles, or anybody by name."""
    bar = page.get_by_role("region", name="Démonstration")
    bar.locator("summary").click()
    role = bar.get_by_role("button").filter(has=page.locator("strong", has_text=who))
    if role.count():
        role.click()
    else:
        bar.get_by_role("textbox").fill(who)
        bar.get_by_role("button", name="Devenir").click()
    expect(bar.locator("details:not([open])")).to_be_attached()


def go(page: Page, entry: str) -> None:
    """Follow an entry of the menu, which a telephone shows behind a button."""
    button = page.locator("button.menu")
    if button.is_visible():
        button.click()
    page.get_by_role("navigation", name="Principale").get_by_role("link", name=entry).click()


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox").or_(page.locator("#q")).first.fill(words)
    page.get_by_role("search").get_by_role("button", name="Chercher").click()


def mailed(page: Page, path: str) -> Locator:
    """Open the demo's mails; return the newest one's link to a page, or to pages under it."""
    page.get_by_role("link", name="Courriels").click()
    return page.locator(f'main a[href*="{path}"]').first


def told(page: Page) -> Locator:
    """Return the line that tells what was just done."""
    return page.locator("#fait")


def path_of(page: Page) -> str:
    return urlsplit(page.url).path


def top_of_first_result(page: Page) -> float:
    box = page.locator("article.document").first.bounding_box()
    assert box is not None
    return box["y"]


def test_a_newcomer_finds_her_way_in_a_day(site: Site, chromium: Browser) -> None:
    """A word she does not know, a document, who knows, a topic to follow; all by a telephone."""
    with visit(chromium, site, PHONE, "dark") as page:
        become(page, NEWCOMER)
        news = page.get_by_role("region", name="Du nouveau")
        expect(news.locator("a[href$='#suivis']")).to_have_count(0)
        search(page, "c’est quoi un SATD")
        expect(page.get_by_role("region", name="Définition").locator("dfn")).to_have_text("SATD")
        assert top_of_first_result(page) < 560
        search(page, "Trésorerie hospitalière")
        assert top_of_first_result(page) < 560
        page.wait_for_load_state()  # of the script that hears the key
        page.keyboard.press("/")
        page.keyboard.type("saisie sur salaire, l’employeur ne répond pas")
        page.keyboard.press("Enter")
        expect(page.locator(".direct-answer")).to_be_visible()
        assert top_of_first_result(page) < 560
        page.locator("article.document .preview summary").first.click()
        expect(page.get_by_role("region", name="Aperçu").first).to_contain_text("tiers")
        assert path_of(page) == "/"
        page.locator("article.document h3 a").first.click()
        expect(page.get_by_role("article")).to_be_visible()
        expect(page.locator("#reponse")).to_be_in_viewport()
        page.locator(".back a").click()
        follow = page.get_by_role("button", name=re.compile("^Suivre cette recherche"))
        expect(follow).to_be_in_viewport(ratio=1)
        follow.click()
        expect(told(page)).to_be_visible()
        go(page, "Collègues")
        page.get_by_role("link", name="Sujets").click()
        page.get_by_role("link", name="cadastre", exact=True).first.click()
        assert path_of(page) == "/topics/cadastre"
        page.get_by_role("button", name=re.compile("^Suivre ce sujet")).click()
        expect(page.get_by_role("button", name=re.compile("^Ne plus suivre"))).to_be_visible()
        page.locator("a[href^='/questions/new']").click()
        expect(page.get_by_label("Sujet", exact=True)).to_have_value("cadastre")
        page.get_by_role("link", name="Qui sait ?").first.click()
        expect(news.locator("a[href$='#suivis']")).to_be_visible()
        recent = page.get_by_role("region", name="Vos recherches récentes")
        expect(recent.get_by_role("link")).to_have_count(3)
        go(page, "Moi")
        kept = page.get_by_role("region", name="Ce que vous suivez").get_by_role("listitem")
        expect(kept).to_have_count(2)
        assert faults_of(page) == []


def test_a_question_is_passed_on_answered_and_found(
    site: Site, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declined and taken back, passed on, opened to all, answered, told by mail, found again."""
    title = "Crédit d’impôt recherche : les essais d’un prototype chez un client comptent-ils ?"
    with visit(chromium, site, PHONE) as page:
        become(page, NEWCOMER)
        go(page, "Questions")
        page.get_by_role("link", name="Poser une question").click()
        page.get_by_label("Votre question", exact=True).fill(title)
        names = page.get_by_role("group").get_by_role("checkbox")
        expect(names).to_have_count(2)
        form = page.locator("form.ask").bounding_box()
        assert form is not None
        assert form["height"] <= 800
        assert faults_of(page) == []
        page.get_by_role("button", name="Poser la question").click()
        expect(told(page)).to_be_visible()
        question = path_of(page)
        first = site.waits_for(question)
        site.work()
        become(page, first)
        mailed(page, question).click()
        assert path_of(page) == question
        page.get_by_role("button", name="Décliner").click()
        told(page).get_by_role("button", name="Annuler").click()
        expect(page.get_by_role("button", name="Décliner")).to_be_visible()
        page.get_by_role("button", name="Décliner").click()
        expect(told(page)).to_be_visible()
        monkeypatch.setattr("search_api.questions.delivery.DECLINE_UNDO", timedelta(0))
        site.work()
        second = site.waits_for(question)
        assert second not in ("", first)
        become(page, second)
        page.get_by_role("link", name="Qui sait ?").first.click()
        expect(page.locator("button.menu")).to_contain_text("(1)")
        page.get_by_role("region", name="À faire").get_by_role("link").first.click()
        page.locator(f'main a[href="{question}"]').first.click()
        page.get_by_label(re.compile("passer la main")).fill("Je pars en congé.")
        page.get_by_role("button", name="Passer la main").click()
        expect(told(page)).to_be_visible()
        become(page, NEWCOMER)
        page.locator(f'main a[href="{question}"]').first.click()
        stands = page.get_by_role("region", name="Où en est votre question")
        expect(stands.get_by_role("listitem")).to_contain_text("Je pars en congé.")
        assert faults_of(page) == []
        stands.get_by_role("button", name="l’ouvrir à tous").click()
        expect(stands.get_by_role("button")).to_have_count(0)

        become(page, first)
        go(page, "Questions")
        mine = page.get_by_role("region", name="Sans réponse, sur mes sujets")
        mine.locator(f'a[href="{question}"]').click()
        answer = page.get_by_label("Répondre", exact=True)
        answer.fill(
            "Oui :\n\n- si le client **ne paie pas** ces essais ;\n- avant la vente.\n\nVoir "
        )
        page.get_by_label("Citer un document").fill("grille d’examen CIR")
        page.get_by_role("button", name="Chercher un document à citer").click()
        page.get_by_role("button", name=re.compile("^Citer .*grille d’examen")).click()
        expect(answer).to_have_value(re.compile(r"\]\(/documents/"))
        page.get_by_role("button", name="Aperçu").click()
        preview = page.get_by_role("region", name=re.compile("^Aperçu"))
        expect(preview.get_by_role("listitem")).to_have_count(2)
        page.get_by_role("button", name="Répondre", exact=True).click()
        expect(told(page)).to_be_visible()
        site.work()
        become(page, NEWCOMER)
        mailed(page, question).click()
        page.get_by_role("button", name=re.compile("^Elle m’a aidé")).click()
        expect(told(page)).to_be_visible()

        become(page, ASKER)
        search(page, "prototype essayé gratuitement chez un client, CIR ?")
        direct = page.get_by_role("region", name="Réponse acceptée à « ")
        expect(direct).to_contain_text("ne paie pas")
        assert top_of_first_result(page) < 560
        page.locator("article.document h3 a").first.click()
        assert path_of(page) == question
        expect(page.locator("article strong")).to_have_text("ne paie pas")
        page.locator(".back a").click()
        expect(direct).to_be_visible()


def test_an_isolated_expert_has_her_first_week(site: Site, chromium: Browser) -> None:
    """What waits for her, her answer, her load; then what she is asked, until when, and by mail."""
    with visit(chromium, site, DESK) as page:
        become(page, EXPERT)
        menu = page.get_by_role("navigation", name="Principale")
        expect(menu.get_by_role("link", name="Questions (1)")).to_be_visible()
        mailed(page, "/questions/").click()
        page.get_by_role("button", name="J’accepte d’y répondre").click()
        expect(told(page)).to_be_visible()
        page.get_by_label("Répondre", exact=True).fill("Le plan suit, **d’office**.")
        page.get_by_role("button", name="Répondre", exact=True).click()
        expect(told(page)).to_be_visible()
        assert faults_of(page) == []
        expect(menu.get_by_role("link", name="Questions", exact=True)).to_be_visible()
        page.get_by_role("link", name="Qui sait ?").first.click()
        page.get_by_role("region", name="Vos sujets").get_by_role(
            "link", name="cadastre"
        ).first.click()
        page.get_by_role("link", name="Vos pairs").click()
        page.locator("main a[href^='/agents/']").first.click()
        expect(page.locator("a[href^='/questions/new']")).to_be_visible()
        go(page, "Moi")
        absent = page.get_by_label(re.compile("^Absence"))
        absent.fill("2099-01-31")
        page.get_by_label("Une communauté m’invite").uncheck()
        page.get_by_role("button", name="Enregistrer").click()
        expect(told(page)).to_be_visible()
        expect(absent).to_have_value("2099-01-31")
        told(page).get_by_role("button", name="Annuler").click()
        expect(absent).to_have_value("")
        expect(page.get_by_label("Une communauté m’invite")).to_be_checked()
        assert faults_of(page) == []
        page.get_by_role("link", name="Ce qui est tenu de moi").first.click()
        assert path_of(page) == "/mes-donnees"
        with page.expect_download() as taken:
            page.locator("main a[href*='export']").first.click()
        assert taken.value.suggested_filename


def test_an_animator_opens_a_community(site: Site, chromium: Browser) -> None:
    """She accepts it; an agent is told by mail, joins it, and changes their mind."""
    consent = site.application.privacy.consent
    with visit(chromium, site, TABLET, "dark") as page:
        become(page, ANIMATOR)
        go(page, "Animation")
        assert faults_of(page) == []
        page.get_by_role("button", name="Accepter la communauté cadastre").click()
        expect(told(page)).to_be_visible()
        site.work()
        become(page, "Thierry Delcourt")
        link = mailed(page, "/communities/cadastre")
        everyone = site.application.book.everyone()
        (guest,) = (one.id for one in everyone if one.name == "Thierry Delcourt")
        told_before = {one.preference.kind for one in consent.of(guest)}
        assert PreferenceKind.INVITED not in told_before, "a mail begins no days of notice"
        link.click()
        assert path_of(page) == "/communities/cadastre"
        assert faults_of(page) == []
        members = page.get_by_role("region", name=re.compile("membre|accepté"))
        expect(members.get_by_role("link", name="Thierry Delcourt")).to_have_count(0)
        page.get_by_role("button", name="Refuser").click()
        expect(page.get_by_role("button", name="Rejoindre la communauté")).to_be_visible()
        told(page).get_by_role("button", name="Annuler").click()
        expect(members.get_by_role("link", name="Thierry Delcourt")).to_have_count(0)
        page.get_by_role("button", name="Accepter").click()
        expect(members.get_by_role("link", name="Thierry Delcourt")).to_be_visible()
        told(page).get_by_role("button", name="Annuler").click()
        expect(members.get_by_role("link", name="Thierry Delcourt")).to_have_count(0)
        expect(page.get_by_role("button", name="Rejoindre la communauté")).to_be_visible()


def test_a_webmaster_embeds_the_box(site: Site, chromium: Browser) -> None:
    """Refused, the page says what is missing; named, it answers in the page's own colours."""
    with visit(chromium, site, DESK) as page:
        become(page, ASKER)
        page.goto(site.other)
        box = page.locator("qui-sait")
        expect(box.get_by_role("note")).to_contain_text(site.other)
        expect(box.get_by_role("textbox").or_(box.get_by_role("searchbox"))).to_be_visible()
        page.goto(site.intranet)
        box.evaluate("one => one.style.setProperty('--quisait-accent', 'rgb(90, 20, 90)')")
        box.get_by_role("combobox").fill("exonération taxe foncière personnes âgées")
        page.keyboard.press("Enter")
        expect(box.get_by_role("listitem")).to_have_count(3)
        expect(box.locator(".direct")).to_be_visible()
        expect(box.locator(".who").get_by_role("link")).to_have_count(1)
        expect(box.get_by_role("button")).to_have_css("background-color", "rgb(90, 20, 90)")
        assert faults_of(page) == []
        box.locator("a[href*='/?q=']").click()
        assert page.url.startswith(f"{site.address}/?q=")
        assert top_of_first_result(page) < 420


def test_an_administrator_edits_a_table(site: Site, chromium: Browser) -> None:
    """The state of each part; a definition, refused, previewed, written and found."""
    with visit(chromium, site, DESK) as page:
        become(page, ADMINISTRATOR)
        go(page, "Administration")
        waiting = page.locator("tr", has=page.locator(".state.ill")).get_by_role("rowheader")
        expect(waiting).to_have_text(["Sauvegarde"])  # none was made yet
        assert faults_of(page) == []
        page.get_by_role("link", name=re.compile("^Modifier.*Glossaire")).click()
        page.get_by_label("Expressions équivalentes").fill("PFA")
        page.get_by_role("button", name="Voir ce qui change").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Expressions équivalentes").fill("PFA ; prime de fin d’année")
        page.get_by_label("Définition").fill("Prime fictive, versée en décembre.")
        page.get_by_role("button", name="Voir ce qui change").click()
        expect(page.get_by_role("heading", name="Ce qui change")).to_be_visible()
        assert faults_of(page) == []
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="PFA")).to_be_visible()
        search(page, "c’est quoi une PFA")
        expect(page.get_by_role("region", name="Définition").locator("dfn")).to_have_text("PFA")
