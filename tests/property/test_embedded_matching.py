"""What the embedded engine puts together word by word is what tantivy finds at once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.embedded.index import EmbeddedIndex, prepared_writes
from indexer.embedded.rankings import Matcher
from indexer.embedded.results import text_request
from indexer.parsed_query import Phrase
from indexer.values import Expansion, Put, Question, Remove
from tests.builders import ENCODER, asking, put

pytestmark = pytest.mark.search

_WORDS = "cadastre parcelle foncier taxe salaire rescrit bail notaire terrain cession prime usage"
_word = st.sampled_from(_WORDS.split())
_few = st.lists(_word, min_size=1, max_size=3).map(" ".join)
_phrases = st.lists(_few, max_size=2).map(tuple)
_questions = st.builds(
    Question,
    # Of ten words and more, a document must have two.
    text=st.lists(_word, max_size=14).map(" ".join),
    phrases=_phrases,
    excluded=_phrases,
    any_of=st.lists(st.lists(_few, min_size=1, max_size=3).map(tuple), max_size=2).map(tuple),
    expansions=st.lists(
        st.builds(Expansion, _word, st.lists(_few, min_size=1, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
)
_kept = st.builds(
    lambda n, title, texts: put(f"wiki:{n}", *texts, title=title),
    st.integers(0, 9),
    _few,
    st.lists(st.lists(_word, max_size=8).map(" ".join), min_size=1, max_size=2),
)
_gone = st.builds(lambda n: Remove(f"wiki:{n}"), st.integers(0, 9))


@settings(deadline=None)
@given(
    batches=st.lists(st.lists(st.one_of(_kept, _gone), max_size=6), min_size=1, max_size=3),
    questions=st.lists(_questions, min_size=1, max_size=3),
)
def test_word_by_word_matches_what_the_engine_matches(
    batches: Sequence[Sequence[Put | Remove]], questions: Sequence[Question]
) -> None:
    """Whatever is asked, and asked again after a write: nothing of before, nothing missing."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        index = EmbeddedIndex(Path(folder), ENCODER.dimension)
        found = Matcher(index._text)
        for batch in batches:
            index.write(batch)
            catalogue = index._memory.current()
            for wanted in map(text_request, questions):
                slots, known = catalogue.slots(index._text.matching(wanted))
                whole = catalogue.mask(slots[known])
                assert np.array_equal(found.of(wanted, catalogue), whole)


def test_a_text_that_comes_late_is_found_when_it_has_come(tmp_path: Path) -> None:
    """What a word matched while another process still wrote the text is not kept beyond that."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.write([put("wiki:1", "Le cadastre")])
    other = EmbeddedIndex(tmp_path, ENCODER.dimension)
    wanted = replace(asking("cadastre"), newest_first=True)
    with index._text._lock(1.0) as held:  # as while it writes
        assert held
        prepared, _ = prepared_writes([put("wiki:2", "Le cadastre")], ENCODER.dimension)
        other._store.apply(prepared)
        assert other.search(wanted).total == 1
    assert other.search(wanted).total == 2


def test_a_write_between_two_words_of_a_question_changes_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a document would be found by a word of now, past an exclusion of before."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.write([put("wiki:1", "Le cadastre"), put("wiki:3", "Le salaire")])
    other = EmbeddedIndex(tmp_path, ENCODER.dimension)
    with index._text._lock(1.0) as held:  # as while it writes
        assert held
        prepared, _ = prepared_writes([put("wiki:2", "Le cadastre, la taxe")], ENCODER.dimension)
        other._store.apply(prepared)
        assert _newest(other, "salaire", "taxe") == ["wiki:3"]
        having = other._text.having

        def slowly(phrase: Phrase, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
            index._text._replay()  # the writer is done before the next word is read
            return having(phrase, snapshot)

        monkeypatch.setattr(other._text, "having", slowly)
        assert _newest(other, "cadastre", "taxe") == ["wiki:1"]
    assert _newest(other, "cadastre", "taxe") == ["wiki:1"]
    assert _newest(other, "cadastre") == ["wiki:1", "wiki:2"]


def _newest(index: EmbeddedIndex, text: str, *excluded: str) -> list[str]:
    """The ids of what is found, by id."""
    wanted = replace(asking(text, excluded=excluded), newest_first=True)
    return sorted(hit.document_id for hit in index.search(wanted).lexical)
