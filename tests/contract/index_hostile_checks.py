"""Contract of the `Index` port: odd ids and hostile questions are ordinary ones."""

import pytest

from indexer.ports import Index
from indexer.values import Put, PutAccess, Question, Remove, ShowRequest
from tests.builders import ANYONE, allowed, asking, indexed, make_document, put, vector_of
from tests.each import each

_ODD_IDS = [
    "wiki:" + "é" * 700,
    "wiki:" + "x" * 5000,
    "wiki:a/b?c=d&e#f%20g h",
    "wiki:\"'*\\{}[]()",
    "wiki:" + "\n\t",
    "wiki:שלום😀",
    "wiki:_id",
]

_HOSTILE = [
    "cadastre " * 1100,
    "𝕔 😀👨‍👩‍👧 \u202e\u0000\u0007\x1b[31m",
    "مرحبا بالعالم שלום",
    "*",
    "cad* ?ad~2 cadastre^9 AND OR NOT (cadastre:[* TO *]",
    "\"' OR 1=1; DROP TABLE documents; --",
    '{"query": {"match_all": {}}}',
    "\\ / ' \" ( ) [ ] { } ~ ^ : ! + - && ||",
    "x" * 10_000,
    "' ’ ‘ « »",
    "de la le les",
    "\u0301\u0301",
]


class HostileChecks:
    """Hostile and odd inputs of a person or a script."""

    @pytest.mark.parametrize("document_id", _ODD_IDS, ids=range(len(_ODD_IDS)))
    def test_any_id_works(self, index: Index, document_id: str) -> None:
        """Ids of any length and characters are written, found, shown, closed and removed."""
        twin = document_id + "x"
        pair = [indexed(make_document(found), "Le cadastre") for found in (document_id, twin)]
        index.write([Put(each) for each in pair])
        answer = index.search(asking("cadastre", vector=vector_of("Le cadastre")))
        assert {hit.document_id for hit in answer.lexical} == {document_id, twin}
        cards = index.show(ShowRequest(ANYONE, (document_id, twin), Question(), passages=0))
        assert [one.card.document_id for one in cards] == [document_id, twin]
        shown = index.show(ShowRequest(ANYONE, (document_id,), Question("cadastre")))
        assert [found.card.document_id for found in shown] == [document_id]
        index.write([PutAccess(twin, allowed("agent:z"))])
        assert [hit.document_id for hit in index.search(asking()).lexical] == [document_id]
        index.write([Remove(document_id)])
        assert [kept.document_id for kept in index.scan("wiki")] == [twin]

    def test_any_question_is_answered(self, index: Index) -> None:
        """As free text, phrase, exclusion and typed prefix; syntax of an engine means nothing."""
        index.write([put("wiki:1", "La cantine du ministère", title="Menu")])

        def answered(asked: str) -> None:
            answer = index.search(asking(asked, vector=vector_of("La cantine du ministère")))
            assert answer.lexical == ()
            assert answer.total == 1
            index.search(asking(phrases=(asked,)))
            index.search(asking("cantine", excluded=(asked,)))
            assert index.search(asking("cantine", filters={"space": (asked,)})).total == 0
            assert index.suggest(ANYONE, asked, 5) == ()
            shown = index.show(ShowRequest(ANYONE, ("wiki:1",), Question(asked)))
            assert shown[0].passages[0].passage.text == "La cantine du ministère"

        each(enumerate(_HOSTILE), answered)

    def test_too_many_words_are_dropped_and_said(self, index: Index) -> None:
        """The question is answered with its first words, and the answer says so."""
        index.write([put("wiki:1", "La cantine du ministère")])
        long = " ".join(f"mot{n}" for n in range(5000))
        assert index.search(asking(long, vector=vector_of("a"))).terms_dropped
        assert index.search(asking(phrases=(long,))).terms_dropped
        assert not index.search(asking("la cantine " * 2000)).terms_dropped

    def test_any_text_is_kept(self, index: Index) -> None:
        """Control characters, emoji and right-to-left text come back as they were."""
        text = "cadastre \x00\x07 😀 \u202eשלום ﷺ \u2028 fin"
        index.write([put("wiki:1", text, title=text)])
        shown = index.show(ShowRequest(ANYONE, ("wiki:1",), Question("cadastre fin")))
        assert (shown[0].card.title, shown[0].passages[0].passage.text) == (text, text)
        found = [text[start:end] for start, end in shown[0].passages[0].highlights]
        assert found == ["cadastre", "fin"]
