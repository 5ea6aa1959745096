"""Contract of the `Index` port: how a question is understood, and what answers it."""

from dataclasses import replace

import pytest

from indexer.french.analysis import terms
from indexer.ports import Index
from indexer.values import Question, ShowRequest
from tests.builders import ANYONE, asking, put, vector_of


def _found(index: Index, text: str = "", **fields: tuple[str, ...]) -> set[str]:
    return {hit.document_id for hit in index.search(asking(text, **fields)).lexical}  # type: ignore[arg-type]


class QuestionChecks:
    """Words, phrases, exclusions, suggestions, passages and highlights."""

    @pytest.mark.parametrize(
        ("text", "asked"),
        [
            ("La taxe foncière", "fonciers"),
            ("Un revenu financier", "financières"),
            ("Les exonérations", "exoneration"),
            ("Les exonérations", "EXONÉRER"),
            ("l’exonération", "exonération"),
            ("L'exonération", "l’exonération"),
            ("Payer la CFE", "cfe"),
            ("Le PAS des agents", "PAS"),
            ("Le TA de Lyon", "ta"),
            ("Les missions de l'ES", "es"),
            ("Le formulaire 2042-C-PRO", "2042 C PRO"),
        ],
    )
    def test_french_is_understood(self, index: Index, text: str, asked: str) -> None:
        """Number, gender, accents, elision and acronyms do not keep a document away."""
        index.write([put("wiki:1", text), put("wiki:2", "Rien de commun")])
        assert _found(index, asked) == {"wiki:1"}

    def test_titles_answer_too(self, index: Index) -> None:
        """A word of the title alone is enough."""
        index.write([put("wiki:1", "Du texte", title="Cadastre"), put("wiki:2", "Autre")])
        assert _found(index, "cadastre") == {"wiki:1"}

    def test_a_document_without_text_answers_by_its_title(self, index: Index) -> None:
        """A file that gave no text is still found, but never by vector."""
        index.write([put("wiki:1", title="Cadastre"), put("wiki:2", "Autre")])
        answer = index.search(asking("cadastre", vector=vector_of("Autre")))
        assert [hit.document_id for hit in answer.lexical] == ["wiki:1"]
        assert [hit.document_id for hit in answer.vector] == ["wiki:2"]

    def test_a_phrase_stands_as_written(self, index: Index) -> None:
        """Its words side by side and in order, in the title or in the text."""
        index.write(
            [
                put("wiki:1", "Le permis de construire est affiché"),
                put("wiki:2", "Construire avec un permis"),
                put("wiki:3", "Du texte", title="Permis de construire"),
                put("wiki:4", "Le permis", "construire"),
            ]
        )
        assert _found(index, phrases=("permis de construire",)) == {"wiki:1", "wiki:3"}
        assert _found(index, "affiché", phrases=("permis de construire",)) == {"wiki:1"}

    def test_excluded_words_must_not_stand(self, index: Index) -> None:
        """Neither in the title nor in the text, in any of their forms."""
        index.write(
            [
                put("wiki:1", "La taxe foncière"),
                put("wiki:2", "La taxe des ordures"),
                put("wiki:3", "La taxe", title="Les ordures"),
            ]
        )
        assert _found(index, "taxe", excluded=("ordure",)) == {"wiki:1"}
        assert _found(index, excluded=("ordure",)) == {"wiki:1"}

    def test_phrases_and_exclusions_bind_the_nearest_too(self, index: Index) -> None:
        """With or without the words, the vector brings nothing that was ruled out."""
        index.write([put("wiki:1", "La taxe foncière"), put("wiki:2", "La taxe des ordures")])
        for lexical in (True, False):
            for bound in ({"excluded": ("ordures",)}, {"phrases": ("taxe foncière",)}):
                request = asking(
                    "taxe", vector=vector_of("La taxe des ordures"), lexical=lexical, **bound  # type: ignore[arg-type]
                )  # fmt: skip
                answer = index.search(request)
                assert [hit.document_id for hit in answer.vector] == ["wiki:1"]
                assert answer.total == 1

    def test_without_lexical_the_words_are_left_to_the_vector(self, index: Index) -> None:
        """No lexical ranking, and no lexical match in the total."""
        index.write([put("wiki:1", "La taxe"), put("wiki:2", "Autre chose")])
        answer = index.search(
            asking("taxe", vector=vector_of("Autre chose"), lexical=False, window=1)
        )
        assert answer.lexical == ()
        assert [hit.document_id for hit in answer.vector] == ["wiki:2"]
        assert answer.total == 1

    def test_suggestions_begin_with_what_is_typed(self, index: Index) -> None:
        """Every word is whole but the last one, which begins so; accents and case aside."""
        index.write(
            [
                put("wiki:1", "a", title="L’Exonération de taxe foncière"),
                put("wiki:2", "exonération", title="Taxes : taxe foncière"),
                put("wiki:3", "a", title="Menu de la cantine"),
            ]
        )
        first, second = "L’Exonération de taxe foncière", "Taxes : taxe foncière"
        beginning: dict[str, set[str]] = {
            "exo": {first},
            "EXONERATION": {first},
            "taxe fonc": {first, second},
            "fonciere tax": {first, second},
            "tax fonciere": set(),
            "onciere": set(),
            "": set(),
            "*": set(),
        }
        for typed, titles in beginning.items():
            assert {found.title for found in index.suggest(ANYONE, typed, 10)} == titles, typed

    def test_suggestions_are_limited(self, index: Index) -> None:
        """No more than asked for."""
        index.write([put(f"wiki:{n}", "a", title=f"Cadastre {n}") for n in range(8)])
        assert len(index.suggest(ANYONE, "cad", 3)) == 3

    def test_the_best_passage_answers_by_its_words(self, index: Index) -> None:
        """Without a vector, the passage with the question's words comes first."""
        index.write([put("wiki:1", "La cantine", "Le cadastre napoléonien", "Le parking")])
        shown = index.show(ShowRequest(ANYONE, ("wiki:1",), Question("cadastre"), passages=1))
        assert [found.passage.text for found in shown[0].passages] == ["Le cadastre napoléonien"]

    def test_the_best_passage_answers_by_its_vector(self, index: Index) -> None:
        """Without the words, the nearest passage comes first."""
        index.write([put("wiki:1", "La cantine", "Le cadastre", "Le parking")])
        asked = ShowRequest(ANYONE, ("wiki:1",), Question(), vector_of("Le parking"), passages=3)
        found = [shown.passage.text for shown in index.show(asked)[0].passages]
        assert found[0] == "Le parking"

    def test_highlights_point_at_the_words(self, index: Index) -> None:
        """Offsets count characters of the passage, whatever stands before."""
        text = "😀 Éléments : l’exonération, les EXONÉRATIONS, mais pas l'impôt"
        index.write([put("wiki:1", text)])
        shown = index.show(ShowRequest(ANYONE, ("wiki:1",), Question("exonérer impôts")))
        found = [text[start:end] for start, end in shown[0].passages[0].highlights]
        assert [terms(word) for word in found] == [["exoner"], ["exoner"], ["impot"]]

    def test_passages_that_are_not_to_be_marked_are_the_same_passages(self, index: Index) -> None:
        index.write([put("wiki:1", "La cantine", "L'impôt", "Le parking des impôts")])
        asked = ShowRequest(ANYONE, ("wiki:1",), Question("impôts"), passages=3)
        (marked,) = index.show(asked)
        (plain,) = index.show(replace(asked, marked=False))
        assert sum(len(one.highlights) for one in marked.passages) == 2
        assert plain.passages == tuple(replace(one, highlights=()) for one in marked.passages)

    def test_documents_are_shown_in_the_order_asked_for(self, index: Index) -> None:
        """Unknown ids are left out."""
        index.write([put(f"wiki:{n}", "a") for n in range(4)])
        wanted = ("wiki:2", "wiki:none", "wiki:0", "wiki:3")
        shown = index.show(ShowRequest(ANYONE, wanted, Question("a")))
        assert [found.card.document_id for found in shown] == ["wiki:2", "wiki:0", "wiki:3"]
