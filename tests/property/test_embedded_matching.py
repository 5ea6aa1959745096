"""The embedded engine's matching word by word gives the same documents as a query of tantivy."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import numpy as np
import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.embedded.index import EmbeddedIndex, prepared_writes
from indexer.embedded.rankings import Matcher
from indexer.embedded.results import text_request
from indexer.parsed_query import Phrase
from indexer.values import Expansion, Put, Question, RelevanceCut, Remove, SearchHit
from tests.builders import ENCODER, asking, put, vector_of
from tests.selection import examples

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


@examples(40, 400)
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
            moment = index._moment()
            for wanted in map(text_request, questions):
                slots, known = moment.catalogue.slots(index._text.matching(wanted, moment.text))
                whole = moment.catalogue.mask(slots[known])
                assert np.array_equal(found.of(wanted, moment), whole)


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


_ROUNDS = 25
_KEPT_IDS = tuple(f"wiki:{number}" for number in range(8))


def test_a_search_among_writes_sees_every_document_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are written again and again, as by another process too; none is missed by any ranking."""
    # However loaded the machine is, a search waits for the text of what it sees.
    monkeypatch.setattr("indexer.embedded.index.MOMENT_S", 60.0)
    monkeypatch.setattr("indexer.embedded.catalogue.BEHIND_S", 60.0)
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    other = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.write([put(one, "Le cadastre") for one in _KEPT_IDS])
    done = Event()
    faults: list[str] = []

    def write() -> None:
        try:
            for number in range(_ROUNDS):
                index.write([put(one, "Le cadastre", f"numéro {number}") for one in _KEPT_IDS])
                time.sleep(0.02)
        finally:
            done.set()

    asked = asking(
        "cadastre",
        vector=vector_of("Le cadastre"),
        documents=_KEPT_IDS,
        with_attributes=True,
        cut=RelevanceCut(0.1, 0.1),
    )

    def search(searched: EmbeddedIndex) -> None:
        while not done.is_set():
            try:
                answer = searched.search(asked)
                told = (
                    {hit.document_id for hit in answer.lexical},
                    {hit.document_id for hit in answer.vector},
                    answer.members,
                    set(answer.attributes),
                )
                if answer.total != len(_KEPT_IDS) or any(one != set(_KEPT_IDS) for one in told):
                    faults.append(f"{answer.total} {[sorted(one or ()) for one in told]}")
            except Exception as fault:  # noqa: BLE001 - reported below
                faults.append(repr(fault))

    threads = [
        Thread(target=write),
        *(Thread(target=search, args=(one,)) for one in (index, other)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_catalogue_knows_its_own_places_after_later_writes(tmp_path: Path) -> None:
    """The lists that it shares with later ones have grown meanwhile."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.write([put("wiki:1", "Le cadastre"), put("wiki:2", "Le salaire")])
    former = index._memory.current()
    for number in range(3):
        index.write([put("wiki:1", f"Le cadastre {number}"), put(f"blog:{number}", "La taxe")])
        index._memory.current()
    assert former.holding(["wiki:1", "blog:0", "wiki:2"]).tolist() == [True, True]
    hits = [SearchHit("wiki:1", 1.0), SearchHit("wiki:2", 1.0)]
    assert former.among(np.array([0]), hits) == {"wiki:1"}
    assert former.values_of(np.array([0.5, 0.0]), hits) == {"wiki:1": 0.5}
    assert former.attributes_of(hits)["wiki:1"].title == former.titles[0]


def _newest(index: EmbeddedIndex, text: str, *excluded: str) -> list[str]:
    """The ids of what is found, by id."""
    wanted = replace(asking(text, excluded=excluded), newest_first=True)
    return sorted(hit.document_id for hit in index.search(wanted).lexical)
