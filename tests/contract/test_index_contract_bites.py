"""The contract of the `Index` port rejects every index that lies."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from tests.builders import ENCODER, allowed
from tests.contract import index_access_checks as access
from tests.contract import lying_indexes as lying
from tests.contract.index_contract import IndexContract
from tests.contract.index_narrowing_checks import PHRASE
from tests.contract.lying_indexes import Lie, LyingIndex, answers, asks, marks, takes
from tests.each import each

pytestmark = pytest.mark.trust

Check = Callable[[Index], None]
_contract = IndexContract()
_ACRONYM = ("CFE", PHRASE, f"Payer la {PHRASE}")


def _hides(check: Callable[[Index, AccessFilter], None], why: str = "not allowed") -> Check:
    """Return the check of one reason not to read a document."""
    ((listed, reader),) = [case[1:] for case in access.UNREADABLE if case[0] == why]

    def checked(index: Index) -> None:
        access.write_secret(index, listed)
        check(index, reader)

    return checked


_free = lying.question_with(excluded=(), phrases=())
LIES: dict[str, tuple[Lie, Check]] = {
    "counts the unreadable": (takes("total", lying.unfiltered), _hides(access.is_not_counted)),
    "facets forget the filter": (takes("facets", lying.unfiltered), _hides(access.is_not_counted)),
    "vectors forget the filter": (
        takes("vector", lying.unfiltered),
        _hides(access.is_in_no_ranking),
    ),
    "filters after the window": (
        {"search": lying.filters_after_the_window},
        _contract.test_the_page_stays_full_beside_many_unreadable_documents,
    ),
    "counts what is deeper": (
        asks(lambda request: replace(request, window=request.ranked)),
        lambda i: _contract.test_a_deeper_ranking_leaves_the_counts_of_the_window(i, 1),
    ),
    "ignores silent authorities": (
        asks(lying.access_with(unanswered=frozenset())),
        _hides(access.is_in_no_ranking, "denied by silence"),
    ),
    "ignores sources": (
        asks(lying.access_with(sources=None)),
        _hides(access.is_in_no_ranking, "another source"),
    ),
    "ignores spaces": (
        asks(lying.access_with(spaces=None)),
        _hides(access.is_in_no_ranking, "another space"),
    ),
    "takes every denial for known": (
        asks(lying.access_with(known=None)),
        _hides(access.is_in_no_ranking, "nobody known is denied"),
    ),
    "counts denials once": (
        {"denials": lambda index, source: dict.fromkeys(index.denials(source), 1)},
        _contract.test_denials_are_counted_by_source,
    ),
    "counts the withheld as without readers": (
        {"without_readers": lambda index, source: index.without_readers(source) + 1},
        _contract.test_documents_without_readers_are_counted_by_source,
    ),
    "knows every account": (
        {"signing": lambda _, accounts: frozenset(accounts)},
        _contract.test_accounts_that_signed_are_told,
    ),
    "suggests the unreadable": (
        {"suggest": lambda index, _, *rest: index.suggest(lying.OMNISCIENT, *rest)},
        _hides(access.is_not_suggested),
    ),
    "spells from the unreadable": (
        {"near_words": lying.spells_from_the_unreadable},
        _contract.test_near_words_of_unreadable_documents_are_not_read,
    ),
    "knows unreadable words": (
        {"near_words": lying.knows_unreadable_words},
        _contract.test_near_words_of_unreadable_documents_are_not_read,
    ),
    "shows the unreadable": (
        lying.shows(access=lying.OMNISCIENT),
        _hides(access.is_not_shown),
    ),
    "shows unreadable cards": (
        {"show": lying.shows_unreadable_cards},
        _hides(access.is_not_shown),
    ),
    "reads out the unreadable": (
        {"read": lambda index, _, document_id: index.read(lying.OMNISCIENT, document_id)},
        _hides(access.is_not_read_out),
    ),
    "reads out the beginning": (
        {"read": lying.reads_out_the_beginning},
        _contract.test_a_document_is_read_out_as_it_is_now,
    ),
    "forgets what is asked by card": (
        lying.shows(by_card=()),
        _contract.test_others_are_shown_by_their_card_behind,
    ),
    "forgets removals": (
        {"write": lying.forgets_removals},
        _contract.test_a_removal_is_seen_once_write_returns,
    ),
    "acknowledges a put too early": (
        lying.acknowledges_too_early(),
        _contract.test_a_put_is_seen_once_write_returns,
    ),
    "acknowledges a change of access too early": (
        lying.acknowledges_too_early(),
        _contract.test_a_change_of_access_acts_at_once,
    ),
    "applies in any order": (
        {"write": lying.applies_in_any_order},
        _contract.test_a_batch_is_applied_in_its_order,
    ),
    "loses vectors with access": (
        lying.loses_vectors_with_access(),
        _contract.test_a_change_of_access_changes_nothing_else,
    ),
    "changes order by window": (
        answers(lying.changes_order_by_window),
        _contract.test_order_holds_from_page_to_page,
    ),
    "ranks alone before rights": (
        {"search": lying.ranks_alone_before_rights},
        lambda i: _contract.test_rankings_alone_are_those_of_a_counted_search(i, 30),
    ),
    "forgets dates in order": (
        asks(lambda request: replace(request, newest_first=False)),
        _contract.test_newest_first_orders_what_has_most_of_the_words,
    ),
    "breaks ties": (answers(lying.breaks_ties), _contract.test_ties_stand_by_id),
    "ignores exclusions for vectors": (
        takes("vector", _free),
        _contract.test_phrases_and_exclusions_bind_the_nearest_too,
    ),
    "counts the window only": (
        answers(lambda asked, found: replace(found, total=min(found.total, asked.window))),
        _contract.test_totals_do_not_stop_at_the_window,
    ),
    "drops words silently": (
        answers(lambda _, found: replace(found, terms_dropped=False)),
        _contract.test_too_many_words_are_dropped_and_said,
    ),
    "highlights bytes": (
        lying.shown(lying.highlights_bytes),
        _contract.test_highlights_point_at_the_words,
    ),
    "forgets contributions": (
        lying.shown(lambda one: replace(one, card=replace(one.card, contributions=()))),
        _contract.test_every_field_of_a_card_comes_back,
    ),
    "scans one page": (
        {"scan": lambda index, source: iter(list(index.scan(source))[:1000])},
        _contract.test_a_scan_is_complete,
    ),
    "scans without access": (
        {"scan": lambda index, s: (replace(one, access=Access()) for one in index.scan(s))},
        _contract.test_a_scan_tells_hashes_and_access_of_one_source,
    ),
    "remembers the removed": (
        lying.remembers_the_removed(),
        _contract.test_what_is_kept_is_told_by_id,
    ),
    "tells one page of what is kept": (
        {"kept": lambda index, ids: index.kept(sorted(ids)[:1000])},
        _contract.test_a_scan_is_complete,
    ),
    "counts passages": (
        {"count": lying.counts_passages},
        _contract.test_documents_are_counted_by_source,
    ),
    "marks the unreadable": (
        takes("attributes", lying.unfiltered),
        _contract.test_an_unreadable_document_has_no_mark,
    ),
    "takes all for twins": (
        marks(lambda mark: mark._replace(text_signature=b"x" * 128)),
        _contract.test_the_same_text_has_the_same_twins,
    ),
    "forgets validity": (
        marks(lambda mark: mark._replace(valid_until=None)),
        _contract.test_a_hit_is_marked,
    ),
    "brings the best passage": (
        answers(lying.brings_the_best_passage),
        _contract.test_a_hit_brings_the_centroid_of_all_its_passages,
    ),
    "names unreadable heirs": (
        {"show": lying.names_unreadable_heirs},
        lambda i: _contract.test_a_successor_shows_to_its_readers_alone(i, allowed("ldap:group:x")),
    ),
    "names no successors": (
        lying.shows(successors=False),
        _contract.test_a_successor_goes_with_what_it_says,
    ),
    "remembers sources": (
        lying.remembers_sources(),
        _contract.test_sources_are_those_with_documents,
    ),
    "names one source": (
        {"sources": lambda index: frozenset(sorted(index.sources())[:1])},
        _contract.test_sources_are_those_with_documents,
    ),
    "gives the readers of the put": (
        lying.gives_the_readers_of_the_put(),
        _contract.test_a_whole_document_has_the_readers_of_now,
    ),
    "gives others' vectors": (
        lying.documents(lying.gives_others_vectors),
        _contract.test_a_long_document_keeps_its_own_vectors,
    ),
    "loses contributions": (
        lying.documents(lambda one: replace(one, document=replace(one.document, contributions=()))),
        _contract.test_a_document_comes_back_whole,
    ),
    "loses passages": (
        lying.documents(
            lambda one: replace(one, passages=one.passages[:1], vectors=one.vectors[:1])
        ),
        _contract.test_a_document_comes_back_whole,
    ),
    "gives one page": (
        {"documents": lambda index, ids: index.documents(list(ids)[:100])},
        _contract.test_whole_documents_are_complete,
    ),
    "forgets contributors": (
        asks(lambda request: replace(request, bylines=())),
        _contract.test_contributors_bind_both_rankings,
    ),
    "forgets contributors for vectors": (
        takes("vector", lambda request: replace(request, bylines=())),
        _contract.test_contributors_bind_both_rankings,
    ),
    "takes any word of a name": (
        asks(lying.any_word_of_a_name),
        _contract.test_contributors_bind_both_rankings,
    ),
    "takes one contributor": (
        asks(lambda request: replace(request, bylines=request.bylines[:1])),
        _contract.test_each_contributor_binds,
    ),
    "forgets dates": (
        asks(lambda request: replace(request, period=None)),
        _contract.test_dates_bind_both_rankings,
    ),
    "forgets the end": (asks(lying.without_the_end), _contract.test_dates_bind_both_rankings),
    "takes alternatives for words": (
        asks(lying.alternatives_as_words),
        _contract.test_one_of_each_group_must_stand,
    ),
    "forgets alternatives for vectors": (
        takes("vector", lying.question_with(any_of=())),
        _contract.test_one_of_each_group_must_stand,
    ),
    "forgets expansions": (
        asks(lying.question_with(expansions=())),
        lambda i: _contract.test_an_expansion_finds_what_says_it_otherwise(i, *_ACRONYM),
    ),
    "takes expansions for words": (
        asks(lying.expansions_as_words),
        lambda i: _contract.test_an_expansion_never_outweighs_what_is_typed(i, *_ACRONYM[:2]),
    ),
}


def test_the_contract_rejects_each_lie(tmp_path: Path) -> None:
    """Each lie fails the check that was made against it; the same index, honest, passes."""

    def rejected(case: tuple[str, Lie, Check]) -> None:
        name, lie, check = case
        lies = EmbeddedIndex(tmp_path / f"lying {name}", ENCODER.dimension)
        with pytest.raises(AssertionError):
            check(cast(Index, LyingIndex(lies, lie)))
        honest = EmbeddedIndex(tmp_path / f"honest {name}", ENCODER.dimension)
        check(cast(Index, LyingIndex(honest, {})))

    each(((name, (name, *case)) for name, case in LIES.items()), rejected)
