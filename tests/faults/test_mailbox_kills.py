"""Readers of the mailbox killed at each step: an answer is neither lost nor given twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dovecot_server import PASSWORD, dovecot_server
from tests.faults import mailbox_reader
from tests.faults.mailbox_reader import POINTS
from tests.made_mails import ANSWER, BOX, reply
from tests.service.place import Place
from tests.smtp_server import smtp_server

pytestmark = [pytest.mark.trust, pytest.mark.slow]


def test_a_killed_reader_neither_loses_nor_doubles_an_answer(tmp_path: Path) -> None:
    """Killed at one step after the other with the same mail, then read to the end."""
    with smtp_server(tmp_path) as post, dovecot_server() as dovecot:
        settings = {
            "mail": post.settings,
            "mailbox": {
                "host": "127.0.0.1",
                "port": dovecot.tls_port,
                "user": BOX,
                "password": PASSWORD,
                "ca_file": str(dovecot.ca_file),
                "address": BOX,
            },
            "questions": {"enabled": True},
            "sign_on": {"address": "https://qui-sait.test"},
            "server": {"token_key": "k" * 32},
        }

        place = Place(tmp_path / "site", {})
        place.folder.mkdir()
        told = tmp_path / "told.json"

        def run(point: str = "") -> int:
            arguments = (str(place.folder), json.dumps(settings), point)
            return place.begun(*arguments, stdout=told, module=mailbox_reader.__name__).wait(120)

        assert run("ask") == 0
        (mail,) = post.handler.accepted
        dovecot.deliver(BOX, reply(mail).as_bytes())
        for point in POINTS:
            assert run(point) == -9, point
            left = 0 if point == "moved" else 1
            assert len(dovecot.mails(BOX)) == left, point
        assert run() == 0
        found: dict[str, Any] = json.loads(told.read_text("utf-8"))
        assert found == {"read": 0, "answers": [ANSWER]}
        assert len(dovecot.mails(BOX, "Traités")) == 1
        subjects = [str(one["Subject"]) for one in post.handler.accepted[1:]]
        assert sorted(subjects) == [
            "Qui sait ? Votre question a une réponse",
            "Qui sait ? Votre réponse est publiée",
        ]
