"""What may be chosen in a passage, and how a choice is read while it arrives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_written_answer.choosing import HEADINGS, MOST_CHOSEN, choosable, read_choice
from quisait_written_answer.values import ModelFailed


def texts(text: str, most: int = 1_600) -> list[str]:
    return [text[start:end].strip() for start, end in choosable(text, most)]


@pytest.mark.parametrize(
    "text",
    [
        "Le dégrèvement est accordé. Sauf si le local est vide.",
        "Le dégrèvement est accordé. Toutefois, le maire peut le refuser.",
        "Le délai est de deux mois. Il court de la notification.",
        "Joignez à la demande :\n\nUne copie de l'acte de vente.",
        "Non. La déduction est réservée aux personnes seules.",
        "Les conditions sont trois. • L'âge est de 75 ans. • Le revenu est modeste.",
    ],
)
def test_a_sentence_is_not_cut_from_what_restricts_it(text: str) -> None:
    assert texts(text) == [text]


def test_sentences_that_stand_alone_are_chosen_alone() -> None:
    first, second = "Le délai est de deux mois.", "Le maire signe la demande."
    assert texts(f"{first} {second}") == [first, second]


def test_a_table_is_one_choice() -> None:
    """A row means nothing without the head."""
    table = "Durée | Taux. Moins d'un an | 10 %. Plus d'un an | 20 %."
    assert texts(table) == [table]


def test_the_end_of_a_cut_passage_is_left_out() -> None:
    """What follows may restrict it."""
    text = "Le dégrèvement est accordé. Le maire signe la demande. Sauf en mars."
    assert texts(text, 54) == ["Le dégrèvement est accordé."]


def test_a_beginning_that_depends_on_what_is_before_is_left_out() -> None:
    assert texts("Il court de la notification. Le maire signe.") == ["Le maire signe."]


@given(st.text(max_size=300), st.integers(1, 300))
def test_what_may_be_chosen_is_in_order_and_apart(text: str, most: int) -> None:
    """Within the first `most` characters."""
    spans = list(choosable(text, most))
    assert all(0 <= start < end <= most for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(
    st.sampled_from(["", *HEADINGS]),
    st.lists(st.integers(1, 40), min_size=1, max_size=MOST_CHOSEN, unique=True),
    st.sampled_from([", ", ",", " ", "; ", "\n"]),
)
def test_a_choice_is_read_whole_and_in_pieces(heading: str, numbers: list[int], by: str) -> None:
    """No beginning of it is refused; what was read of it is a beginning of the choice."""
    written = f"{heading} : " * bool(heading) + by.join(map(str, numbers))
    whole = read_choice(written, 40, ended=True)
    assert (whole.heading, whole.numbers) == (heading, tuple(numbers))
    for end in range(len(written)):
        begun = read_choice(written[:end], 40, ended=False)
        assert begun.numbers == whole.numbers[: len(begun.numbers)]


@pytest.mark.parametrize("begun", ["Les pass", "1, 1, ", "41, ", "1) un", "1, 2, 3, 4, 5, 6, 7, "])
def test_what_cannot_become_a_choice_ends_at_once(begun: str) -> None:
    with pytest.raises(ModelFailed):
        read_choice(begun, 40, ended=False)


@given(st.text(max_size=60))
def test_any_text_is_a_choice_of_known_sentences_or_refused(text: str) -> None:
    try:
        found = read_choice(text, 5, ended=True)
    except ModelFailed:
        return
    assert set(found.numbers) <= set(range(1, 6))
