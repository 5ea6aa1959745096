"""Every authority passes the contract, and the contract rejects those that lie."""

from collections.abc import Callable, Iterator

import pytest

from tests.contract import authority_contract as contract
from tests.contract import lying_authorities as lying
from tests.contract.authority_contract import FAILING, SAYING, AuthorityStage
from tests.contract.authority_stages import Roll, RollStage, WikiStage
from tests.contract.lying_authorities import LyingStage
from tests.wiki_proxy import door_before
from tests.wiki_server import ensure_wiki

pytestmark = pytest.mark.trust

Check = Callable[[AuthorityStage], None]


@pytest.fixture(scope="module")
def wiki_stage() -> Iterator[WikiStage]:
    wiki = ensure_wiki()
    wiki.reset()
    with door_before(wiki.url) as door:
        yield WikiStage(wiki, door)
    wiki.reset()


@pytest.mark.parametrize("check", [*SAYING, *FAILING])
def test_a_wiki_holds_to_the_contract(check: Check, wiki_stage: WikiStage) -> None:
    """A real one, through a door that fails."""
    check(wiki_stage)


@pytest.mark.parametrize("check", [*SAYING, *FAILING])
def test_an_honest_one_holds_to_the_contract(check: Check) -> None:
    """What the liars are made of is no liar."""
    check(RollStage())


LIES: list[tuple[type[Roll], Check]] = [
    (lying.NamesAnother, contract.check_it_speaks_for_itself),
    (lying.NamesNoKind, contract.check_it_speaks_for_itself),
    (lying.SaysTheFirst, contract.check_each_has_their_own),
    (lying.TakesAnyAccount, contract.check_each_has_their_own),
    (lying.MixesThoseAtOnce, contract.check_each_has_their_own_at_once),
    (lying.RemembersTooLong, contract.check_a_change_is_said_at_once),
    (lying.TakesSilenceForNone, contract.check_no_answer_is_an_error),
    (lying.Breaks, contract.check_no_answer_is_an_error),
    (lying.TakesHalf, contract.check_half_an_answer_is_an_error),
    (lying.Hangs, contract.check_it_gives_up_by_itself),
]


@pytest.mark.parametrize(("liar", "check"), LIES)
def test_the_contract_rejects(liar: type[Roll], check: Check) -> None:
    """Each lie fails the check that was made against it."""
    stage = LyingStage(liar=liar)
    try:
        with pytest.raises(AssertionError):
            check(stage)
    finally:
        stage.over.set()


def test_every_check_has_its_liar() -> None:
    """No check stands without an authority that it rejects."""
    assert {check for _, check in LIES} == {*SAYING, *FAILING}
