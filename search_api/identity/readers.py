"""From an agent's id to a reader with principals: the directory's, then each authority's.

`reader_of` gives what the directory says. `Authorities.complete` adds what every authority
returns, called in parallel and with a time limit. An authority that does not answer in time,
fails, or returns a principal that is not its own is *unanswered*: what it governs is closed,
whether it lets in or shuts out (`indexer.access`).
"""

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Protocol

from connectors.values import (
    APPLICATION_AUTHORITY,
    EVERYONE,
    RESERVED_AUTHORITIES,
    Agent,
    account_principal,
    authority_of,
    normalize_principals,
)
from indexer.access import NOBODY, Reader

log = logging.getLogger(__name__)


class ReaderDirectory(Protocol):
    """The agents of the directory, with their groups and accounts."""

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
"""Calls to one authority at the same time."""
MAX_PENDING_CALLS = 64
"""Calls that run or wait; beyond them a call is not made, since it would be answered too late."""
MAX_CACHED_ANSWERS = 50_000
"""Cached answers of one authority; the oldest are dropped first."""


class ForeignPrincipal(Exception):
    """An authority returned a principal that is not its own: its whole answer is rejected."""


@dataclass(frozen=True, slots=True)
class AuthorityLimits:
    """Timeouts and caching of calls to authorities. Times are in seconds.

    An answer is cached for `fresh_s` from when the call was made. A reader waits at most
    `wait_s`. After `failures` in a row an authority is not called for `rest_s`; then one call
    at a time shows whether it is back.
    """

    fresh_s: float = 60.0
    wait_s: float = 2.0
    failures: int = 3
    rest_s: float = 30.0


class Authority(Protocol):
    """A source of principals: those that begin with its name."""

    @property
    def name(self) -> str:
        """The authority: what stands before the first colon of its principals."""
        ...

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """An agent's principals of this authority, by their id or accounts (`source:name`).

        Raises `SourceError` where it cannot tell. It has a timeout of its own.
        """
        ...


AgentAccounts = tuple[str, frozenset[str]]


class AuthorityClient:
    """Calls to one authority: cached, in parallel, and stopped for a while after failures."""

    def __init__(
        self, authority: Authority, limits: AuthorityLimits, clock_s: Callable[[], float]
    ) -> None:
        self._authority, self._limits, self._clock_s = authority, limits, clock_s
        self._pool = ThreadPoolExecutor(
            MAX_CONCURRENT_CALLS, thread_name_prefix=f"authority-{self.name}"
        )
        self._lock = Lock()
        self._cached: dict[AgentAccounts, tuple[float, frozenset[str]]] = {}
        self._pending: dict[AgentAccounts, Future[frozenset[str]]] = {}
        self._generation, self._failures, self._paused_until_s = 0, 0, 0.0

    @property
    def name(self) -> str:
        """The authority's name."""
        return self._authority.name

    def ask(self, agent_id: str, accounts: frozenset[str]) -> Future[frozenset[str]] | None:
        """The answer, cached or to come; None where the authority is not to be called now."""
        identity, now_s = (agent_id, accounts), self._clock_s()
        with self._lock:
            called_s, known = self._cached.get(identity, (float("-inf"), frozenset()))
            if now_s - called_s < self._limits.fresh_s:
                done: Future[frozenset[str]] = Future()
                done.set_result(known)
                return done
            if identity in self._pending:
                return self._pending[identity]
            if len(self._pending) >= MAX_PENDING_CALLS or not self._may_call(now_s):
                return None
            pending = self._pool.submit(self._answer, identity, now_s, self._generation)
            self._pending[identity] = pending
        pending.add_done_callback(lambda _: self._finished(identity, pending))
        return pending

    def failed(self) -> None:
        """Count a call that failed or came too late."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._limits.failures:
                self._paused_until_s = self._clock_s() + self._limits.rest_s

    def forget(self) -> None:
        """Drop the cache; an answer that is still to come is not cached either."""
        with self._lock:
            self._generation += 1
            self._cached.clear()
            self._pending.clear()

    def close(self) -> None:
        """Make no further call."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _may_call(self, now_s: float) -> bool:
        if self._failures < self._limits.failures:
            return True
        if now_s < self._paused_until_s:
            return False
        # One call at a time shows whether it is back.
        self._paused_until_s = now_s + self._limits.rest_s
        return True

    def _answer(self, identity: AgentAccounts, called_s: float, generation: int) -> frozenset[str]:
        try:
            found = normalize_principals(self._authority.principals(*identity))
            if any(authority_of(one) != self.name for one in found):
                raise ForeignPrincipal
        except Exception:
            self.failed()
            raise
        with self._lock:
            self._failures = 0
            if generation == self._generation:
                self._cached.pop(identity, None)
                self._cached[identity] = (called_s, found)
                while len(self._cached) > MAX_CACHED_ANSWERS:
                    del self._cached[next(iter(self._cached))]
        return found

    def _finished(self, identity: AgentAccounts, pending: Future[frozenset[str]]) -> None:
        with self._lock:
            if self._pending.get(identity) is pending:
                del self._pending[identity]


@dataclass(frozen=True, slots=True)
class NoSilentAuthority:
    """The default of `silent`: every authority that is read beforehand is up."""

    def __call__(self) -> frozenset[str]:
        """No authority."""
        return frozenset()


class Authorities:
    """Every authority, called for a reader in parallel and for at most `limits.wait_s`.

    `stamp` changes when the directory was read again: cached answers are dropped then. `silent`
    returns authorities that are known, without a call, not to answer.
    """

    def __init__(
        self,
        authorities: Sequence[Authority] = (),
        agents: ReaderDirectory | None = None,
        limits: AuthorityLimits | None = None,
        stamp: Callable[[], Hashable] = lambda: None,
        silent: Callable[[], frozenset[str]] = NoSilentAuthority(),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        names = [one.name for one in authorities]
        others = [name for name in names if name != APPLICATION_AUTHORITY]
        if len(set(names)) < len(names) or RESERVED_AUTHORITIES.intersection(others):
            raise ValueError("Deux sources de droits portent le même nom, ou un nom réservé.")
        self._agents, self._limits = agents, limits or AuthorityLimits()
        self._stamp, self._silent, self._clock_s = stamp, silent, clock_s
        self._clients = [AuthorityClient(one, self._limits, clock_s) for one in authorities]
        self._stamped: Hashable = None

    def complete(self, reader: Reader) -> Reader:
        """The reader with every authority's principals, and which authorities did not answer."""
        if reader.agent_id is None or self._agents is None:
            return reader
        self._forget_if_read_again()
        accounts = self._agents.accounts_of(reader.agent_id)
        answers, unanswered = self._answers(reader.agent_id, accounts)
        vouched = frozenset().union(*answers.values())
        own = frozenset(map(account_principal, accounts))
        # A group of the directory may bear another authority's name. It holds where that
        # authority returns it too; otherwise neither does, since one of them may deny.
        contested = {
            authority_of(one) for one in reader.principals - own - vouched
        } & answers.keys()
        unanswered |= reader.unanswered | self._silent() | contested
        sure = {one for one in reader.principals | vouched if authority_of(one) not in unanswered}
        return replace(reader, principals=frozenset(sure), unanswered=frozenset(unanswered))

    def forget(self) -> None:
        """Drop every cached answer."""
        for client in self._clients:
            client.forget()

    def close(self) -> None:
        """Make no further call."""
        for client in self._clients:
            client.close()

    def _forget_if_read_again(self) -> None:
        stamp = self._stamp()
        if stamp != self._stamped:
            self._stamped = stamp
            self.forget()

    def _answers(
        self, agent_id: str, accounts: frozenset[str]
    ) -> tuple[dict[str, frozenset[str]], set[str]]:
        """Each authority's answer by its name, and those that gave none."""
        until_s = self._clock_s() + self._limits.wait_s
        calls = [(client, client.ask(agent_id, accounts)) for client in self._clients]
        answers: dict[str, frozenset[str]] = {}
        unanswered = set()
        for client, answer in calls:
            found = self._result(client, answer, until_s)
            if found is None:
                unanswered.add(client.name)
            else:
                answers[client.name] = found
        return answers, unanswered

    def _result(
        self, client: AuthorityClient, answer: Future[frozenset[str]] | None, until_s: float
    ) -> frozenset[str] | None:
        if answer is None:
            return None
        try:
            return answer.result(max(0.0, until_s - self._clock_s()))
        except TimeoutError:
            client.failed()
            log.warning("authority too late", extra={"authority": client.name})
        except Exception as error:  # noqa: BLE001 - whatever fails, the authority counts as unanswered
            fields = {"authority": client.name, "error": type(error).__name__}
            log.warning("authority did not answer", extra=fields)
        return None


NO_AUTHORITIES = Authorities()
