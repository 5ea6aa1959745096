"""Questions that nearly are titles: the same ones out of the same documents."""

from pathlib import Path

import pytest

from evaluation.corpora import JudgedText, load_search_set
from evaluation.title_questions import title_question, write_title_set

pytestmark = pytest.mark.search

TITLE = "Congé de maternité d'une salariée du secteur privé"


def test_one_word_in_four_is_left_out() -> None:
    """Of those that say something; in the order of the title; nothing of a short title."""
    question = title_question("1", TITLE)
    kept, words = question.split(), TITLE.split()
    assert len(kept) < len(words)
    assert question == title_question("1", TITLE)
    assert title_question("1", "Congé de maternité") == ""


def test_every_document_of_the_title_answers(tmp_path: Path) -> None:
    """A set that the evaluation reads, with as many questions as were asked for."""
    documents = tuple(JudgedText(name, TITLE, "Texte.") for name in ("a", "b", "c"))
    corpus = tmp_path / "corpus.jsonl"
    lines = [
        f'{{"_id": "{one.id}", "title": "{one.title}", "text": "Texte."}}' for one in documents
    ]
    corpus.write_text("\n".join(lines), encoding="utf-8")
    assert write_title_set(documents, corpus, tmp_path / "set", 2) == 2
    judged = load_search_set(tmp_path / "set")
    assert {query.id: dict(judged.judgments[query.id]) for query in judged.queries} == {
        "ta": {"a": 1, "b": 1, "c": 1},
        "tb": {"a": 1, "b": 1, "c": 1},
    }
