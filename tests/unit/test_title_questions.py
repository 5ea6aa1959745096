"""Questions that nearly are titles: the same ones out of the same documents."""

from pathlib import Path

import pytest

from evaluation.corpora import JudgedText, load_search_set
from evaluation.title_questions import title_question, write_title_set
from indexer.french.analysis import analyse

pytestmark = pytest.mark.search

TITLE = "Congé de maternité d'une salariée du secteur privé"


def test_a_question_is_a_noisy_title() -> None:
    """Shorter, with a word of the text, in another order; always the same; none of a short one."""
    asked = {name: title_question(name, TITLE, "Une naissance.") for name in map(str, range(20))}
    assert all("naissance" in question for question in asked.values())
    assert all(len(question.split()) < len(TITLE.split()) for question in asked.values())
    assert len({question.split()[0] for question in asked.values()}) > 2
    assert asked["1"] == title_question("1", TITLE, "Une naissance.")
    titled = {term.term for term in analyse(TITLE)}
    for question in asked.values():
        said = {term.term for term in analyse(question)} & titled
        assert len(titled) / 2 <= len(said) < len(titled)
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
