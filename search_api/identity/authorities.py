"""Authorities: who vouches for which of a reader's principals, asked in time or not believed.

`Authorities.complete` tells the flow. An authority that does not answer in time, fails, or
vouches for what is not its own is *unanswered*: what it governs is closed, whether it lets
in or shuts out (`indexer.access`).
"""

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.values import RESERVED, account_principal, authority_of
from indexer.access import Reader
from search_api.identity.authority_desk import Desk, Patience
from search_api.identity.readers import Agents

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
class NobodySilent:
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
        agents: Agents | None = None,
        patience: Patience | None = None,
        stamp: Callable[[], Hashable] = lambda: None,
        silent: Callable[[], frozenset[str]] = NobodySilent(),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        names = [one.name for one in authorities]
        if len(set(names)) < len(names) or RESERVED.intersection(names):
            raise ValueError("Deux sources de droits portent le même nom, ou un nom réservé.")
        self._agents, self._patience = agents, patience or Patience()
        self._stamp, self._silent, self._clock_s = stamp, silent, clock_s
        self._desks = [Desk(one, self._patience, clock_s) for one in authorities]
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
        self, desk: Desk, answer: Future[frozenset[str]] | None, until_s: float
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
