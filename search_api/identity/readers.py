"""Make a reader from an agent's id: principals of the directory, then of each authority.

`reader_of` returns the reader with the directory's principals. `Authorities.complete` adds the
principals of every authority, called in parallel and with a time limit. An authority is
*unanswered* if it does not answer in time, fails, or returns a principal of another authority. All
documents that allow or deny its principals are then closed to the reader (`indexer.access`).
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
    """Port: the agents of the directory, with their groups and accounts."""

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent, or None if there is no such id."""

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """Return the principals of the agent's groups."""

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        """Return the agent's accounts in the directory, each `source:name`."""


def reader_of(agent_id: str | None, agents: ReaderDirectory, today: date) -> Reader:
    """Return the reader for an agent today; an unknown or departed agent reads nothing.

    Each account that the directory links to the agent is also a principal of theirs.
    """
    agent = agents.agent(agent_id) if agent_id else None
    if agent is None or agent.departed(today):
        return NOBODY
    own = {EVERYONE, f"agent:{agent.id}"}
    own |= {account_principal(account) for account in agents.accounts_of(agent.id)}
    return Reader(agent.id, frozenset(own | agents.groups_of(agent.id)))


MAX_CONCURRENT_CALLS = 4
"""Number of calls to one authority at the same time."""
MAX_PENDING_CALLS = 64
"""Maximum number of calls that run or wait; further calls are not made, since they would answer too
late.
"""
MAX_CACHED_ANSWERS = 50_000
"""Number of cached answers of one authority; the oldest are dropped first."""


class ForeignPrincipal(Exception):
    """An authority returned a principal of another authority; its whole answer is rejected."""


@dataclass(frozen=True, slots=True)
class AuthorityLimits:
    """Timeouts and caching of calls to authorities. Times are in seconds.

    An answer is cached for `fresh_s` from the time of the call. A reader waits at most `wait_s`.
    After `failures` failures in a row, an authority is not called for `rest_s`; then one call at a
    time tests whether it answers again.
    """

    fresh_s: float = 60.0
    wait_s: float = 2.0
    failures: int = 3
    rest_s: float = 30.0


class Authority(Protocol):
    """Port: a source of the principals that begin with its name."""

    @property
    def name(self) -> str:
        """The authority's name: the part of its principals before the first colon."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Return an agent's principals, by their id or accounts (`source:name`).

        Raises `SourceError` if the principals are unknown. The call has its own timeout.
        """


AgentAccounts = tuple[str, frozenset[str]]


class AuthorityClient:
    """Calls one authority: with a cache, in parallel, and paused after repeated failures."""

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
        """Return the cached or future answer; None if the authority must not be called now."""
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
        """Drop the cache; do not cache answers of running calls."""
        with self._lock:
            self._generation += 1
            self._cached.clear()
            self._pending.clear()

    def close(self) -> None:
        """Make no further calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _may_call(self, now_s: float) -> bool:
        if self._failures < self._limits.failures:
            return True
        if now_s < self._paused_until_s:
            return False
        # A single call shows whether the authority answers again.
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


class Authorities:
    """Every authority, called for a reader in parallel and for at most `limits.wait_s`.

    `stamp` changes when the directory is read again; cached answers are then dropped. `silent`
    returns the authorities that currently give no answers, without calling them.
    """

    def __init__(
        self,
        authorities: Sequence[Authority] = (),
        agents: ReaderDirectory | None = None,
        limits: AuthorityLimits | None = None,
        stamp: Callable[[], Hashable] = lambda: None,
        silent: Callable[[], frozenset[str]] = frozenset,
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
        """Return the reader with all authorities' principals, and the unanswered authorities."""
        if reader.agent_id is None or self._agents is None:
            return reader
        self._forget_if_read_again()
        accounts = self._agents.accounts_of(reader.agent_id)
        answers, unanswered = self._answers(reader.agent_id, accounts)
        vouched = frozenset().union(*answers.values())
        own = frozenset(map(account_principal, accounts))
        # The directory may have a group with another authority's name. It counts if that authority
        # returns it too; otherwise the authority counts as unanswered, since its groups may deny.
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
        """Make no further calls."""
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
        """Return each authority's answer by its name, and the authorities without an answer."""
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
