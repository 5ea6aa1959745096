"""Senders of mail that may be killed: `python -m tests.faults.mail_sender FOLDER SETTINGS`.

It queues `MESSAGES` messages, and says so by a line of its output. For each line of its input a
child sends what is in the queue, with a clock so many seconds later; the child's process id is a
line of the output, and so is its exit status. At the end of the input it prints the queue's states.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

from quisait_mail.sending import send_queue
from quisait_mail.storage import Mailing
from quisait_mail.values import MailPreferences

from quisait.settings import Settings
from search_api.context import required
from search_api.questions.values import AgentRequest, AskedQuestion, RequestState
from tests.pages.asking_site import ASKER, MAPPER, AskingSite, asking_site

MESSAGES = 16


def queue_messages(site: AskingSite) -> None:
    """Queue mails about `MESSAGES` questions to an agent who wants a mail for each."""
    store, begun = required(site.services.part(Mailing)).store, site.clock()
    store.choose(MAPPER, MailPreferences(asked=True))
    for number in range(MESSAGES):
        id_ = f"{number:032x}"
        question = AskedQuestion(id_, ASKER, f"Question {number} ?", "", begun, begun)
        assert site.questions.ask(question, MESSAGES, begun - timedelta(days=1))
        until = begun + timedelta(days=3)
        request = AgentRequest(id_, MAPPER, RequestState.WAITING, begun, until)
        assert site.questions.requests.add(request, MESSAGES, begun - timedelta(days=7))
    assert store.queue_due() == MESSAGES


def child(site: AskingSite, settings: Settings) -> int:
    pid = os.fork()
    if pid:
        return pid
    site.engine.dispose(close=False)
    status = 1
    try:
        send_queue(site.services, settings, Event())
        status = 0
    finally:
        os._exit(status)


def tell(said: object) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


def main(folder: Path, written: str) -> None:
    settings = Settings.model_validate(json.loads(written))
    with asking_site(folder) as site:
        queue_messages(site)
        site.engine.dispose()
        tell("queued")
        for line in sys.stdin:
            site.clock.now += timedelta(seconds=float(line))
            pid = child(site, settings)
            tell(pid)
            _, status = os.waitpid(pid, 0)
            tell(os.waitstatus_to_exitcode(status))
        store = required(site.services.part(Mailing)).store
        store.claim()  # what a dead one was sending becomes doubtful
        states = {state.value: n for state, n in store.counts().states.items()}
        tell(json.dumps(states))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
