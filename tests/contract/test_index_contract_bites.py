"""The contract of the `Index` port rejects every index that lies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from tests.builders import ENCODER, allowed
from tests.contract import index_access_checks as access
from tests.contract import lying_contents as contents
from tests.contract import lying_indexes as lying
from tests.contract import lying_marks as marks
from tests.contract import lying_narrowing as narrowing
from tests.contract.index_contract import IndexContract
from tests.contract.index_narrowing_checks import PHRASE
from tests.each import each

pytestmark = pytest.mark.trust

Check = Callable[[Index], None]
_contract = IndexContract()
_not_allowed = access.UNREADABLE[0]
_denied_by_silence = access.UNREADABLE[2]
_another_source = access.UNREADABLE[6]
_nobody_known = access.UNREADABLE[8]
_another_space = access.UNREADABLE[11]

_ACRONYM = ("CFE", PHRASE, f"Payer la {PHRASE}")


def _hides(
    check: Callable[[Index, AccessFilter], None], case: tuple[str, Access, AccessFilter]
) -> Check:
    """Return the check of one reason not to read a document."""

    def checked(index: Index) -> None:
        access.write_secret(index, case[1])
        check(index, case[2])

    return checked


LIES: list[tuple[type[lying.HonestIndex], Check]] = [
    (
        lying.CountsTheUnreadable,
        _hides(access.is_not_counted, _not_allowed),
    ),
    (
        lying.FacetsForgetTheFilter,
        _hides(access.is_not_counted, _not_allowed),
    ),
    (
        lying.VectorsForgetTheFilter,
        _hides(access.is_in_no_ranking, _not_allowed),
    ),
    (
        lying.FiltersAfterTheWindow,
        _contract.test_the_page_stays_full_beside_many_unreadable_documents,
    ),
    (
        lying.CountsWhatIsDeeper,
        lambda i: _contract.test_a_deeper_ranking_leaves_the_counts_of_the_window(i, 1),
    ),
    (
        lying.IgnoresSilentAuthorities,
        _hides(access.is_in_no_ranking, _denied_by_silence),
    ),
    (
        lying.IgnoresSources,
        _hides(access.is_in_no_ranking, _another_source),
    ),
    (
        lying.IgnoresSpaces,
        _hides(access.is_in_no_ranking, _another_space),
    ),
    (
        lying.TakesEveryDenialForKnown,
        _hides(access.is_in_no_ranking, _nobody_known),
    ),
    (lying.CountsDenialsOnce, _contract.test_denials_are_counted_by_source),
    (lying.KnowsEveryAccount, _contract.test_accounts_that_signed_are_told),
    (
        lying.SuggestsTheUnreadable,
        _hides(access.is_not_suggested, _not_allowed),
    ),
    (
        lying.SpellsFromTheUnreadable,
        _contract.test_near_words_of_unreadable_documents_are_not_read,
    ),
    (
        lying.KnowsUnreadableWords,
        _contract.test_near_words_of_unreadable_documents_are_not_read,
    ),
    (
        lying.ShowsTheUnreadable,
        _hides(access.is_not_shown, _not_allowed),
    ),
    (
        lying.ShowsUnreadableCards,
        _hides(access.is_not_shown, _not_allowed),
    ),
    (
        lying.ReadsOutTheUnreadable,
        _hides(access.is_not_read_out, _not_allowed),
    ),
    (lying.ReadsOutTheBeginning, _contract.test_a_document_is_read_out_as_it_is_now),
    (lying.ForgetsWhatIsAskedByCard, _contract.test_others_are_shown_by_their_card_behind),
    (lying.ForgetsRemovals, _contract.test_a_removal_is_seen_once_write_returns),
    (lying.AcknowledgesTooEarly, _contract.test_a_put_is_seen_once_write_returns),
    (lying.AcknowledgesTooEarly, _contract.test_a_change_of_access_acts_at_once),
    (lying.AppliesInAnyOrder, _contract.test_a_batch_is_applied_in_its_order),
    (lying.LosesVectorsWithAccess, _contract.test_a_change_of_access_changes_nothing_else),
    (lying.ChangesOrderByWindow, _contract.test_order_holds_from_page_to_page),
    (
        lying.RanksAloneBeforeRights,
        lambda i: _contract.test_rankings_alone_are_those_of_a_counted_search(i, 30),
    ),
    (
        lying.ForgetsDatesInOrder,
        _contract.test_newest_first_orders_what_has_most_of_the_words,
    ),
    (marks.MarksTheUnreadable, _contract.test_an_unreadable_document_has_no_mark),
    (marks.TakesAllForTwins, _contract.test_the_same_text_has_the_same_twins),
    (marks.ForgetsValidity, _contract.test_a_hit_is_marked),
    (
        marks.BringsTheBestPassage,
        _contract.test_a_hit_brings_the_centroid_of_all_its_passages,
    ),
    (
        marks.NamesUnreadableHeirs,
        lambda i: _contract.test_a_successor_shows_to_its_readers_alone(i, allowed("ldap:group:x")),
    ),
    (marks.NamesNoSuccessors, _contract.test_a_successor_goes_with_what_it_says),
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
    (contents.RemembersSources, _contract.test_sources_are_those_with_documents),
    (contents.NamesOneSource, _contract.test_sources_are_those_with_documents),
    (contents.GivesTheReadersOfThePut, _contract.test_a_whole_document_has_the_readers_of_now),
    (contents.GivesOthersVectors, _contract.test_a_long_document_keeps_its_own_vectors),
    (contents.LosesContributions, _contract.test_a_document_comes_back_whole),
    (contents.LosesPassages, _contract.test_a_document_comes_back_whole),
    (contents.GivesOnePage, _contract.test_whole_documents_are_complete),
    (lying.DropsWordsSilently, _contract.test_too_many_words_are_dropped_and_said),
    (
        narrowing.ForgetsContributors,
        _contract.test_contributors_bind_both_rankings,
    ),
    (
        narrowing.ForgetsContributorsForVectors,
        _contract.test_contributors_bind_both_rankings,
    ),
    (
        narrowing.TakesAnyWordOfAName,
        _contract.test_contributors_bind_both_rankings,
    ),
    (narrowing.TakesOneContributor, _contract.test_each_contributor_binds),
    (narrowing.ForgetsDates, _contract.test_dates_bind_both_rankings),
    (narrowing.ForgetsTheEnd, _contract.test_dates_bind_both_rankings),
    (narrowing.TakesAlternativesForWords, _contract.test_one_of_each_group_must_stand),
    (narrowing.ForgetsAlternativesForVectors, _contract.test_one_of_each_group_must_stand),
    (
        narrowing.ForgetsExpansions,
        lambda i: _contract.test_an_expansion_finds_what_says_it_otherwise(i, *_ACRONYM),
    ),
    (
        narrowing.TakesExpansionsForWords,
        lambda i: _contract.test_an_expansion_never_outweighs_what_is_typed(i, *_ACRONYM[:2]),
    ),
]


def test_the_contract_rejects_each_lie(tmp_path: Path) -> None:
    """Each lie fails the check that was made against it; the same index, honest, passes."""

    def rejected(case: tuple[int, type[lying.HonestIndex], Check]) -> None:
        number, liar, check = case
        with pytest.raises(AssertionError):
            check(liar(EmbeddedIndex(tmp_path / f"lying{number}", ENCODER.dimension)))
        check(lying.HonestIndex(EmbeddedIndex(tmp_path / f"honest{number}", ENCODER.dimension)))

    each(((lie.__name__, (n, lie, check)) for n, (lie, check) in enumerate(LIES)), rejected)
