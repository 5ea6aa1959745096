"""Rules of the check of written sentences, for any text in any pieces."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from quisait_written_answer.grounding import Fault, Grounds, fault_of
from quisait_written_answer.sentences import CitedSentence, SentenceCutter

pytestmark = pytest.mark.trust

WORDS = """
cadastre parcelle agent service délai demande prime congé formulaire commune département direction
bureau versement impôt taxe dégrèvement contrôle dossier régisseur caisse
""".split()  # noqa: SIM905
OTHERS = ["loutre", "zibeline", "girafe", "tamanoir", "ornithorynque"]
NUMBERS = [f"{number}" for number in range(2, 60)]
UNITS = ["jours", "mois", "agents", "euros"]
words = st.lists(st.sampled_from(WORDS), min_size=2, max_size=8)
figure = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(UNITS)).map(" ".join)


@st.composite
def written(draw: st.DrawFn) -> str:
    """A sentence of the passages' words, with or without a figure, a name and a negation."""
    parts = ["Le", *draw(words)]
    if draw(st.booleans()):
        parts.insert(draw(st.integers(2, len(parts))), f"de {draw(figure)}")
    if draw(st.booleans()):
        parts.append(f"avec {draw(st.sampled_from(['Mme Durand', 'la DGFiP', 'Rennes']))}")
    if draw(st.booleans()):
        parts.insert(1, "service ne peut pas")
    return " ".join(parts) + "."


passages = st.lists(written(), min_size=1, max_size=5).map(" ".join)
texts = st.text(st.sampled_from("Aé b.!?[]12,\n«»–- 【】<think>/"), max_size=120)


@given(passages)
@example("Le service ne peut pas fixer le délai. Le délai fixer service.")
def test_a_quotation_is_kept(text: str) -> None:
    """Each sentence of a passage is said by that passage."""
    grounds = [Grounds("Titre", "", text)]
    for sentence in text.split(". "):
        quoted = CitedSentence(sentence.rstrip(".") + ".", (1,))
        assert fault_of(quoted, grounds) is None, quoted


@given(passages, written(), st.sampled_from(OTHERS))
def test_a_word_that_no_passage_has_is_struck(text: str, sentence: str, other: str) -> None:
    """Wherever it stands, whatever else is true."""
    said = CitedSentence(f"{sentence[:-1]} {other}.", (1,))
    assert fault_of(said, [Grounds("", "", f"{text} {sentence}")]) is not None


@given(passages, st.sampled_from(NUMBERS), st.sampled_from(UNITS))
def test_a_number_that_no_passage_has_is_struck(text: str, number: str, unit: str) -> None:
    """And so is one that stands there with another unit."""
    said = CitedSentence(f"Le délai du service est de {number} {unit}.", (1,))
    known = f"{text} Le délai du service est fixé."
    if f"{number} {unit}" not in known:
        assert fault_of(said, [Grounds("", "", known)]) is Fault.NUMBER


@given(passages, passages, st.data())
def test_what_another_passage_says_needs_its_citation(
    one: str, other: str, data: st.DataObject
) -> None:
    """A sentence is compared with what it cites alone."""
    quoted = data.draw(st.sampled_from(other.split(". "))).rstrip(".") + " zibeline."
    grounds = [Grounds("", "", one), Grounds("", "", quoted)]
    assert fault_of(CitedSentence(quoted, (1,)), grounds) is not None
    assert fault_of(CitedSentence(quoted, (2,)), grounds) is None


@given(passages, st.lists(st.integers(-5, 100), max_size=3).map(tuple))
def test_only_known_numbers_are_citations(text: str, cited: tuple[int, ...]) -> None:
    """None, or one of no passage, strikes the sentence."""
    fault = fault_of(CitedSentence(text, cited), [Grounds("", "", text)])
    expected = None if not set(cited) - {1} and cited else True
    assert fault is None or expected is True or fault in (Fault.SENSE, Fault.SWAPPED)
    if expected:
        assert fault in (Fault.UNCITED, Fault.UNKNOWN_PASSAGE)


@given(texts, st.lists(st.integers(1, 9), max_size=60))
@example("La prime est due. [1] Elle est versée en mai [2].", [1] * 60)
@example("Vu. [1", [3])
def test_sentences_are_the_same_however_they_arrive(text: str, steps: list[int]) -> None:
    """Cut anywhere, down to single characters; nothing is lost, doubled or cut otherwise."""
    whole = SentenceCutter()
    once = [*whole.feed(text), *whole.end()]
    pieces, at = SentenceCutter(), 0
    found: list[CitedSentence] = []
    for step in [*steps, len(text)]:
        found += pieces.feed(text[at : at + step])
        at += step
    assert [*found, *pieces.end()] == once


@given(st.lists(written(), min_size=1, max_size=6))
def test_each_cited_sentence_stands_alone(sentences: list[str]) -> None:
    """With its own citation, whether the next one begins with a capital or not."""
    text = " ".join(
        f"{one[:-1].lower() if number % 2 else one[:-1]} [{number}]."
        for number, one in enumerate(sentences, 1)
    )
    cutter = SentenceCutter()
    found = [*cutter.feed(text), *cutter.end()]
    assert [one.cited for one in found] == [(number,) for number in range(1, len(found) + 1)]
    assert len(found) == len(sentences)


@given(written(), st.integers(2, 30))
def test_a_sentence_that_was_cut_is_not_kept(sentence: str, left: int) -> None:
    """What follows the last citation may have changed it."""
    cut = f"{sentence[:-1]} [1] sauf {sentence[:left].rstrip(' .')}"
    assume(not cut.endswith("]"))
    cutter = SentenceCutter()
    *_, last = [*cutter.feed(cut), *cutter.end()]
    assert last.cited == ()
