"""Expected questions in the database: any history of changes leaves the list that it should."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from indexer.french.analysis import folded_words
from quisait.application.database import migrate
from search_api.context import InvalidParameter
from search_api.expected.service import LEAST_CHARACTERS, MOST_CHARACTERS, checked_question
from search_api.expected.storage import (
    ExpectedQuestion,
    QuestionOrigin,
    SqlExpectedQuestions,
    documents_expected,
    forget_expected,
)
from search_api.plain_text import safe_text
from tests.selection import examples

pytestmark = pytest.mark.trust

DAY = date(2026, 10, 1)
DOCUMENTS = ("wiki:1", "wiki:2")
SPELLINGS = ("Où est mon dû ?", "ou est mon du", "OÙ  EST MON DÛ !", "Qui signe l’acte ?")
"""The first three have the same folded words."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("add", "remove", "apply", "crawl")),
        st.sampled_from(DOCUMENTS),
        st.sampled_from(SPELLINGS),
    ),
    max_size=20,
)


@contextmanager
def a_store() -> Iterator[tuple[SqlExpectedQuestions, sa.Engine]]:
    engine = migrate(sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool))
    yield SqlExpectedQuestions(engine), engine
    engine.dispose()


def question(document_id: str, text: str, origin: str = "hand", of: str = "h") -> ExpectedQuestion:
    return ExpectedQuestion(document_id, text, QuestionOrigin(origin), DAY, of)


def folded(text: str) -> tuple[str, ...]:
    return tuple(folded_words(text))


@examples(30, 300)
@given(STEPS)
def test_list_and_index_agree_with_the_history(steps: list[tuple[str, str, str]]) -> None:
    """`indexed` is what a worker puts into the index from the rows that it reads."""
    listed: dict[str, dict[tuple[str, ...], str]] = {id_: {} for id_ in DOCUMENTS}
    indexed: dict[str, set[tuple[str, ...]]] = {id_: set() for id_ in DOCUMENTS}
    with a_store() as (store, engine):
        for step, document_id, text in steps:
            own, key = listed[document_id], folded(text)
            if step == "add":
                assert store.add([question(document_id, text)]) == (key not in own)
                own.setdefault(key, text)
            elif step == "remove":
                assert store.remove(document_id, text) == (key in own)
                own.pop(key, None)
            elif step == "crawl":
                indexed[document_id] = {folded(one) for one in store.crawled(document_id, "h")}
            elif document_id in store.pending():
                rows = store.of_document(document_id)
                gone = [row for row in rows if row.is_gone("h")]
                indexed[document_id] -= {folded(row.question) for row in gone}
                present = [row for row in rows if row not in gone]
                indexed[document_id] |= {folded(row.question) for row in present}
                store.note_applied(present, gone)
            listed_rows = [row for row in store.of_document(document_id) if not row.removed]
            assert {folded(row.question): row.question for row in listed_rows} == own
            if document_id not in store.pending():
                assert indexed[document_id] == set(own)
        for document_id in DOCUMENTS:
            forget_expected(engine, [document_id])
            assert document_id not in documents_expected(engine)


@examples(100, 2_000)
@given(st.text(max_size=MOST_CHARACTERS + 20))
def test_accepted_question_is_one_visible_line(text: str) -> None:
    try:
        line = checked_question(text)
    except InvalidParameter:
        return
    assert LEAST_CHARACTERS <= len(line) <= MOST_CHARACTERS
    assert folded_words(line)
    assert line == " ".join(safe_text(line).split())
    assert checked_question(line) == line


def test_rows_that_changed_since_they_were_read_stay_pending() -> None:
    with a_store() as (store, _):
        store.add([question("wiki:1", "Qui signe ?"), question("wiki:1", "Qui paie ?")])
        read = store.of_document("wiki:1")
        store.remove("wiki:1", "Qui signe ?")
        store.note_applied(read, [])
        assert store.pending() == ("wiki:1",)
        read = store.of_document("wiki:1")
        store.add([question("wiki:1", "Qui signe ?")])
        store.note_applied([], [row for row in read if row.removed])
        assert len(store.of_document("wiki:1")) == 2
        assert store.pending() == ("wiki:1",)


def test_only_a_programs_question_goes_with_its_text() -> None:
    by_program = question("wiki:1", "Qui signe ?", "model")
    assert not by_program.is_gone("h")
    assert by_program.is_gone("another")
    assert not question("wiki:1", "Qui signe ?", "import").is_gone("another")


def test_questions_of_a_former_text_are_not_crawled_until_they_are_confirmed() -> None:
    with a_store() as (store, _):
        store.add([question("wiki:1", "Qui signe ?")])
        assert store.crawled("wiki:1", "another") == ()
        store.note_applied(store.of_document("wiki:1"), [])
        assert store.confirm("wiki:1", "Qui signe ?", "another")
        assert store.pending() == ("wiki:1",)
        assert store.crawled("wiki:1", "another") == ("Qui signe ?",)
