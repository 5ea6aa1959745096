"""One reader's requests, however many, never prevent answers to other readers."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from fastapi.testclient import TestClient

from indexer.values import Vectors
from search_api.administration import health
from search_api.app import Services, create_app
from search_api.engine import Search
from search_api.limits import MAX_QUESTIONS, MAX_WAITING, ConcurrencyLimiter
from tests.pages.administration import TODAY, WordEncoder
from tests.pages.conftest import NOW_S, TOKENS, Parts, served, token_readers
from tests.service.running import wait_until

pytestmark = [pytest.mark.pages, pytest.mark.trust]

THREADS = 40
"""Of the pool in which routes run (anyio's default)."""
CUT = "Seul son début a été lu"
TOO_MANY = "Vos demandes précédentes sont encore en cours"


class WatchedEncoder(WordEncoder):
    """Notes what it encodes; a question with «lente» takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.let_go = threading.Event()
        self.slow = 0
        self.most_slow = 0
        self._lock = threading.Lock()

    def queries(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        if any("lente" in text for text in texts):
            with self._lock:
                self.slow += 1
                self.most_slow = max(self.most_slow, self.slow)
            assert self.let_go.wait(60)
            with self._lock:
                self.slow -= 1
        return super().queries(texts)

    def beginning(self, text: str) -> str:
        return " ".join(text.split()[:20])


@pytest.fixture
def encoder() -> Iterator[WatchedEncoder]:
    watched = WatchedEncoder()
    yield watched
    watched.let_go.set()


def services(parts: Parts, encoder: WatchedEncoder, at_once: ConcurrencyLimiter) -> Services:
    search = Search(parts.index, encoder, parts.book)
    readers = token_readers(parts.book)
    return Services(
        search, parts.book, reader_of=readers, today=lambda: TODAY, concurrency_limiter=at_once
    )


def _named(agent: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.make(agent, NOW_S)}"}


class Asking:
    """A real server, asked over one connection for each request."""

    def __init__(self, address: str, threads: ThreadPoolExecutor) -> None:
        self._address, self._threads = address, threads

    def get(self, path: str, agent: str = "", timeout_s: float = 60) -> httpx.Response:
        headers = _named(agent) if agent else {}
        url = f"{self._address}{path}"
        return httpx.get(url, headers=headers, trust_env=False, timeout=timeout_s)

    def at_once(self, path: str, agent: str, times: int) -> list["Future[httpx.Response]"]:
        return [self._threads.submit(self.get, path, agent) for _ in range(times)]


@contextmanager
def asked(
    parts: Parts, encoder: WatchedEncoder, at_once: ConcurrencyLimiter | None = None
) -> Iterator[Asking]:
    with ExitStack() as stack:
        app = create_app(services(parts, encoder, at_once or ConcurrencyLimiter()))
        address = stack.enter_context(served(app))
        threads = stack.enter_context(ThreadPoolExecutor(THREADS * 2))
        stack.callback(encoder.let_go.set)
        yield Asking(address, threads)


@pytest.mark.parametrize(
    "path",
    ["/?q=dégrèvement+taxe+foncière", "/experts?q=dégrèvement+taxe+foncière",
     "/api/v1/search?q=dégrèvement+taxe+foncière", "/api/v1/experts?q=dégrèvement+taxe+foncière",
     "/?q=dégrèvement+taxe+foncière&page=2&source=wiki"],
)  # fmt: skip
def test_a_page_encodes_its_question_once(parts: Parts, encoder: WatchedEncoder, path: str) -> None:
    """For the documents and for who knows: one question, one vector."""
    client = TestClient(
        create_app(services(parts, encoder, ConcurrencyLimiter())), headers=_named("ag-5")
    )
    answer = client.get(path)
    assert answer.status_code == 200
    if "page=2" not in path and "search" not in path:
        assert "Claire" in answer.text
    assert encoder.asked == ["dégrèvement taxe foncière"]
    client.get(path)
    assert len(encoder.asked) == 2, "what one request asked is not remembered for the next"


def test_the_page_says_when_only_a_beginning_was_encoded(
    parts: Parts, encoder: WatchedEncoder
) -> None:
    """As it does where words were left out; page and API alike."""
    client = TestClient(
        create_app(services(parts, encoder, ConcurrencyLimiter())), headers=_named("ag-5")
    )
    for words, cut in ((20, False), (21, True)):
        typed = " ".join(["taxe foncière"] * (words // 2) + ["incendie"] * (words % 2))
        assert (CUT in client.get("/", params={"q": typed}).text) == cut
        assert client.get("/api/v1/search", params={"q": typed}).json()["shortened"] == cut


def test_many_connections_of_one_reader_hold_up_nobody_else(
    parts: Parts, encoder: WatchedEncoder
) -> None:
    """Two of their questions are under way, some wait, the others are refused in French."""
    with asked(parts, encoder) as asking:
        slow = asking.at_once("/?q=lente", "ag-1", THREADS + 20)
        refused = THREADS + 20 - MAX_QUESTIONS - MAX_WAITING
        wait_until(
            lambda: sum(one.done() for one in slow) == refused and encoder.slow == MAX_QUESTIONS
        )
        assert asking.get("/?q=incendie", "ag-5").status_code == 200
        assert asking.get("/api/v1/experts?q=incendie", "ag-5").status_code == 200
        assert asking.get("/api/v1/suggest?q=inc", "ag-1").status_code == 200
        assert asking.get("/health/ready").json() == {"status": "ok"}
        encoder.let_go.set()
        answers = [one.result() for one in slow]
    assert Counter(one.status_code for one in answers) == {
        200: MAX_QUESTIONS + MAX_WAITING,
        429: refused,
    }
    assert encoder.most_slow == MAX_QUESTIONS
    one = next(answer for answer in answers if answer.status_code == 429)
    assert TOO_MANY in one.text
    assert 0 < int(one.headers["retry-after"]) < 60


def test_a_dozen_tabs_opened_at_once_are_all_answered(
    parts: Parts, encoder: WatchedEncoder
) -> None:
    """They wait for their turn; a refusal is not for who reads what they ask for."""
    with asked(parts, encoder) as asking:
        tabs = asking.at_once("/?q=incendie", "ag-5", 2 + MAX_WAITING)
        assert {one.result().status_code for one in tabs} == {200}


def test_who_waits_too_long_is_told_so_as_a_problem(parts: Parts, encoder: WatchedEncoder) -> None:
    """A program gets a code, a French sentence and how long to wait."""
    with asked(parts, encoder, ConcurrencyLimiter(wait_s=0.2)) as asking:
        slow = asking.at_once("/api/v1/search?q=lente", "ag-1", MAX_QUESTIONS)
        wait_until(lambda: encoder.slow == MAX_QUESTIONS)
        late = asking.get("/api/v1/search?q=incendie", "ag-1")
        assert late.status_code == 429
        assert late.headers["content-type"].startswith("application/problem+json")
        assert TOO_MANY in late.json()["detail"]
        assert late.json()["code"] == "too_many_at_once"
        encoder.let_go.set()
        assert {one.result().status_code for one in slow} == {200}
        assert asking.get("/api/v1/search?q=incendie", "ag-1").status_code == 200


def test_health_answers_while_every_thread_is_at_work(
    parts: Parts, encoder: WatchedEncoder
) -> None:
    """Without a bound on readers: a busy service is not to be restarted."""
    with asked(parts, encoder, ConcurrencyLimiter(questions=0)) as asking:
        asking.at_once("/?q=lente", "ag-1", THREADS + 5)
        wait_until(lambda: encoder.slow == THREADS)
        # In much less than the time after which a slow question gives up its thread.
        assert asking.get("/health/live", timeout_s=20).json() == {"status": "ok"}
        assert asking.get("/health/ready", timeout_s=20).json() == {"status": "ok"}
        assert encoder.slow == THREADS


def test_a_part_that_does_not_answer_is_asked_by_one_thread_alone(
    parts: Parts, encoder: WatchedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks meanwhile is told 503 in time; once it answers, all is well again."""
    let_go, asked_times = threading.Event(), []

    def stuck(_services: Services) -> None:
        asked_times.append(1)
        assert let_go.wait(60)

    monkeypatch.setattr(health, "_index", stuck)
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.2)
    with asked(parts, encoder) as asking:
        for _ in range(3):
            answer = asking.get("/health/ready")
            assert answer.status_code == 503
            assert answer.json()["index"] == "unreachable"
            assert answer.json()["database"] == "ok"
        assert len(asked_times) == 1
        let_go.set()
        wait_until(lambda: asking.get("/health/ready").status_code == 200)
