"""Every authority passes the contract, and rejects faulty ones."""

from collections.abc import Callable

import pytest

from tests.contract import authority_contract as contract
from tests.contract import lying_authorities as lying
from tests.contract.authority_contract import ANSWER_CHECKS, FAILURE_CHECKS, AuthorityHarness
from tests.contract.authority_harnesses import MemoryAuthority, MemoryAuthorityHarness
from tests.contract.lying_authorities import LyingAuthorityHarness
from tests.each import each

pytestmark = pytest.mark.trust

Check = Callable[[AuthorityHarness], None]


@pytest.mark.parametrize("check", [*ANSWER_CHECKS, *FAILURE_CHECKS])
def test_an_honest_one_holds_to_the_contract(check: Check) -> None:
    """The authority that the faulty ones derive from has no fault."""
    check(MemoryAuthorityHarness())


LIES: list[tuple[type[MemoryAuthority], Check]] = [
    (lying.NamesAnotherAuthority, contract.check_principals_have_its_name),
    (lying.NamesNoKind, contract.check_principals_have_its_name),
    (lying.RepeatsFirstAnswer, contract.check_groups_per_agent),
    (lying.AcceptsOtherSources, contract.check_groups_per_agent),
    (lying.MixesConcurrentQueries, contract.check_concurrent_queries),
    (lying.CachesAnswers, contract.check_changes_are_immediate),
    (lying.HidesErrors, contract.check_no_answer_raises),
    (lying.RaisesKeyError, contract.check_no_answer_raises),
    (lying.AcceptsTruncatedAnswers, contract.check_truncated_answer_raises),
    (lying.Hangs, contract.check_timeout_raises),
]


def test_the_contract_rejects_each_lie() -> None:
    """Each fault fails its check."""

    def rejected(case: tuple[type[MemoryAuthority], Check]) -> None:
        liar, check = case
        harness = LyingAuthorityHarness(liar=liar)
        try:
            with pytest.raises(AssertionError):
                check(harness)
        finally:
            harness.over.set()

    each(((liar.__name__, (liar, check)) for liar, check in LIES), rejected)


def test_every_check_has_its_liar() -> None:
    """Each check rejects at least one faulty authority."""
    assert {check for _, check in LIES} == {*ANSWER_CHECKS, *FAILURE_CHECKS}
