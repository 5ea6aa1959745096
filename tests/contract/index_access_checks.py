"""Contract of the `Index` port: readers cannot read, count or guess documents closed to them."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from connectors.values import EVERYONE, Access
from indexer.access import NOBODY, AccessFilter, access_filter
from indexer.ports import Index
from indexer.values import PutAccess, Question, SearchAnswer, ShowRequest
from tests.builders import ANYONE, allowed, asking, put, reading, vector_of
from tests.each import each
from tests.oracle import Unknown

SECRET = "La mutation confidentielle du chef de bureau"
TREASURY = "ldap:group:tresorerie"
DENIED = Access(frozenset({EVERYONE}), frozenset({"ldap:group:stagiaires"}))

NFD = unicodedata.normalize("NFD", "ldap:group:équipe")
NFC = unicodedata.normalize("NFC", NFD)


MISSPELT = Access(frozenset({EVERYONE}), frozenset({"ldap:group:satgiaires", TREASURY}))
KNOWING = Unknown(frozenset({"ldap:group:satgiaires"}))

UNREADABLE: list[tuple[str, Access, AccessFilter]] = [
    ("not allowed", allowed(TREASURY), ANYONE),
    ("denied", DENIED, reading("ldap:group:stagiaires")),
    ("denied by silence", DENIED, reading(unanswered=frozenset({"ldap"}))),
    ("not trusted", allowed(TREASURY), reading(TREASURY, unanswered=frozenset({"ldap"}))),
    ("nobody asks", allowed(EVERYONE), access_filter(NOBODY)),
    ("nobody may", Access(), reading(TREASURY)),
    ("another source", allowed(EVERYONE), ANYONE.within(frozenset({"notes"}))),
    ("no source", allowed(EVERYONE), ANYONE.within(frozenset())),
    ("nobody known is denied", MISSPELT, ANYONE.knowing(KNOWING)),
    ("denied in NFD", Access(frozenset({EVERYONE}), frozenset({NFD})), reading(NFC)),
    ("denied in NFC", Access(frozenset({EVERYONE}), frozenset({NFC})), reading(NFD)),
    ("another space", allowed(EVERYONE), replace(ANYONE, spaces=frozenset({"achats"}))),
    ("no space", allowed(EVERYONE), replace(ANYONE, spaces=frozenset())),
]


def write_secret(index: Index, access: Access) -> None:
    fields = {"title": "Mutation confidentielle", "space": "rh", "access": access}
    index.write(
        [put("wiki:secret", SECRET, **fields), put("wiki:open", "La cantine", title="Menu")]
    )


def _answers(index: Index, access: AccessFilter) -> Iterator[SearchAnswer]:
    vector = vector_of(SECRET)
    yield index.search(asking("mutation confidentielle", access=access))
    yield index.search(asking("mutation", access=access, vector=vector))
    yield index.search(asking("mutation", access=access, vector=vector, lexical=False))
    yield index.search(asking(access=access, vector=vector))
    yield index.search(asking(access=access))
    yield index.search(asking(access=access, phrases=("mutation confidentielle",)))
    yield index.search(asking(access=access, excluded=("cantine",)))
    yield index.search(asking(access=access, filters={"space": ("rh",)}))


def is_in_no_ranking(index: Index, access: AccessFilter) -> None:
    """Words, vectors, phrases, filters and listings all leave it out."""
    for answer in _answers(index, access):
        assert "wiki:secret" not in {hit.document_id for hit in (*answer.lexical, *answer.vector)}


def is_not_counted(index: Index, access: AccessFilter) -> None:
    """Neither totals nor facets tell that it exists."""
    for answer in _answers(index, access):
        ids = {hit.document_id for hit in (*answer.lexical, *answer.vector)}
        assert answer.total == len(ids)
        assert not answer.facets["space"]
        assert sum(value.count for value in answer.facets["source"]) == len(ids)


def is_not_suggested(index: Index, access: AccessFilter) -> None:
    """Typing the beginning of a secret title completes nothing."""
    assert index.suggest(access, "muta", 10) == ()


def is_not_shown(index: Index, access: AccessFilter) -> None:
    """Knowing an id opens nothing."""
    for passages in (0, 1):
        asked = ShowRequest(
            access, ("wiki:secret",), Question("mutation"), vector_of(SECRET), passages
        )
        assert index.show(asked) == ()
        assert index.show(replace(asked, document_ids=(), by_card=asked.document_ids)) == ()


def is_not_read_out(index: Index, access: AccessFilter) -> None:
    """Knowing an id reads no text: as if it had never been kept."""
    assert index.read(access, "wiki:secret") is None
    assert index.read(access, "wiki:never") is None


WAYS: dict[str, Callable[[Index, AccessFilter], None]] = {
    check.__name__: check
    for check in (is_in_no_ranking, is_not_counted, is_not_suggested, is_not_shown, is_not_read_out)
}


class AccessChecks:
    """Every way to a document, for every reason not to read it."""

    @pytest.mark.parametrize(("why", "listed", "access"), UNREADABLE, ids=lambda v: str(v)[:20])
    def test_an_unreadable_document_is_nowhere(
        self, index: Index, why: str, listed: Access, access: AccessFilter
    ) -> None:
        """Neither ranked, counted, suggested, shown nor read out."""
        write_secret(index, listed)
        each(WAYS.items(), lambda hides: hides(index, access))

    def test_whoever_is_allowed_reads(self, index: Index) -> None:
        """One allowed principal is enough, and the others' denials do not matter."""
        write_secret(index, Access(frozenset({TREASURY}), frozenset({"agent:b"})))
        access = reading(TREASURY).within(frozenset({"notes", "wiki"}))
        access = replace(access, spaces=frozenset({"rh", ""}))
        for answer in _answers(index, access):
            ids = {hit.document_id for hit in (*answer.lexical, *answer.vector)}
            assert "wiki:secret" in ids
            assert answer.total == len(ids)
        assert [s.document_id for s in index.suggest(access, "muta", 10)] == ["wiki:secret"]
        assert index.show(ShowRequest(access, ("wiki:secret",), Question("mutation")))
        read = index.read(access, "wiki:secret")
        assert read is not None
        assert [one.text for one in read.passages] == [SECRET]

    def test_a_change_of_access_acts_at_once(self, index: Index) -> None:
        """What was closed is out of every answer once the write has returned; and back."""
        write_secret(index, allowed(EVERYONE))
        index.write([PutAccess("wiki:secret", allowed(TREASURY))])
        for answer in _answers(index, ANYONE):
            assert "wiki:secret" not in {h.document_id for h in (*answer.lexical, *answer.vector)}
        assert index.suggest(ANYONE, "muta", 10) == ()
        assert index.read(ANYONE, "wiki:secret") is None
        assert index.search(asking("mutation", access=reading(TREASURY))).total == 1
        index.write([PutAccess("wiki:secret", allowed(EVERYONE))])
        assert index.search(asking("mutation")).total == 1

    def test_the_page_stays_full_beside_many_unreadable_documents(self, index: Index) -> None:
        """The filter stands inside the search: closer documents of others take no place."""
        closed = [put(f"wiki:x{n:03}", SECRET, access=allowed(TREASURY)) for n in range(60)]
        index.write([*closed, put("wiki:mine", "Une mutation ordinaire")])
        vector = vector_of(SECRET)
        answer = index.search(asking("mutation", vector=vector, window=10))
        assert [hit.document_id for hit in answer.lexical] == ["wiki:mine"]
        assert [hit.document_id for hit in answer.vector] == ["wiki:mine"]

    def test_five_hundred_principals_are_asked_for(self, index: Index) -> None:
        """An agent of many groups searches a document with long lists."""
        listed = Access(
            frozenset(f"ldap:group:a{n}" for n in range(500)),
            frozenset(f"ldap:group:d{n}" for n in range(500)),
        )
        index.write([put("wiki:1", "La cantine", access=listed)])
        groups = [f"ldap:group:b{n}" for n in range(499)]
        assert index.search(asking("cantine", access=reading("ldap:group:a7", *groups))).total == 1
        denied = reading("ldap:group:a7", "ldap:group:d9")
        assert index.search(asking("cantine", access=denied)).total == 0

    def test_a_denial_of_somebody_known_shuts_out_nobody_else(self, index: Index) -> None:
        """What is not known closes that document alone, and only as long as it is not known."""
        write_secret(index, MISSPELT)
        index.write([put("wiki:denying", SECRET, title="Mutation", access=DENIED)])
        index.write([put("wiki:mine", SECRET, title="Mutation", access=allowed(TREASURY))])
        for known, found in (
            (KNOWING, {"wiki:denying"}),
            (Unknown(frozenset()), {"wiki:denying", "wiki:secret"}),
            (Unknown(frozenset({"ldap:group:stagiaires"})), {"wiki:secret"}),
        ):
            answer = index.search(asking("mutation", access=ANYONE.knowing(known)))
            assert {hit.document_id for hit in answer.lexical} == found
