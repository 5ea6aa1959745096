"""Words of a question that are marked in a passage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import highlighting
from indexer.french.analysis import analyse
from indexer.highlighting import highlights, question_terms, term_spans, terms_found
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


_SAID = (
    "de la à a y l d n no n° NO L D art art. l'art L. R* 16 B b 12 1er 1 er janvier mars 2020 "
    "pour cent % ter bis quater decies sexies URSSAF l'URSSAF CFE PAS pas TA Le l'impôt d'un "
    "agent·e·s agent(e)s agent-e-s agent.e.s non-résident micro-entreprise porte- monnaie "
    "https://a.fr https a@b.fr, taxe, taxe; fin. (voir) 2042-C-PRO 2042 PRO 3,5 1 500 000 "
    "« » : ? – Le Taxe Fin. (voir Voir) L'Etat D'abord l'Etat Janvier Art. L'art. Cent Decies "
    "La Il À De Or Er No 2022 7, 5). € %, voir...), (es) y n'y L'un 1er, (L'impôt Il "
    "elle-même sous-art. (s'il ex-PAS "
    "2A aujourd'hui e\u0301 \u00ad - · . , ’"
)
WORDS = _SAID.split(" ")
BETWEEN = st.sampled_from([" ", " ", " ", " ", "", "\n", "-", "'", "\u00a0"])


def marks_what_it_says(text: str) -> None:
    """Each of its terms where the text as a whole has it, and all of them together."""
    said = analyse(text)
    every = frozenset(name for term in said for name in term.all)
    for wanted in (every, *(frozenset({name}) for name in every)):
        places = [(term.start, term.end) for term in said if not wanted.isdisjoint(term.all)]
        assert list(term_spans(text, wanted)) == places
    assert list(terms_found(text)) == [frozenset((term.term, *term.broader)) for term in said]


@pytest.mark.parametrize(
    "text",
    [
        "le 12 janvier 2020 au plus",
        "le 1 er janvier 2020 est un",
        "soit 5 pour cent de taxe",
        "au 16 ter B de la loi",
        "selon art. L. 16 B ou pas",
        "dans le cadre du PAS et de la TA aussi",
        "elle est sous l URSSAF PAS",
        "une note de LA TAXE",
        "TAUX PAS % le taux",
        "LA RÉFORME DU PAS €, le",
        "NO-POUR\n% le",
        "TAUX PAS 5 % le",
        "une sous-art. 2042",
    ],
)
def test_what_belongs_together_is_not_cut(text: str) -> None:
    """A date, a share, an article; capitals keep the neighbour that tells them."""
    marks_what_it_says(text)


@given(st.lists(st.tuples(st.sampled_from(WORDS), BETWEEN), max_size=9))
def test_a_text_read_in_pieces_says_what_it_says_whole(written: list[tuple[str, str]]) -> None:
    """References, acronyms, elisions, compounds: no cut parts what belongs together."""
    text = "".join(word + between for word, between in written)
    marks_what_it_says(text)


def test_what_there_is_no_room_to_keep_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word like any other, that nobody had read before, is marked where it stands."""
    monkeypatch.setattr(highlighting, "CACHED_WORDS", 0)
    text = "les xénotimes du service, un xénotime et 5 xénotimes"
    marks_what_it_says(text)
    assert [text[a:b] for a, b in term_spans(text, frozenset(["xenotim"]))] == [
        "xénotimes", "xénotime", "xénotimes",
    ]  # fmt: skip
