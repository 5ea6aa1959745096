"""Contract of the `Index` port: expected questions, which go with their document."""

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.cards import with_question_vectors
from indexer.centroids import nearest_questions
from indexer.ports import Index
from indexer.values import Put, PutAccess, Question, ShowRequest
from tests.builders import ANYONE, ENCODER, asking, put, reading, vector_of

ASKED = "le paternel est mort, qui règle la note"


def _put(document_id: str, *questions: str) -> Put:
    plain = put(document_id, "Les héritiers acquittent la taxe.", questions=questions)
    (indexed,) = with_question_vectors(ENCODER, [plain.indexed])
    return Put(indexed)


def _found(index: Index, text: str, access: AccessFilter = ANYONE) -> list[str]:
    return [hit.document_id for hit in index.search(asking(text, access=access)).lexical]


class ExpectedQuestionsChecks:
    """A document is found by its expected questions, by who may read it."""

    def test_a_document_is_found_by_the_words_of_its_questions(self, index: Index) -> None:
        index.write([_put("wiki:1", ASKED), _put("wiki:2")])
        assert _found(index, "paternel") == ["wiki:1"]
        index.write([_put("wiki:1")])
        assert _found(index, "paternel") == []

    def test_a_hit_has_the_vectors_of_its_questions(self, index: Index) -> None:
        index.write([_put("wiki:1", "autre chose", ASKED), _put("wiki:2")])
        wanted = asking("taxe", vector=vector_of(ASKED), with_attributes=True)
        marks = index.search(wanted).attributes
        ((cosine, number),) = nearest_questions([marks["wiki:1"].questions], vector_of(ASKED))
        assert (cosine > 0.99, number) == (True, 1)
        assert marks["wiki:2"].questions == b""

    def test_questions_are_shown_with_the_card_and_read_whole(self, index: Index) -> None:
        written = _put("wiki:1", ASKED)
        index.write([written])
        (shown,) = index.show(ShowRequest(ANYONE, ("wiki:1",), Question(), passages=0))
        assert shown.card.questions == (ASKED,)
        (whole,) = index.documents(["wiki:1"])
        assert whole.document.questions == (ASKED,)
        assert whole.question_vectors == written.indexed.question_vectors

    def test_no_question_finds_a_document_for_who_may_not_read_it(self, index: Index) -> None:
        index.write([_put("wiki:1", ASKED)])
        index.write([PutAccess("wiki:1", Access(frozenset({"ldap:group:rh"})))])
        answer = index.search(asking("paternel", vector=vector_of(ASKED), with_attributes=True))
        assert (answer.lexical, answer.vector, dict(answer.attributes)) == ((), (), {})
        assert _found(index, "paternel", reading("ldap:group:rh")) == ["wiki:1"]
