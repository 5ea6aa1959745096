"""What every authority must hold to. Each check raises AssertionError where it does not."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Protocol

from connectors.ports import SourceError
from connectors.values import authority_of
from search_api.identity.readers import Authority

FIRST, SECOND = "interface-admin", "suppress"
"""Two groups that every authority under test can put somebody into."""


@dataclass(frozen=True)
class Identity:
    """An agent, and their account at the authority; `NOBODY` has none there."""

    agent_id: str
    account: str = ""

    def asked_of(self, authority: Authority) -> frozenset[str]:
        """What the authority says of them; another source's account comes along, as in life."""
        own = {f"{authority.name}:{self.account}"} if self.account else set()
        return authority.principals(self.agent_id, frozenset(own | {"autre:Robot"}))


ONE, OTHER, NOBODY = Identity("ag-1", "Zoé"), Identity("ag-2", "Robot"), Identity("ag-3")


class AuthorityStage(Protocol):
    """An authority under test. One that fails gives up within `bound_s`."""

    bound_s: float

    def authority(self) -> Authority: ...

    def hold(self, groups: Mapping[Identity, set[str]]) -> None:
        """From now on these agents are in these of the two groups, and in no other of them."""

    def fall(self) -> None:
        """From now on it does not answer."""

    def cut(self) -> None:
        """From now on its answers end in the middle."""

    def hang(self) -> None:
        """From now on it takes a question and says nothing."""

    def rise(self) -> None:
        """It is well again."""


def says(stage: AuthorityStage, who: Identity, authority: Authority | None = None) -> set[str]:
    """Which of the two groups it says; raises what it raises, AssertionError where it is late."""
    one = authority or stage.authority()
    pool = ThreadPoolExecutor(1)
    try:
        found = pool.submit(who.asked_of, one).result(stage.bound_s)
    except TooLate:
        raise AssertionError("it does not give up by itself") from None
    finally:
        pool.shutdown(wait=False)
    return {group for group in (FIRST, SECOND) if f"{one.name}:group:{group}" in found}


def check_it_speaks_for_itself(stage: AuthorityStage) -> None:
    """Each principal begins with its name, and has a kind and an id."""
    stage.hold({ONE: {FIRST}, OTHER: {SECOND}})
    one = stage.authority()
    for who in (ONE, OTHER, NOBODY):
        for principal in who.asked_of(one):
            assert authority_of(principal) == one.name
            assert len(principal.split(":", 2)) == 3


def check_each_has_their_own(stage: AuthorityStage) -> None:
    """Whoever was asked about before; and who is unknown there has none of them."""
    stage.hold({ONE: {FIRST}, OTHER: {SECOND}})
    one = stage.authority()
    for _ in range(2):
        assert says(stage, ONE, one) == {FIRST}
        assert says(stage, OTHER, one) == {SECOND}
        assert says(stage, NOBODY, one) == set()


def check_each_has_their_own_at_once(stage: AuthorityStage) -> None:
    """Several are asked about at the same time."""
    stage.hold({ONE: {FIRST}, OTHER: {SECOND}})
    one = stage.authority()
    asked = [(ONE, {FIRST}), (OTHER, {SECOND}), (NOBODY, set())] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: says(stage, pair[0], one), asked))
    assert found == [groups for _, groups in asked]


def check_a_change_is_said_at_once(stage: AuthorityStage) -> None:
    """It remembers nothing: how long an answer is believed is its desk's to say."""
    one = stage.authority()
    for groups in ({FIRST, SECOND}, {SECOND}, set()):
        stage.hold({ONE: groups})
        assert says(stage, ONE, one) == groups


def check_no_answer_is_an_error(stage: AuthorityStage) -> None:
    """Never «no groups», which would open what they shut; and it comes back by itself."""
    _check_fault(stage, stage.fall)


def check_half_an_answer_is_an_error(stage: AuthorityStage) -> None:
    """Never the half that came."""
    _check_fault(stage, stage.cut)


def check_it_gives_up_by_itself(stage: AuthorityStage) -> None:
    """In the bounded time: who asked is gone, and a thread that waits for ever is lost."""
    _check_fault(stage, stage.hang)


def _check_fault(stage: AuthorityStage, begin: Callable[[], None]) -> None:
    stage.hold({ONE: {FIRST, SECOND}})
    one = stage.authority()
    assert says(stage, ONE, one) == {FIRST, SECOND}
    begin()
    try:
        found = says(stage, ONE, one)
    except SourceError:
        found = None
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} is no SourceError") from error
    finally:
        stage.rise()
    assert found is None, "a failure was taken for an answer"
    assert says(stage, ONE, one) == {FIRST, SECOND}


SAYING = (
    check_it_speaks_for_itself,
    check_each_has_their_own,
    check_each_has_their_own_at_once,
    check_a_change_is_said_at_once,
)
FAILING = (
    check_no_answer_is_an_error,
    check_half_an_answer_is_an_error,
    check_it_gives_up_by_itself,
)
