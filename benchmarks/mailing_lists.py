"""What each way into a HyperKitty costs, and a whole reading: `python -m benchmarks.mailing_lists`.

On the Mailman and HyperKitty of the tests, with SQLite, on this machine.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from email.message import EmailMessage
from pathlib import Path

from quisait_lists.hyperkitty import open_hyperkitty
from quisait_lists.hyperkitty_options import HyperkittyOptions

from connectors.installed import SourcePlace
from connectors.ports import Change, Checkpoint, Upsert
from connectors.values import Access
from tests.hyperkitty_server import CORE_PASSWORD, PASSWORD, READER, ensure_hyperkitty

THREADS, IN_A_THREAD, ROUNDS = 100, 4, 3
ASKED = 40
"""Mails and threads that are asked for one by one."""


def main() -> None:
    """The best of a few rounds: other work on the machine is not the server's."""
    server = ensure_hyperkitty()
    name = server.new_list("private")
    for number in range(THREADS * IN_A_THREAD):
        server.archive(name, _mail(number))
    mails = THREADS * IN_A_THREAD
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "core").write_text(CORE_PASSWORD, "utf-8")
        options = HyperkittyOptions.model_validate(
            {
                "url": server.url,
                "user": READER,
                "core_url": server.core_url,
                "core_password_file": "core",
                "rate_per_s": 100,
                "lists": {name: {}},
            }
        )
        place = SourcePlace("l", Path(folder), Access(frozenset({"everyone"})), lambda: PASSWORD)
        connector = open_hyperkitty(place, options)
        client = connector.opened().client
        listed = client.mails(name)
        hashes = [one.hash for one in listed[:ASKED]]
        threads = sorted({one.thread for one in listed})[:ASKED]
        ways: list[tuple[str, int, Callable[[], object]]] = [
            ("listed by REST", mails, lambda: client.mails(name)),
            ("votes by REST", mails, lambda: client.voted_threads(name)),
            ("text by REST", ASKED, lambda: [client.likes(name, one) for one in hashes]),
            ("export by mail", ASKED, lambda: [client.exported(name, message=m) for m in hashes]),
            (
                "export by thread",
                ASKED * IN_A_THREAD,
                lambda: [client.exported(name, thread=t) for t in threads],
            ),
            ("whole export", mails, lambda: client.exported(name)),
        ]
        for way, count, ask in ways:
            print(f"{way:>16}: {_best(ask) / count * 1000:5.1f} ms a mail", flush=True)
        changes: list[Change] = []
        first = _best(lambda: _kept(changes, connector.changes(None)))
        (*_, last) = (one.cursor for one in changes if isinstance(one, Checkpoint))
        threads_read = sum(isinstance(one, Upsert) for one in changes)
        again = _best(lambda: list(connector.changes(last)))
        print(f"first reading: {threads_read / first:.0f} documents/s, {mails / first:.0f} mails/s")
        print(f"unchanged list: {again:.2f} s; cursor: {len(last)} bytes")


def _mail(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Jeanne <jeanne@exemple.fr>"
    message["Subject"] = f"Point {number // IN_A_THREAD}"
    message["Message-ID"] = f"<m{number}@exemple.fr>"
    message["Date"] = f"Mon, 02 Mar 2026 10:{number // 60:02}:{number % 60:02} +0100"
    if number % IN_A_THREAD:
        message["In-Reply-To"] = f"<m{number - number % IN_A_THREAD}@exemple.fr>"
    message.set_content(f"Le texte du point {number}, tel qu'il fut dit. " * 30)
    return message


def _best(ask: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _kept(changes: list[Change], found: Iterable[Change]) -> None:
    changes[:] = found


if __name__ == "__main__":
    main()
