"""Contract of the `Index` port: near words, for what was mistyped."""

from connectors.values import EVERYONE
from indexer.ports import Index
from indexer.values import PutAccess
from tests.builders import ANYONE, allowed, put, reading

TREASURY = "ldap:group:tresorerie"
NEAR = {
    "cadstre": ["cadastre"],
    "cadatsre": ["cadastre"],
    "ccadastre": ["cadastre"],
    "xadastre": ["cadastre"],
    "exonratoin": ["exonération"],
    "exonrtion": ["exonération"],
    "guigamp": ["guingamp"],
    "gigap": [],
    "agee": None,
    "agees": None,
    "exonerations": None,
    "guingamp": None,
    "tre": [],
}


def _written(index: Index, word: str, *principals: str) -> list[str] | None:
    """Near words of one, best first; None where a readable document has the word."""
    found = index.near_words(reading(*principals), [word])
    return [near.written for near in found[word]] if word in found else None


class WordChecks:
    """Near words only come from readable documents."""

    def test_near_words_are_within_a_slip_or_two(self, index: Index) -> None:
        """One slip from four letters on, two from eight; no form of a word is a slip."""
        index.write(
            [
                put("wiki:1", "Rien", "L’exonération des personnes âgées", title="Guingamp"),
                put("wiki:2", "Le Cadastre"),
            ]
        )
        assert {asked: _written(index, asked) for asked in NEAR} == NEAR

    def test_the_nearest_and_most_frequent_comes_first(self, index: Index) -> None:
        """A slip fewer goes before documents more; both are told."""
        index.write(
            [
                put("wiki:1", "Les prestations"),
                put("wiki:2", "La prestation, le prestataire"),
                put("wiki:3", "La protestation", title="Les protestations"),
            ]
        )
        found = index.near_words(ANYONE, ["prestatons", "prestataife"])
        assert [(n.written, n.slips, n.documents) for n in found["prestataife"]] == [
            ("prestataire", 1, 1)
        ]
        assert found["prestatons"][0].written == "prestations"

    def test_several_words_are_asked_for_at_once(self, index: Index) -> None:
        """Each has its answer, and none is asked for without a word."""
        index.write([put("wiki:1", "Le cadastre de Guingamp")])
        found = index.near_words(ANYONE, ["cadstre", "guingamp", "zzzzzz", "guigamp"])
        assert {word: len(ones) for word, ones in found.items()} == {
            "cadstre": 1,
            "zzzzzz": 0,
            "guigamp": 1,
        }
        assert index.near_words(ANYONE, []) == {}

    def test_near_words_of_unreadable_documents_are_not_read(self, index: Index) -> None:
        """Neither as an answer nor as a word that is known; nor do they take a place."""
        closed = allowed(TREASURY)
        crowd = [
            put(f"wiki:{n:03}", f"cad{a}stre cadas{a}re cadestre", access=closed)
            for n, a in enumerate("bcdfghjklmnpqrtvwxz" * 3)
        ]
        index.write([*crowd, put("wiki:z", "Le cadastre", title="Un plan")])
        assert _written(index, "cadstre") == ["cadastre"]
        assert _written(index, "cadestre") == ["cadastre"]
        assert _written(index, "cadestre", TREASURY) is None
        index.write([PutAccess("wiki:z", closed)])
        assert _written(index, "cadstre") == []
        index.write([PutAccess("wiki:z", allowed(EVERYONE))])
        assert _written(index, "cadstre") == ["cadastre"]
