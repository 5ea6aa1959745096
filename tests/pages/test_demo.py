"""The demo's choice of an agent, and its mails: on this machine only, and nowhere else."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from quisait_mail.links import UnsubscribeLinks
from quisait_mail.rendering import written_message
from quisait_mail.shown_mails import ShownMails
from quisait_mail.storage import Mailing, SqlMail
from quisait_mail.values import MailContent, MailKind, MailRules, QueuedMail
from quisait_mail.web import mail_web
from typer.testing import CliRunner

from quisait.cli import app as command_line
from quisait.clock import now
from search_api.app import create_app
from search_api.services import DemoPerson, Services
from tests.pages.administration import AGENTS, SECRET
from tests.pages.conftest import NOW_S, TOKENS, Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]


def choose(client: TestClient, agent: str, back: str = "/") -> str:
    response = client.post("/demo/agent", data={"agent": agent, "back": back})
    assert response.status_code == 303
    return str(response.headers["location"])


def test_another_agent_reads_otherwise(demo: TestClient) -> None:
    """The chosen agent's rights apply at once; the cookie is out of scripts' reach."""
    assert SECRET not in demo.get("/").text
    response = demo.post("/demo/agent", data={"agent": "ag-4", "back": "/?q=zanz"})
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert SECRET in demo.get(response.headers["location"]).text


@pytest.mark.parametrize(
    "back",
    ["https://ailleurs.example/", "//ailleurs.example", "/\\ailleurs.example", "\\\\ailleurs",
     "javascript:alert(1)", "", "ailleurs", "/\t/ailleurs.example", " //ailleurs"],
)  # fmt: skip
def test_no_way_out_of_the_site(demo: TestClient, back: str) -> None:
    """Coming back leads to a path of this site, else to its first page."""
    assert choose(demo, "ag-2", back) == "/"


def test_coming_back_to_the_same_search(demo: TestClient) -> None:
    """A local path and its query are kept."""
    assert choose(demo, "ag-2", "/?q=taxe+fonci%C3%A8re&kind=fiche").startswith("/?q=taxe+fonci")


@pytest.mark.parametrize("agent", ["", "ag-3", "ag-999", "'; --"])
def test_only_agents_in_service_can_be_chosen(demo: TestClient, agent: str) -> None:
    """Who left or never was is a problem 400, and no cookie is set."""
    response = demo.post("/demo/agent", data={"agent": agent})
    assert response.status_code == 400
    assert "set-cookie" not in response.headers


def test_a_forged_cookie_opens_nothing(demo: TestClient) -> None:
    """An unknown agent reads nothing, and the bar lets the person choose again."""
    demo.cookies.set("quisait_demo_agent", "ag-999")
    response = demo.get("/")
    assert response.status_code == 401


def test_a_program_reads_as_the_agent_of_its_token(demo: TestClient) -> None:
    """The commands of docs/api.md work in the demo; an invalid token names nobody."""
    for token, status in ((TOKENS.make("ag-4", NOW_S), 200), (TOKENS.make("ag-4", 0), 401)):
        answer = demo.get("/?q=zanz", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
        assert (SECRET in answer.text) is (status == 200)


def test_nobody_from_elsewhere(demo_app: FastAPI) -> None:
    """From another machine the demo shows neither documents nor its agents."""
    headers = {"Authorization": f"Bearer {TOKENS.make('ag-4', NOW_S)}"}
    elsewhere = TestClient(demo_app, client=("192.0.2.7", 50000), headers=headers)
    response = elsewhere.get("/")
    assert response.status_code == 401
    assert "Le Bihan" not in response.text
    assert elsewhere.post("/demo/agent", data={"agent": "ag-1"}).status_code == 404


def test_no_choice_outside_the_demo(claire: TestClient) -> None:
    """The route does not exist for real readers, and no bar shows."""
    assert claire.post("/demo/agent", data={"agent": "ag-4"}).status_code == 404
    assert "Démonstration" not in claire.get("/").text


def demo_with(app: FastAPI, *parts: object, **changed: object) -> TestClient:
    """A client of the demo with other services, from this machine."""
    services: Services = app.state.services
    own = {"Origin": "http://testserver"}
    changed_app = create_app(replace(services, **changed).with_parts(*parts))  # type: ignore[arg-type]
    return TestClient(changed_app, client=("127.0.0.1", 50000), headers=own, follow_redirects=False)


def test_the_bar_proposes_a_few_roles(demo_app: FastAPI) -> None:
    """Each with its story, without those who left or never were; no list of everybody."""
    people = (
        DemoPerson("ag-4", "Enquêtrice", "Elle lit une affaire."),
        DemoPerson("ag-3", "Parti", "Il est parti."),
        DemoPerson("ag-999", "Inconnu", "Il n'est pas là."),
    )
    page = demo_with(demo_app, demo_people=people).get("/accessibilite").text
    assert 'name="agent" value="ag-4"' in page
    assert "Elle lit une affaire." in page
    assert page.count('name="agent"') == 1
    assert not [one.name for one in AGENTS if one.id not in ("ag-4", "ag-5") and one.name in page]


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("iris", ["ag-4"]), ("secrete  Iris", ["ag-4"]), ("enquet", ["ag-4", "ag-6"]),
     ("mende", ["ag-5"]), ("Paul Ancien", []), ("xyz", []), ("?", [])],
)  # fmt: skip
def test_by_a_name(demo: TestClient, name: str, chosen: list[str]) -> None:
    """One fits: they are chosen. Several, or nobody in post: a page shows whom, and asks again."""
    said = {"name": name, "back": "/?q=incendie"}
    response = demo.post("/demo/agent", data=said)
    if len(chosen) == 1:
        assert (response.status_code, response.headers["location"]) == (303, "/?q=incendie")
        assert chosen[0] in response.headers["set-cookie"]
        return
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    shown = [one.id for one in AGENTS if f'name="agent" value="{one.id}"' in response.text]
    assert sorted(shown) == chosen
    assert 'name="back" value="/?q=incendie"' in response.text


SITE = "https://qui-sait.example"


def mailing(parts: Parts, folder: Path | None) -> Mailing:
    """Mail that is shown where a folder is given, else sent."""
    store, links = SqlMail(parts.engine, now, "x.test"), UnsubscribeLinks(b"k" * 32)
    shown = ShownMails(folder) if folder else None
    return Mailing(store, MailRules(SITE, "x.test"), links, shown=shown)


def with_mailing(services: Services, mail: Mailing) -> Services:
    features = (*services.features, mail_web(mail))
    return replace(services, features=features).with_parts(mail)


def mailing_demo(app: FastAPI, mail: Mailing) -> TestClient:
    """A client of the demo with mail, from this machine."""
    return demo_with(app, mail, features=with_mailing(app.state.services, mail).features)


def keep_mail(folder: Path, to: str, lead: str) -> None:
    content = MailContent(
        to, "Une question vous est posée", lead, (), "Votre choix.", f"{SITE}/courriels/x", SITE
    )
    queued = QueuedMail("a", "<a@x.test>", "ag-1", MailKind.ASKED, "q", now(), None, 0, "")
    message = written_message(content, queued, "qui-sait@x.test", "Qui sait ?", now())
    assert ShownMails(folder).send(message, lambda: True)
    assert not ShownMails(folder).send(message, lambda: False)


def test_everybody_reads_their_own_mails(demo_app: FastAPI, parts: Parts, tmp_path: Path) -> None:
    """The newest first, as text; what leads to the site leads here, on whatever port."""
    folder = tmp_path / "mails"
    client = mailing_demo(demo_app, mailing(parts, folder))
    client.cookies.set("quisait_demo_agent", "ag-1")
    assert 'class="card mail"' not in client.get("/demo/mails").text
    keep_mail(folder, "claire.le-bihan@finances.example", "Le premier. <b>")
    keep_mail(folder, "youssef.amrani@finances.example", "Celui d'un autre.")
    keep_mail(folder, "claire.le-bihan@finances.example", "Le second : https://ailleurs.example/")
    page = client.get("/demo/mails").text
    assert page.index("Le second") < page.index("Le premier. &lt;b&gt;")
    assert "Celui d" not in page
    assert 'href="/courriels/x"' in page
    assert 'href="https://ailleurs' not in page
    assert 'href="/demo/mails"' in client.get("/").text
    assert [path.stat().st_mode & 0o077 for path in folder.iterdir()] == [0, 0, 0]
    client.cookies.set("quisait_demo_agent", "ag-999")
    assert client.get("/demo/mails").status_code == 401


def test_no_mails_are_shown_in_a_real_installation(
    token_app: FastAPI, demo_app: FastAPI, parts: Parts, claire: TestClient, tmp_path: Path
) -> None:
    """Nor from elsewhere, nor in a demo that sends its mail."""
    folder = tmp_path / "mails"
    keep_mail(folder, "claire.le-bihan@finances.example", "Lu par personne.")
    real: Services = token_app.state.services
    own = TestClient(
        create_app(with_mailing(real, mailing(parts, folder))),
        headers=dict(claire.headers),
        client=("127.0.0.1", 50000),
    )
    assert own.get("/").status_code == 200
    assert own.get("/demo/mails").status_code == 404
    assert "/demo/mails" not in own.get("/").text
    sends = mailing_demo(demo_app, mailing(parts, None))
    assert sends.get("/demo/mails").status_code == 404
    assert "/demo/mails" not in sends.get("/").text
    shows = with_mailing(demo_app.state.services, mailing(parts, folder))
    elsewhere = TestClient(create_app(shows), client=("192.0.2.7", 50000))
    assert elsewhere.get("/demo/mails").status_code == 401


def test_a_taken_port_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the option for another one; a newcomer does not wait for a reading in vain."""
    for name in ("QUISAIT_FILE", "QUISAIT_SERVER__PORT"):  # which the command sets
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("QUISAIT_FOLDER", str(tmp_path / "demo"))
    monkeypatch.setenv("QUISAIT_PRIVACY__REGISTER_FILE", str(tmp_path / "registre.jsonl"))
    folder = Path(__file__).resolve().parents[2] / "demo"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = ["demo", "--folder", str(folder), "--port", port]
        result = CliRunner().invoke(command_line, said)
    assert result.exit_code == 1
    assert port in result.stderr
    assert "--port" in result.stderr
    assert result.stdout == ""
