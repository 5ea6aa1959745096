"""Senders of mail killed in the middle of a message: each reaches the server once, or is doubted.

The server is a real one, and ends the sender at points of a message that a seed chooses.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.mail_sender import MESSAGES
from tests.smtp_server import SmtpServer, smtp_server

pytestmark = [pytest.mark.trust, pytest.mark.slow]

POINTS = ("rcpt", "data", "kept")
"""Before the server may take it, while it does, and once it did and has not said so yet."""
KILLS = 6
LEASE_S = 600
"""Beyond what a dead sender had claimed it for."""


class Killer:
    """Ends the sender at the `number`-th time of a point, counted from when it was set."""

    def __init__(self) -> None:
        self.pid, self.point, self.left = 0, "", 0

    def __call__(self, point: str) -> bool:
        if point != self.point:
            return False
        self.left -= 1
        if self.left == 0:
            os.kill(self.pid, signal.SIGKILL)
        return self.left == 0


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_sender_sends_nothing_twice(tmp_path: Path, seed: int) -> None:
    """What it had not begun is sent by the next; what it had begun is listed as doubtful."""
    chance, killer = random.Random(seed), Killer()
    points = [*POINTS, *chance.choices(POINTS, k=KILLS - len(POINTS))]
    chance.shuffle(points)
    with smtp_server(tmp_path) as post:
        post.handler.at = killer
        with sender(tmp_path / "site", post) as process:
            assert process.stdout
            assert process.stdin
            assert process.stdout.readline() == "queued\n"
            statuses = []
            for point in [*points, ""]:
                killer.point, killer.left = "", 0
                process.stdin.write(f"{LEASE_S}\n")
                process.stdin.flush()
                killer.pid = int(process.stdout.readline())
                killer.left, killer.point = chance.randint(1, 2), point
                statuses.append(int(process.stdout.readline()))
            process.stdin.close()
            states = Counter(json.loads(process.stdout.readline()))
            assert process.wait(30) == 0
    killed = Counter(point for point, status in zip(points, statuses, strict=False) if status)
    taken = [str(one["Message-ID"]) for one in post.handler.accepted]
    assert statuses[-1] == 0
    assert sum(killed.values()) > KILLS / 2
    assert len(set(taken)) == len(taken) == MESSAGES - killed["data"]
    assert states == Counter(
        {"sent": MESSAGES - killed["data"] - killed["kept"]}
        | {"doubtful": killed["data"] + killed["kept"]}
    )


def sender(folder: Path, post: SmtpServer) -> "subprocess.Popen[str]":
    settings = {
        "mail": post.settings,
        "sign_on": {"address": "https://qui-sait.test"},
        "server": {"token_key": "k" * 32},
    }
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.mail_sender", str(folder), json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
