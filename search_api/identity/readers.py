"""From an agent's id to a reader with principals: the directory's, then each authority's.

`reader_of` gives what the directory says. `Authorities.complete` adds what every authority
vouches for, asked in parallel and with a time limit. An authority that does not answer in time,
fails, or vouches for a principal that is not its own is *unanswered*: what it governs is closed,
whether it lets in or shuts out (`indexer.access`).
"""

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Protocol

from connectors.values import (
    EVERYONE,
    RESERVED_AUTHORITIES,
    Agent,
    account_principal,
    authority_of,
    normalize_principals,
)
from indexer.access import NOBODY, Reader


class ReaderDirectory(Protocol):
    """What is asked of the directory about one agent."""

    def agent(self, agent_id: str) -> Agent | None:
        """The agent, or None where there is no such id."""
        ...

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """The principals of the agent's groups."""
        ...

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        """The agent's accounts, each `source:name`, as the directory gives them."""
        ...


def reader_of(agent_id: str | None, agents: ReaderDirectory, today: date) -> Reader:
    """The reader that an agent is today; an unknown or departed one reads nothing.

    An account that the directory gives to the agent is a principal of theirs too.
    """
    agent = agents.agent(agent_id) if agent_id else None
    if agent is None or agent.departed(today):
        return NOBODY
    own = {EVERYONE, f"agent:{agent.id}"}
    own |= {account_principal(account) for account in agents.accounts_of(agent.id)}
    return Reader(agent.id, frozenset(own | agents.groups_of(agent.id)))


MAX_CONCURRENT_CALLS = 4
"""So many questions to one authority at once."""
MAX_PENDING_CALLS = 64
"""Beyond so many questions under way, nobody joins the queue: it would be too late for them."""
MAX_CACHED_ANSWERS = 50_000
"""Answers remembered; the oldest are forgotten first."""


class ForeignPrincipal(Exception):
    """An authority vouched for a principal that is not its own: nothing of it is believed."""


@dataclass(frozen=True, slots=True)
class AuthorityLimits:
    """How authorities are asked. All in seconds.

    An answer is believed for `fresh_s` from when it was asked for. A reader waits at most
    `wait_s`. After `failures` in a row an authority is left alone for `rest_s`; then one
    question tells whether it is back.
    """

    fresh_s: float = 60.0
    wait_s: float = 2.0
    failures: int = 3
    rest_s: float = 30.0


class AuthorityPort(Protocol):
    """The authority, as its desk asks it; see `authorities.Authority`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """What an agent is for it."""
        ...


AgentAccounts = tuple[str, frozenset[str]]


class AuthorityClient:
    """The questions to one authority."""

    def __init__(
        self, authority: AuthorityPort, patience: AuthorityLimits, clock_s: Callable[[], float]
    ) -> None:
        self._authority, self._patience, self._clock_s = authority, patience, clock_s
        self._pool = ThreadPoolExecutor(
            MAX_CONCURRENT_CALLS, thread_name_prefix=f"authority-{self.name}"
        )
        self._lock = Lock()
        self._kept: dict[AgentAccounts, tuple[float, frozenset[str]]] = {}
        self._flying: dict[AgentAccounts, Future[frozenset[str]]] = {}
        self._age, self._failures, self._rests_until_s = 0, 0, 0.0

    @property
    def name(self) -> str:
        """The authority's."""
        return self._authority.name

    def ask(self, agent_id: str, accounts: frozenset[str]) -> Future[frozenset[str]] | None:
        """The answer, at once or to come; None where the authority is not to be asked now."""
        identity, now_s = (agent_id, accounts), self._clock_s()
        with self._lock:
            asked_s, known = self._kept.get(identity, (float("-inf"), frozenset()))
            if now_s - asked_s < self._patience.fresh_s:
                done: Future[frozenset[str]] = Future()
                done.set_result(known)
                return done
            if identity in self._flying:
                return self._flying[identity]
            if len(self._flying) >= MAX_PENDING_CALLS or not self._may_ask(now_s):
                return None
            flying = self._pool.submit(self._answer, identity, now_s, self._age)
            self._flying[identity] = flying
        flying.add_done_callback(lambda _: self._landed(identity, flying))
        return flying

    def failed(self) -> None:
        """It did not answer, or not in time."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._patience.failures:
                self._rests_until_s = self._clock_s() + self._patience.rest_s

    def forget(self) -> None:
        """Remember nothing, not even an answer that is under way."""
        with self._lock:
            self._age += 1
            self._kept.clear()
            self._flying.clear()

    def close(self) -> None:
        """Ask nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _may_ask(self, now_s: float) -> bool:
        if self._failures < self._patience.failures:
            return True
        if now_s < self._rests_until_s:
            return False
        # One question at a time tells whether it is back.
        self._rests_until_s = now_s + self._patience.rest_s
        return True

    def _answer(self, identity: AgentAccounts, asked_s: float, age: int) -> frozenset[str]:
        try:
            found = normalize_principals(self._authority.principals(*identity))
            if any(authority_of(one) != self.name for one in found):
                raise ForeignPrincipal
        except Exception:
            self.failed()
            raise
        with self._lock:
            self._failures = 0
            if age == self._age:
                self._kept.pop(identity, None)
                self._kept[identity] = (asked_s, found)
                while len(self._kept) > MAX_CACHED_ANSWERS:
                    del self._kept[next(iter(self._kept))]
        return found

    def _landed(self, identity: AgentAccounts, flying: Future[frozenset[str]]) -> None:
        with self._lock:
            if self._flying.get(identity) is flying:
                del self._flying[identity]


log = logging.getLogger(__name__)


class Authority(Protocol):
    """Who vouches for the principals that begin with its name."""

    @property
    def name(self) -> str:
        """The authority: what stands before the first colon of its principals."""
        ...

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """What an agent is for this authority, by their id or their accounts (`source:name`).

        Raises `SourceError` where it cannot tell. It gives up by itself in a bounded time.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoSilentAuthority:
    """Every authority that is known without being asked is believed."""

    def __call__(self) -> frozenset[str]:
        """None of them."""
        return frozenset()


class Authorities:
    """All that is asked about a reader, at once and for at most `patience.wait_s`.

    `stamp` changes when the directory was read again: what was answered before is forgotten
    then. `silent` names authorities that are known, without being asked, not to answer.
    """

    def __init__(
        self,
        authorities: Sequence[Authority] = (),
        agents: ReaderDirectory | None = None,
        patience: AuthorityLimits | None = None,
        stamp: Callable[[], Hashable] = lambda: None,
        silent: Callable[[], frozenset[str]] = NoSilentAuthority(),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        names = [one.name for one in authorities]
        if len(set(names)) < len(names) or RESERVED_AUTHORITIES.intersection(names):
            raise ValueError("Deux sources de droits portent le même nom, ou un nom réservé.")
        self._agents, self._patience = agents, patience or AuthorityLimits()
        self._stamp, self._silent, self._clock_s = stamp, silent, clock_s
        self._desks = [AuthorityClient(one, self._patience, clock_s) for one in authorities]
        self._stamped: Hashable = None

    def complete(self, reader: Reader) -> Reader:
        """The reader with what every authority says of them, and which did not answer."""
        if reader.agent_id is None or self._agents is None:
            return reader
        self._forget_if_read_again()
        accounts = self._agents.accounts_of(reader.agent_id)
        answers, unanswered = self._asked(reader.agent_id, accounts)
        said = frozenset().union(*answers.values())
        own = frozenset(map(account_principal, accounts))
        # Of the directory's own groups one may bear another authority's name: believed where
        # that one says it too; otherwise neither is, for one of them may shut out.
        contested = {authority_of(one) for one in reader.principals - own - said} & answers.keys()
        unanswered |= reader.unanswered | self._silent() | contested
        sure = {one for one in reader.principals | said if authority_of(one) not in unanswered}
        return replace(reader, principals=frozenset(sure), unanswered=frozenset(unanswered))

    def forget(self) -> None:
        """Ask everything anew."""
        for desk in self._desks:
            desk.forget()

    def close(self) -> None:
        """Wait for nobody any more."""
        for desk in self._desks:
            desk.close()

    def _forget_if_read_again(self) -> None:
        stamp = self._stamp()
        if stamp != self._stamped:
            self._stamped = stamp
            self.forget()

    def _asked(
        self, agent_id: str, accounts: frozenset[str]
    ) -> tuple[dict[str, frozenset[str]], set[str]]:
        """Each authority's answer by its name, and those that gave none."""
        until_s = self._clock_s() + self._patience.wait_s
        asked = [(desk, desk.ask(agent_id, accounts)) for desk in self._desks]
        answers: dict[str, frozenset[str]] = {}
        unanswered = set()
        for desk, answer in asked:
            found = self._in_time(desk, answer, until_s)
            if found is None:
                unanswered.add(desk.name)
            else:
                answers[desk.name] = found
        return answers, unanswered

    def _in_time(
        self, desk: AuthorityClient, answer: Future[frozenset[str]] | None, until_s: float
    ) -> frozenset[str] | None:
        if answer is None:
            return None
        try:
            return answer.result(max(0.0, until_s - self._clock_s()))
        except TooLate:
            desk.failed()
            log.warning("authority too late", extra={"authority": desk.name})
        except Exception as error:  # noqa: BLE001 - whatever fails there, nothing is believed
            fields = {"authority": desk.name, "error": type(error).__name__}
            log.warning("authority did not answer", extra=fields)
        return None


NO_AUTHORITIES = Authorities()
