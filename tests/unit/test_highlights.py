"""What a question marks in a passage."""

import pytest

from indexer.highlights import highlights, question_terms
from indexer.values import Question

pytestmark = pytest.mark.search


@pytest.mark.parametrize(
    ("asked", "text", "marked"),
    [
        ("impôts", "sur l’impôt 😀\0sur l'Impôt", ["impôt", "Impôt"]),
        ("2042", "La 2042-C-PRO, pas la 2044", ["2042-C-PRO"]),
        ("2042-C-PRO", "La 2042, la 2042 C PRO", ["2042 C PRO"]),
        ("PAS", "Ce n'est pas le PAS", ["PAS"]),
        ("micro-entreprise", "Une micro-entreprise, une microentreprise",
         ["micro", "entreprise", "microentreprise"]),
        ("agents", "agent·e·s et agent(e)s", ["agent", "agent"]),
        ("", "rien", []),
    ],
)  # fmt: skip
def test_the_words_that_answer_are_marked(asked: str, text: str, marked: list[str]) -> None:
    """Offsets count characters of the passage; the article in front of a word stays out."""
    found = highlights(text, question_terms(Question(asked)))
    assert [text[start:end] for start, end in found] == marked


def test_a_phrase_marks_its_words() -> None:
    """Each where it stands."""
    found = highlights(
        "Permis de construire", question_terms(Question(phrases=("permis de construire",)))
    )
    assert found == ((0, 6), (10, 20))
