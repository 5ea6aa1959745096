"""A title that says the question stands first; nothing is added, lost or lowered."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.values import HitAttributes
from search_api.ranking.fusion import FusedHit
from search_api.ranking.titles import TITLE_WEIGHT, TITLES_READ, titled

WORDS = st.sampled_from(["congé", "bonifié", "cadastre", "bornage", "régie", "taxe", "foncière"])
TITLES = st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=TITLES_READ + 5)


def hit(number: int, score: float) -> FusedHit:
    return FusedHit(f"d{number:04}", score, score, number + 1, score, number + 1)


def made(titles: list[str]) -> tuple[list[FusedHit], dict[str, HitAttributes]]:
    """Hits with falling scores, by title."""
    hits = [hit(number, 1 - number / 1_000) for number in range(len(titles))]
    marks = {
        one.document_id: HitAttributes("s", title=title)
        for one, title in zip(hits, titles, strict=True)
    }
    return hits, marks


@given(TITLES, st.lists(WORDS, max_size=6).map(" ".join))
def test_the_same_hits_in_an_order(titles: list[str], question: str) -> None:
    """Each gains at most the weight, and what its title added is told."""
    hits, marks = made(titles)
    before = {one.document_id: one for one in hits}
    again = titled(hits, marks, question)
    assert {one.document_id for one in again} == before.keys()
    for one in again:
        former = before[one.document_id]
        assert 0 <= one.title <= TITLE_WEIGHT
        assert one == former._replace(score=former.score + one.title, title=one.title)
    assert again[TITLES_READ:] == tuple(hits[TITLES_READ:])


def test_what_is_asked_word_for_word_passes_what_is_near() -> None:
    """Inflected too; where many titles say the same, none stands out."""
    titles = ["Le cadastre", "Congés bonifiés des agents", "La régie"]
    hits, marks = made(titles)
    assert titled(hits, marks, "congé bonifié agent")[0].document_id == "d0001"
    hits, marks = made(["Le cadastre", *["Congés bonifiés"] * 6])
    assert titled(hits, marks, "congé bonifié") == tuple(hits)


def test_without_words_nothing_moves() -> None:
    """Nor without titles."""
    hits, marks = made(["Congés bonifiés", "Le cadastre"])
    assert titled(hits, marks, "") == titled(hits, {}, "cadastre") == tuple(hits)
