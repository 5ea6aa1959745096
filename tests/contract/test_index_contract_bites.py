"""The contract of the `Index` port rejects every index that lies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from tests.builders import ENCODER
from tests.contract import lying_indexes as lying
from tests.contract.index_access_checks import UNREADABLE
from tests.contract.index_contract import IndexContract

pytestmark = pytest.mark.trust

Check = Callable[[Index], None]
_contract = IndexContract()
_not_allowed = UNREADABLE[0]
_denied_by_silence = UNREADABLE[2]

LIES: list[tuple[type[lying.HonestIndex], Check]] = [
    (
        lying.CountsTheUnreadable,
        lambda i: _contract.test_an_unreadable_document_is_not_counted(i, *_not_allowed),
    ),
    (
        lying.FacetsForgetTheFilter,
        lambda i: _contract.test_an_unreadable_document_is_not_counted(i, *_not_allowed),
    ),
    (
        lying.VectorsForgetTheFilter,
        lambda i: _contract.test_an_unreadable_document_is_in_no_ranking_and_no_card(
            i, *_not_allowed
        ),
    ),
    (
        lying.FiltersAfterTheWindow,
        _contract.test_the_page_stays_full_beside_many_unreadable_documents,
    ),
    (
        lying.IgnoresSilentAuthorities,
        lambda i: _contract.test_an_unreadable_document_is_in_no_ranking_and_no_card(
            i, *_denied_by_silence
        ),
    ),
    (
        lying.SuggestsTheUnreadable,
        lambda i: _contract.test_an_unreadable_title_is_not_suggested(i, *_not_allowed),
    ),
    (
        lying.ShowsTheUnreadable,
        lambda i: _contract.test_an_unreadable_document_is_not_shown(i, *_not_allowed),
    ),
    (lying.ForgetsRemovals, _contract.test_a_removal_is_seen_once_write_returns),
    (lying.AcknowledgesTooEarly, _contract.test_a_put_is_seen_once_write_returns),
    (lying.AcknowledgesTooEarly, _contract.test_a_change_of_access_acts_at_once),
    (lying.AppliesInAnyOrder, _contract.test_a_batch_is_applied_in_its_order),
    (lying.LosesVectorsWithAccess, _contract.test_a_change_of_access_changes_nothing_else),
    (lying.ChangesOrderByWindow, _contract.test_order_holds_from_page_to_page),
    (lying.BreaksTies, _contract.test_ties_stand_by_id),
    (
        lying.IgnoresExclusionsForVectors,
        _contract.test_phrases_and_exclusions_bind_the_nearest_too,
    ),
    (lying.CountsTheWindowOnly, _contract.test_totals_do_not_stop_at_the_window),
    (lying.HighlightsBytes, _contract.test_highlights_point_at_the_words),
    (lying.ForgetsContributions, _contract.test_every_field_of_a_card_comes_back),
    (lying.ScansOnePage, _contract.test_a_scan_is_complete),
    (lying.ScansWithoutAccess, _contract.test_a_scan_tells_hashes_and_access_of_one_source),
    (lying.RemembersTheRemoved, _contract.test_what_is_kept_is_told_by_id),
    (lying.KeptOnePage, _contract.test_a_scan_is_complete),
    (lying.CountsPassages, _contract.test_documents_are_counted_by_source),
    (lying.DropsWordsSilently, _contract.test_too_many_words_are_dropped_and_said),
]


@pytest.mark.parametrize(("liar", "check"), LIES, ids=lambda v: getattr(v, "__name__", ""))
def test_the_contract_rejects(liar: type[lying.HonestIndex], check: Check, tmp_path: Path) -> None:
    """Each lie fails the check that was made against it; the same index, honest, passes."""
    with pytest.raises(AssertionError):
        check(liar(EmbeddedIndex(tmp_path / "lying", ENCODER.dimension)))
    check(lying.HonestIndex(EmbeddedIndex(tmp_path / "honest", ENCODER.dimension)))
