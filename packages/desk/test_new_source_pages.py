"""Adding a source by pages: who may do it, what a trial shows, and a test in a real browser."""

import inspect
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest
import quisait_desk.commands
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from quisait_desk.feature import ACCESSES
from quisait_desk.routes import new_source_router
from quisait_desk.sources import DeskSources
from quisait_desk.values import SourceIncomplete

from quisait.application.assembly import Application
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.work.crawl import crawl_sources, read_directory
from search_api.audit.port import PrivilegedAccess
from search_api.identity.principals import Role
from search_api.identity.tokens import TOKEN_COOKIE
from search_api.query_log.recording import NoQueryLog
from tests.made_site import application_in
from tests.pages.conftest import heard, served
from tests.pages.test_accessibility import SIDEWAYS, faults_of
from tests.pages.test_audit_words import TECHNICAL, of_commands

pytestmark = [pytest.mark.pages, pytest.mark.trust, pytest.mark.sources]

SETTINGS = """# Écrit à la main.
folder = "etat"
[server]
token_key = "une clé de test assez longue pour signer"  # à changer
[directory]
agents = "agents.csv"
groups = "groupes.csv"
[desk]
sources = "write"
hosts = ["n.example"]
[[roles]]
role = "administrator"
agents = ["ag-1"]
[[roles]]
role = "officer"
agents = ["ag-2"]
"""
AGENTS = """id,given_name,family_name,email
ag-1,Jo,Agent1,jo@exemple.fr
ag-2,Ben,Amrani,ben@exemple.fr
"""
GROUPS = "principal,label,members\nannuaire:group:fraude,Fraude,ag-2\n"
RULES = "pattern,allowed,author\nfraude/*,annuaire:group:fraude,secretaire\nrh/*,nobody,\n"
SECRET = "zanzibar"
HOSTILE = "<img src=x onerror=alert(1)>"
MBOX = f"""From jo@exemple.fr Mon Mar  2 10:00:00 2026
Message-ID: <1@exemple.fr>
Date: Mon, 2 Mar 2026 10:00:00 +0100
From: Jo <jo@exemple.fr>
Subject: {HOSTILE} bornage amiable
Content-Type: text/plain; charset=utf-8

Qui signe le bornage amiable ?

From ben@exemple.fr Mon Mar  2 10:05:00 2026
Message-ID: <2@exemple.fr>
In-Reply-To: <1@exemple.fr>
Date: Mon, 2 Mar 2026 10:05:00 +0100
From: Ben <ben@exemple.fr>
Subject: Re: {HOSTILE} bornage amiable
Content-Type: text/plain; charset=utf-8

Le géomètre du cadastre signe le bornage amiable.
"""
FOLDER = {"kind": "folder", "name": "notes", "path": "notes", "allowed": "tous les agents"}
SITE = "http://localhost"


def bare(folder: Path) -> None:
    """Settings without a source; notes for all, for a group and for nobody; a list's archive."""
    (folder / "quisait.toml").write_text(SETTINGS, "utf-8")
    (folder / "agents.csv").write_text(AGENTS, "utf-8")
    (folder / "groupes.csv").write_text(GROUPS, "utf-8")
    for name in ("fraude", "rh", "ouvert"):
        (folder / "notes" / name).mkdir(parents=True)
    (folder / "notes" / "_quisait.csv").write_text(RULES, "utf-8")
    (folder / "notes" / "fraude" / f"{SECRET}.md").write_text("Le carrousel.", "utf-8")
    (folder / "notes" / "ouvert" / "bornage.md").write_text("Le bornage et sa borne.", "utf-8")
    (folder / "notes" / "rh" / f"{SECRET} conges.md").write_text("Les congés.", "utf-8")
    (folder / "cadastre.mbox").write_text(MBOX, "utf-8")


@contextmanager
def opened_in(folder: Path) -> Iterator[Application]:
    with application_in(folder) as application:
        read_directory(application)
        yield application


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder: Path = tmp_path_factory.mktemp("ajout")
    bare(folder)
    with opened_in(folder) as application:
        yield application


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    """The administrator; what was written is undone."""
    file = Path(os.environ["QUISAIT_FILE"])
    yield client_of(application)
    file.chmod(0o600)
    file.write_text(SETTINGS, "utf-8")
    for copy in file.parent.glob("*.bak"):
        copy.unlink()


def audited(application: Application, count: int = 1) -> list[tuple[str, str, str]]:
    return [
        (one.actor, one.reading, one.subject) for one in application.privacy.audit.newest(count)
    ]


def cookie(application: Application, agent: str) -> dict[str, str]:
    """Return the cookie of an agent who has signed on."""
    return {TOKEN_COOKIE: tokens_of(application.settings).make(agent, now_s())}


def client_of(application: Application, agent: str = "ag-1") -> TestClient:
    app = app_of(application, NoQueryLog())
    signed = cookie(application, agent)
    return TestClient(app, base_url=SITE, cookies=signed, headers={"Origin": SITE})


def main_of(page: str) -> str:
    """Return the page's own content, without the frame."""
    return page.partition("<main")[2].partition("</main>")[0]


def test_titles_are_those_that_the_administrator_reads(
    client: TestClient, application: Application
) -> None:
    """Count, dates and readers of all; a title, a link, an author of none that is closed."""
    answer = client.post("/administration/new-source/notes/trial", data=FOLDER)
    shown = main_of(answer.text)
    assert answer.status_code == 200
    assert SECRET not in shown.lower()
    assert "secretaire" not in shown
    assert "Bornage" in shown
    assert "signes de texte" in shown
    assert shown.count("Titre caché") == 2
    assert re.search(r"le groupe fraude \(1\sagent\)", shown)
    assert "ne serait lu par personne" in shown
    assert "compte peut" not in shown, "a folder is read without an account"
    assert audited(application) == [
        ("ag-1", "POST /administration/new-source/{source}/trial", "source:notes")
    ]
    assert application.whole_index.count("notes") == 0
    assert application.state.load("notes") is None


def test_all_titles_are_asked_for_by_word_and_written_down(
    client: TestClient, application: Application
) -> None:
    """Not without the box; the audit has a line of its own."""
    path = "/administration/new-source/notes/titles"
    assert SECRET not in main_of(client.post(path, data=FOLDER).text).lower()
    shown = main_of(client.post(path, data=FOLDER | {"confirmed": "true"}).text)
    assert SECRET in shown.lower()
    assert "Titre caché" not in shown
    assert audited(application) == [
        ("ag-1", "POST /administration/new-source/{source}/titles", "source:notes")
    ]


def test_nobody_else_and_no_other_site(client: TestClient, application: Application) -> None:
    """Without the role nothing is shown, tried or written; nor for a form of another page."""
    before = Path(os.environ["QUISAIT_FILE"]).read_text("utf-8")
    paths = [f"/administration/new-source/notes/{one}" for one in ("trial", "titles", "settings")]
    for path in ("/administration/new-source", *paths):
        other = {"Origin": "https://ailleurs.example"}
        assert client.post(path, data=FOLDER, headers=other).status_code == 403, path
    other_agent = client_of(application, "ag-2")
    assert other_agent.get("/administration/new-source").status_code == 403
    for path in ("/administration/new-source", *paths):
        assert other_agent.post(path, data=FOLDER).status_code == 403, path
    assert Path(os.environ["QUISAIT_FILE"]).read_text("utf-8") == before


def test_all_that_the_desk_opens_has_words(application: Application) -> None:
    """Its routes and its commands, and nothing else; the audit log shows these words."""
    routes = {
        f"{method} {route.path}"
        for route in new_source_router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    commands = of_commands([Path(inspect.getfile(quisait_desk.commands))])
    assert commands == {"quisait source try", "quisait source add"}
    assert set(ACCESSES) == routes | commands
    for reading in ACCESSES:
        application.privacy.audit.write(
            PrivilegedAccess("ag-1", Role.ADMINISTRATOR, reading, "source:notes")
        )
    table = main_of(client_of(application, "ag-2").get("/audit").text)
    assert [words for words in ACCESSES.values() if words not in unescape(table)] == []
    assert TECHNICAL.findall(re.sub(r"<[^>]*>", "", table)) == []
    assert "d’une autre version" not in table


def test_what_is_hostile_is_shown_as_text(client: TestClient) -> None:
    """Titles of a source, and values of a form, in every page that shows them."""
    lists = {
        "kind": "lists",
        "name": "listes",
        "options.lists.0.nom": "cadastre",
        "options.lists.0.path": "cadastre.mbox",
        "options.lists.0.readers": "tous les agents",
        "options.domains": HOSTILE,
    }
    for path in ("trial", "settings"):
        page = client.post(f"/administration/new-source/listes/{path}", data=lists).text
        assert HOSTILE not in page
    page = client.post("/administration/new-source/x/trial", data=FOLDER | {"path": HOSTILE}).text
    assert HOSTILE not in page
    assert "&lt;img src=x" in page


def test_a_password_is_named_as_a_file(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The page says how to write it, keeps none, and shows none again that was typed elsewhere."""
    entered = {"kind": "webdav", "name": "nuage", "options.url": "https://u:mdp-secret@n.example/"}
    page = client.post(
        "/administration/new-source", data=entered | {"from": "place", "step": "account"}
    )
    assert page.status_code == 422
    assert "mdp-secret" not in page.text + caplog.text
    entered["options.url"] = "https://n.example/"
    page = client.post(
        "/administration/new-source", data=entered | {"from": "place", "step": "account"}
    )
    assert page.status_code == 200
    assert 'type="password"' not in page.text
    assert 'value="secrets/nuage"' in page.text
    assert "cat &gt;" in page.text
    assert "n’existe pas encore" in page.text
    entered |= {"options.user": "lecteur", "password_file": "secrets/nuage"}
    tried = client.post("/administration/new-source/nuage/trial", data=entered).text
    assert "secrets/nuage, manque" in tried


def test_the_settings_are_written_and_said_to_be_unread(
    client: TestClient, application: Application
) -> None:
    """At the end of the file; audited under the name that was written, whatever the form says."""
    file = Path(os.environ["QUISAIT_FILE"])
    answer = client.post(
        "/administration/new-source/notes/settings", data=FOLDER | {"name": "autre"}
    )
    assert answer.status_code == 200
    text = file.read_text("utf-8")
    assert text.startswith(SETTINGS)
    assert 'name = "notes"' in text
    assert 'name = "autre"' not in text
    assert audited(application) == [
        ("ag-1", "POST /administration/new-source/{source}/settings", "source:notes")
    ]
    assert "ce service ne la connaît pas" in client.get("/administration").text
    again = client.post("/administration/new-source/notes/settings", data=FOLDER)
    assert again.status_code == 422


def test_a_file_that_is_read_only_is_shown_what_to_paste(client: TestClient) -> None:
    """By the trial and by who sends the form all the same; nothing is changed."""
    file = Path(os.environ["QUISAIT_FILE"])
    file.chmod(0o444)
    tried = client.post("/administration/new-source/notes/trial", data=FOLDER).text
    assert "[[sources]]" in unescape(tried)
    assert "/settings" not in main_of(tried)
    answer = client.post("/administration/new-source/notes/settings", data=FOLDER)
    assert answer.status_code == 422
    assert "lecture seule" in answer.text
    assert "allowed = [&#34;everyone&#34;]" in answer.text
    assert file.read_text("utf-8") == SETTINGS


def test_it_can_be_shut(tmp_path: Path) -> None:
    """`[desk] sources = "none"`: no link, no page, no trial."""
    bare(tmp_path)
    text = SETTINGS.replace('"write"', '"none"')
    (tmp_path / "quisait.toml").write_text(text, "utf-8")
    with opened_in(tmp_path) as application:
        client = client_of(application)
        assert "new-source" not in client.get("/administration").text
        assert client.get("/administration/new-source").status_code == 404
        path = "/administration/new-source/notes/trial"
        assert client.post(path, data=FOLDER).status_code == 404


def test_a_demonstration_writes_nothing_and_looks_nowhere_else(tmp_path: Path) -> None:
    """There, anybody at the machine is the administrator."""
    bare(tmp_path)
    demo = '[server]\nreader = "demo"\ndemo_agent = "ag-1"'
    (tmp_path / "quisait.toml").write_text(SETTINGS.replace("[server]", demo), "utf-8")
    with opened_in(tmp_path) as application:
        sources = DeskSources(application.settings, application.book)
        assert "démonstration" in sources.addition(FOLDER).locked
        with pytest.raises(SourceIncomplete, match=r"\[desk\] folders"):
            sources.addition(FOLDER | {"path": "/srv"})


@contextmanager
def walking(chromium: Browser, address: str, cookies: dict[str, str]) -> Iterator[Page]:
    """A page that logs no error but the status of a form that is to be mended."""
    with chromium.new_context(base_url=address, locale="fr-FR") as context:
        for name, value in cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        faults = heard(page)
        yield page
        assert [one for one in faults if "status of 422" not in one] == []


def looked_at(page: Page) -> None:
    """No fault of axe-core, light and dark; no sideways scroll at 320 pixels."""
    assert faults_of(page) == []
    before = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 700})
    page.emulate_media(color_scheme="dark")
    assert faults_of(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(SIDEWAYS) <= 1, "the table of the settings alone"
    page.emulate_media(color_scheme="light")
    assert before is not None
    page.set_viewport_size(before)


def test_from_bare_settings_to_found_documents(chromium: Browser, tmp_path: Path) -> None:
    """A folder with faults on the way, then a list of a package; both are found after a reading."""
    bare(tmp_path)
    with (
        opened_in(tmp_path) as application,
        served(app_of(application, NoQueryLog())) as address,
        walking(chromium, address, cookie(application, "ag-1")) as page,
    ):
        page.goto("/administration")
        page.get_by_role("link", name="Ajouter une source").click()
        looked_at(page)
        page.get_by_label("Dossier de fichiers").check()
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Nom de la source").fill("Mes notes")
        page.get_by_label("Dossier ou fichier").fill("/etc")
        page.get_by_role("button", name="Continuer").click()
        expect(page.get_by_role("alert")).to_contain_text("dossier du système")
        looked_at(page)
        page.get_by_label("Nom de la source").fill("notes")
        page.get_by_label("Dossier ou fichier").fill("absent")
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Qui lit").fill("tous les agents")
        page.get_by_role("button", name="D’autres réglages").click()
        looked_at(page)
        page.get_by_role("button", name="Essayer").click()
        expect(page.get_by_role("alert")).to_contain_text("introuvable")
        page.get_by_role("button", name="Adresse").click()
        expect(page.get_by_label("Nom de la source")).to_have_value("notes")
        page.get_by_label("Dossier ou fichier").fill("notes")
        page.get_by_role("button", name="Continuer").click()
        expect(page.get_by_label("Qui lit")).to_have_value("tous les agents")
        page.get_by_role("button", name="Essayer").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Essai de notes")
        expect(page.locator(".sample")).to_contain_text("le groupe fraude")
        expect(page.locator("main")).not_to_contain_text(SECRET)
        looked_at(page)
        page.get_by_role("button", name="Écrire dans les réglages").click()
        expect(page.locator("p.note[role=status]")).to_contain_text("quisait.toml")
        page.get_by_role("link", name="Ajouter une autre source").click()
        page.locator("#kind-lists").check()
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Nom de la source").fill("listes")
        page.get_by_label("Nom de la liste").fill("cadastre")
        page.get_by_label("Dossier ou fichier").fill("cadastre.mbox")
        page.get_by_role("button", name="Ajouter une ligne").click()
        expect(page.get_by_label("Nom de la liste")).to_have_count(2)
        expect(page.get_by_label("Nom de la liste").first).to_have_value("cadastre")
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Qui lit").fill("annuaire:group:fraude")
        page.get_by_role("button", name="D’autres réglages").click()
        page.get_by_label("Ce qui nomme").fill("email")
        page.get_by_role("button", name="Essayer").click()
        expect(page.locator(".sample")).to_contain_text("le groupe fraude")
        page.get_by_role("button", name="Écrire dans les réglages").click()
        expect(page.locator("p.note[role=status]")).to_contain_text("quisait.toml")
        looked_at(page)
    with opened_in(tmp_path) as application:
        crawl_sources(application, application.settings.sources, quiet=True)

        def found(agent: str) -> dict[str, set[str]]:
            """By source, who is known to have written there."""
            asking = client_of(application, agent)
            answer = asking.get("/api/v1/search", params={"q": "bornage amiable"}).json()
            return {
                one["source"]: {author["name"] for author in one["authors"]}
                for one in answer["documents"]
            }

        assert set(found("ag-1")) == {"notes"}
        assert found("ag-2") == {"notes": set(), "listes": {"Ben Amrani", "Jo Agent1"}}


def test_a_forged_step_is_another_one(client: TestClient) -> None:
    """A kind has no step that it asks nothing at; what no form of ours sends is answered too."""
    forged = {"kind": "push", "name": "docs", "step": "account", "from": "place"}
    assert client.post("/administration/new-source", data=forged).status_code in (200, 422)
    for kind in ("folder", "push", "export", "mediawiki", "ailleurs"):
        for step in ("account", "readers", "options", "rien"):
            answer = client.post(
                "/administration/new-source", data={"kind": kind, "step": step, "from": "kind"}
            )
            assert answer.status_code in (200, 404, 422)
