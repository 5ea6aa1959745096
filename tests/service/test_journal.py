"""The query journal through a real server and the real command; its own log stays silent."""

import time
from pathlib import Path
from threading import Event
from urllib.parse import urlencode

import pytest

from quisait.application.assembly import open_application
from quisait.application.locks import hold_source_lock
from quisait.settings import load_settings
from quisait.work.worker import JOURNAL, tasks_of
from search_api.identity.tokens import SignedTokens
from tests.journals import NINE, search
from tests.service.place import AGENTS, Place, make_place
from tests.service.running import Running, running

pytestmark = pytest.mark.trust

MORE = "".join(f"ag-{n},Prénom{n},Nomrare{n},,22,,,true\n" for n in range(4, 9))
SIX = [f"ag-{n}" for n in (1, 2, 4, 5, 6, 7)]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with six agents, read."""
    place = make_place(tmp_path_factory.mktemp("journal") / "place")
    (place.folder / "agents.csv").write_text(AGENTS + MORE, "utf-8")
    place.run("crawl")
    return place


def ask(server: Running, agent: str, path: str, **asked: str) -> None:
    bearer = f"Bearer {SignedTokens('k' * 32).make(agent, int(time.time()))}"
    answer = server.get(f"{path}?{urlencode(asked)}", server.pages, Authorization=bearer)
    assert answer.is_success


def test_what_is_asked_is_told_without_who(crawled: Place, tmp_path: Path) -> None:
    """From pages and API to the report, and nothing of it in the log; then it is purged."""
    # A long period: the day may change while this runs.
    place = crawled.copied(
        tmp_path / "place", QUISAIT_JOURNAL__ENABLED="true", QUISAIT_JOURNAL__PERIOD_DAYS="31"
    )
    with running(place, "--no-crawl") as server:
        for agent in SIX:
            ask(server, agent, "/api/v1/search", q="Xylophone Inavouable")
        for agent in SIX[:5]:
            ask(server, agent, "/", q="bornage")
            ask(server, agent, "/experts", q="bornage des parcelles")
            ask(server, agent, "/api/v1/search", q="dossier Amrani")
            ask(server, agent, "/api/v1/experts", q="formulaire 2042")
        for agent in SIX[:4]:
            ask(server, agent, "/", q="hippocampe secret")
        status = server.stop()
        assert status == 0
    log = server.journal.read_text("utf-8").lower()
    assert not [word for word in ("xylophone", "amrani", "hippocampe", "bornage") if word in log]

    report = place.json("journal")
    frequent = {(one["text"], one["asked_for"]): one["askings"] for one in report["frequent"]}
    assert frequent == {
        ("xylophone inavouable", "search"): 6,
        ("bornage", "search"): 5,
        ("bornage des parcelles", "experts"): 5,
    }
    assert report["hidden"]["queries"] == 3
    assert report["hidden"]["askings"] == 5 + 5 + 4
    audited = [one["reading"] for one in place.json("audit")["readings"]]
    assert "quisait journal" in audited
    told = place.run("journal").stdout
    assert "xylophone inavouable" in told
    assert "Cachées : 3 questions" in told
    assert "Amrani" not in told
    state = (place.folder / ".quisait/state.sqlite").read_bytes()
    assert b"hippocampe" not in state
    assert b"formulaire" not in state
    assert "Journal effacé" in place.run("journal", "purge").stdout
    assert place.json("journal")["askings"] == 0


def test_it_is_off_until_somebody_wants_it(crawled: Place) -> None:
    """By default nothing is kept, and the report says why it is empty."""
    with running(crawled, "--no-crawl") as server:
        for agent in SIX:
            ask(server, agent, "/", q="bornage")
        server.stop()
    assert crawled.json("journal")["askings"] == 0
    assert "éteint" in crawled.run("journal").stdout


def test_a_worker_closes_what_nobody_asks_about_any_more(
    crawled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the journal was switched off meanwhile; then there is no such task left."""
    place = crawled.copied(tmp_path / "place")
    place.enter(monkeypatch)
    with open_application(load_settings()) as application:
        assert JOURNAL not in [task.name for task in tasks_of(application)]
        application.journal.write(search("ag-1", "hippocampe"), NINE)
        (task,) = (task for task in tasks_of(application) if task.name == JOURNAL)
        with hold_source_lock(application.locks, task.name) as held:
            task.work(held, Event())
        assert not application.journal.is_kept(), "counts of that age are forgotten too"
        assert JOURNAL not in [one.name for one in tasks_of(application)]
