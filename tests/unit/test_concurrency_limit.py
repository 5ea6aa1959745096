"""One reader's requests wait for each other; other readers do not wait, and none is lost."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.limits import ConcurrencyLimiter, RequestKind, TooManyConcurrentRequests

pytestmark = pytest.mark.trust


def run(told: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: a browser of other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, told).result()


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class _Asking:
    """Requests that are worked on until they are let go."""

    def __init__(self, turns: ConcurrencyLimiter) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def ask(
        self, name: str, reader: str = "ag-1", work: RequestKind = RequestKind.QUESTION
    ) -> "asyncio.Task[None]":
        self.gates[name] = asyncio.Event()
        return asyncio.create_task(self._one(name, reader, work))

    async def _one(self, name: str, reader: str, work: RequestKind) -> None:
        async with self.turns.turn(work, reader):
            self.order.append(name)
            await self.gates[name].wait()


def test_the_third_waits_for_one_of_two_and_others_for_nobody() -> None:
    """In the order in which they came; another reader, and a suggestion, at once."""

    async def told() -> None:
        asking = _Asking(ConcurrencyLimiter(questions=2))
        tasks = [asking.ask(name) for name in "abcd"]
        await _settled()
        assert asking.order == ["a", "b"]
        tasks += [asking.ask("other", "ag-2"), asking.ask("suggest", work=RequestKind.OTHER)]
        await _settled()
        assert asking.order == ["a", "b", "other", "suggest"]
        asking.gates["b"].set()
        await _settled()
        assert asking.order[-1] == "c"
        for gate in asking.gates.values():
            gate.set()
        await asyncio.gather(*tasks)
        assert asking.order[-1] == "d"
        assert not asking.turns._queues

    run(told())


def test_who_waits_too_long_or_behind_too_many_is_refused() -> None:
    """The others keep their places, and the refused ones leave none behind."""

    async def told() -> None:
        asking = _Asking(ConcurrencyLimiter(questions=1, waiting=2, wait_s=0.05))
        first = asking.ask("first")
        await _settled()
        waiting = [asking.ask("second"), asking.ask("third")]
        await _settled()
        with pytest.raises(TooManyConcurrentRequests):
            await asking.ask("beyond")
        for one in waiting:
            with pytest.raises(TooManyConcurrentRequests):
                await one
        asking.gates["first"].set()
        await first
        assert asking.order == ["first"]
        assert not asking.turns._queues

    run(told())


def test_what_fails_or_is_given_up_hands_its_turn_on() -> None:
    """An error in a turn, and a request given up while it waits or works."""

    async def told() -> None:
        asking = _Asking(ConcurrencyLimiter(questions=1))
        with pytest.raises(ZeroDivisionError):
            async with asking.turns.turn(RequestKind.QUESTION, "ag-1"):
                raise ZeroDivisionError
        works, waits, last = (asking.ask(name) for name in ("works", "waits", "last"))
        await _settled()
        waits.cancel()
        works.cancel()
        await _settled()
        assert asking.order == ["works", "last"]
        asking.gates["last"].set()
        await last
        assert not asking.turns._queues

    run(told())


def test_without_a_bound_nobody_waits() -> None:
    """0 in the settings."""

    async def told() -> None:
        asking = _Asking(ConcurrencyLimiter(questions=0))
        tasks = [asking.ask(str(number)) for number in range(50)]
        await _settled()
        assert len(asking.order) == 50
        for task in tasks:
            task.cancel()

    run(told())


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=30),
    st.integers(1, 3),
)
def test_no_reader_has_more_than_their_own_at_once(
    asked: list[tuple[str, int, bool]], most: int
) -> None:
    """Whoever asks, fails, or gives up, in whatever order: all that is not given up is answered."""

    async def told() -> None:
        turns, running, greatest = (
            ConcurrencyLimiter(questions=most, waiting=100),
            Counter[str](),
            0,
        )
        answered = 0

        async def one(reader: str, steps: int) -> None:
            nonlocal greatest, answered
            async with turns.turn(RequestKind.QUESTION, reader):
                running[reader] += 1
                greatest = max(greatest, running[reader])
                try:
                    for _ in range(steps):
                        await asyncio.sleep(0)
                finally:
                    running[reader] -= 1
            answered += 1

        tasks = []
        for reader, steps, given_up in asked:
            tasks.append(asyncio.create_task(one(reader, steps)))
            await asyncio.sleep(0)
            if given_up:
                tasks[-1].cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert greatest <= most
        assert answered == sum(end is None for end in ends)
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
        assert not turns._queues

    run(told())
