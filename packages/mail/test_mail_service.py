"""Mail in the assembled application: the commands, the worker's step, the check and the desk."""

import re
from email.message import EmailMessage
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from quisait_mail.feature import MAIL
from quisait_mail.sending import mail_state, open_mailing
from quisait_mail.values import NO_MAIL
from quisait_mailbox.feature import MAILBOX

from quisait.application.assembly import open_application
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.settings import FILE_VARIABLE, load_settings
from quisait.work.administration import ApplicationAdministration
from quisait.work.backup import back_up
from quisait.work.crawl import read_directory
from quisait.work.restore import restore
from quisait.work.worker import tasks_of
from search_api.query_log.recording import NoQueryLog
from tests.dovecot_server import PASSWORD, DovecotServer, dovecot_server
from tests.service.place import AGENTS, Place, make_place
from tests.smtp_server import SmtpServer, smtp_server

pytestmark = [pytest.mark.trust, pytest.mark.sources]

SITE, BOX = "https://qui-sait.test", "reponses@finances.test"
CHECKS = ("courriel", "boîte des réponses")


def with_mail(folder: Path, post: SmtpServer, dovecot: DovecotServer) -> Place:
    """The small administration, whose agents have an address, and its mailbox."""
    mail = {f"QUISAIT_MAIL__{name.upper()}": str(value) for name, value in post.settings.items()}
    box = {"host": "127.0.0.1", "port": dovecot.tls_port, "user": BOX, "address": BOX}
    box |= {"password": PASSWORD, "ca_file": dovecot.ca_file}
    mail |= {f"QUISAIT_MAILBOX__{name.upper()}": str(value) for name, value in box.items()}
    made = make_place(
        folder,
        QUISAIT_QUESTIONS__ENABLED="true",
        QUISAIT_SIGN_ON__ADDRESS=SITE,
        **mail,
    )
    head, *rows = AGENTS.splitlines()
    with_address = [f"{head},email", *(f"{row},{row[:4]}@agents.test" for row in rows)]
    (folder / "agents.csv").write_text("\n".join(with_address) + "\n", "utf-8")
    return made


def test_the_commands_send_and_say_so_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked and told, once; a restored backup without its register tells nobody anything."""
    with smtp_server(tmp_path) as post, dovecot_server() as dovecot:
        place = with_mail(tmp_path / "place", post, dovecot)
        place.enter(monkeypatch)
        with open_application(load_settings()) as application:
            read_directory(application)
            assert {MAIL, MAILBOX} <= {one.name for one in tasks_of(application)}
            token = tokens_of(application.settings).make("ag-1", now_s())
            headers = {"Authorization": f"Bearer {token}"}
            client = TestClient(
                app_of(application, NoQueryLog()), "http://localhost", headers=headers
            )
            chosen = client.post("/api/v1/mail/preferences", json={"asked": True})
            assert chosen.status_code == 204, chosen.text
            other = tokens_of(application.settings).make("ag-2", now_s())
            asked = client.post(
                "/api/v1/questions",
                json={"title": "Où est la borne ?", "to": "ag-1"},
                headers={"Authorization": f"Bearer {other}"},
            )
            assert asked.status_code == 200, asked.text
        done = place.run("mail", "send")
        assert "Mis en attente : 1, envoyés : 1." in done.stdout
        assert [str(one["To"]) for one in post.handler.accepted] == ["ag-1@agents.test"]
        assert "envoyés : 0" in place.run("mail", "send").stdout
        status = place.run("mail", "status")
        assert "envoyés en trente jours : 1" in status.stdout
        assert "ag-1" not in done.stderr + status.stdout + status.stderr
        place.run("mail", "resend")
        with open_application(load_settings()) as application:
            parts = {one.name: one for one in ApplicationAdministration(application)().parts}
            assert parts["Courriel"].well
            back_up(application, tmp_path / "backup")
        answer = EmailMessage()
        answer["From"], answer["Subject"] = "ag-1@agents.test", "Re: une question"
        answer["To"] = str(post.handler.accepted[0]["Reply-To"])
        answer.set_content("Au pied du mur.")
        dovecot.deliver(BOX, answer.as_bytes())
        lines = [one for one in place.json("check") if one["name"] in CHECKS]
        assert [one["passed"] for one in lines] == [True, True], lines
        read = place.run("mail", "receive")
        assert re.findall(r"\d+", read.stdout) == ["1", "1"]
        assert "ag-1" not in read.stdout + read.stderr
        assert "Aucun courriel n'attendait." in place.run("mail", "receive").stdout
    restored = Place(tmp_path / "restored", place.environment)
    restored.folder.mkdir()
    for name in ("quisait.toml", "agents.csv", "groupes.csv"):
        (restored.folder / name).write_bytes((place.folder / name).read_bytes())
    monkeypatch.setenv(FILE_VARIABLE, str(restored.folder / "quisait.toml"))
    restore(load_settings(), tmp_path / "backup", register_lost=True)
    with open_application(load_settings()) as application:
        assert "envoyés en trente jours : 0" in mail_state(application)
        mailing = open_mailing(application)
        assert mailing
        assert {mailing.store.preferences(one) for one in ("ag-1", "ag-2")} == {NO_MAIL}
