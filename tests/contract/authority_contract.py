"""The contract of every authority. Each check raises AssertionError if it is broken."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Protocol

from connectors.ports import SourceError
from connectors.values import authority_of
from search_api.identity.readers import Authority

FIRST, SECOND = "interface-admin", "suppress"
"""Two groups that every authority under test has."""


@dataclass(frozen=True)
class Identity:
    """An agent and their account at the authority; `NOBODY` has none."""

    agent_id: str
    account: str = ""

    def principals_at(self, authority: Authority) -> frozenset[str]:
        """The agent's principals; the query also contains another source's account."""
        own = {f"{authority.name}:{self.account}"} if self.account else set()
        return authority.principals(self.agent_id, frozenset(own | {"autre:Robot"}))


ONE, OTHER, NOBODY = Identity("ag-1", "Zoé"), Identity("ag-2", "Robot"), Identity("ag-3")


class AuthorityHarness(Protocol):
    """An authority under test. Its queries end within `timeout_s`."""

    timeout_s: float

    def authority(self) -> Authority: ...

    def set_groups(self, groups: Mapping[Identity, set[str]]) -> None:
        """Set which of the two groups these agents are in."""

    def refuse(self) -> None:
        """From now on it does not answer."""

    def truncate(self) -> None:
        """From now on its answers are cut off."""

    def hang(self) -> None:
        """From now on it accepts queries and does not answer."""

    def recover(self) -> None:
        """From now on it answers again."""


def groups_of(
    harness: AuthorityHarness, who: Identity, authority: Authority | None = None
) -> set[str]:
    """Which of the two groups the agent is in. Raises as the authority does, or if it is late."""
    one = authority or harness.authority()
    pool = ThreadPoolExecutor(1)
    try:
        found = pool.submit(who.principals_at, one).result(harness.timeout_s)
    except TooLate:
        raise AssertionError("it does not time out") from None
    finally:
        pool.shutdown(wait=False)
    return {group for group in (FIRST, SECOND) if f"{one.name}:group:{group}" in found}


def check_principals_have_its_name(harness: AuthorityHarness) -> None:
    """Each principal has its name, a kind and an id."""
    harness.set_groups({ONE: {FIRST}, OTHER: {SECOND}})
    one = harness.authority()
    for who in (ONE, OTHER, NOBODY):
        for principal in who.principals_at(one):
            assert authority_of(principal) == one.name
            assert len(principal.split(":", 2)) == 3


def check_groups_per_agent(harness: AuthorityHarness) -> None:
    """Answers do not depend on earlier queries; unknown agents have no group."""
    harness.set_groups({ONE: {FIRST}, OTHER: {SECOND}})
    one = harness.authority()
    for _ in range(2):
        assert groups_of(harness, ONE, one) == {FIRST}
        assert groups_of(harness, OTHER, one) == {SECOND}
        assert groups_of(harness, NOBODY, one) == set()


def check_concurrent_queries(harness: AuthorityHarness) -> None:
    """Concurrent queries get the right answers."""
    harness.set_groups({ONE: {FIRST}, OTHER: {SECOND}})
    one = harness.authority()
    asked = [(ONE, {FIRST}), (OTHER, {SECOND}), (NOBODY, set())] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: groups_of(harness, pair[0], one), asked))
    assert found == [groups for _, groups in asked]


def check_changes_are_immediate(harness: AuthorityHarness) -> None:
    """It caches nothing: its client does."""
    one = harness.authority()
    for groups in ({FIRST, SECOND}, {SECOND}, set()):
        harness.set_groups({ONE: groups})
        assert groups_of(harness, ONE, one) == groups


def check_no_answer_raises(harness: AuthorityHarness) -> None:
    """It never means "no groups", which would open denied documents; queries work again later."""
    _check_fault(harness, harness.refuse)


def check_truncated_answer_raises(harness: AuthorityHarness) -> None:
    """A partial answer is never used."""
    _check_fault(harness, harness.truncate)


def check_timeout_raises(harness: AuthorityHarness) -> None:
    """A query ends in time: a thread that waits for ever would be lost."""
    _check_fault(harness, harness.hang)


def _check_fault(harness: AuthorityHarness, begin: Callable[[], None]) -> None:
    harness.set_groups({ONE: {FIRST, SECOND}})
    one = harness.authority()
    assert groups_of(harness, ONE, one) == {FIRST, SECOND}
    begin()
    try:
        found = groups_of(harness, ONE, one)
    except SourceError:
        found = None
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} is not a SourceError") from error
    finally:
        harness.recover()
    assert found is None, "a failure was returned as an answer"
    assert groups_of(harness, ONE, one) == {FIRST, SECOND}


ANSWER_CHECKS = (
    check_principals_have_its_name,
    check_groups_per_agent,
    check_concurrent_queries,
    check_changes_are_immediate,
)
FAILURE_CHECKS = (
    check_no_answer_raises,
    check_truncated_answer_raises,
    check_timeout_raises,
)
