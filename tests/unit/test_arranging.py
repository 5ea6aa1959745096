"""The window, arranged: trust, freshness, validity, succession and copies."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import Section
from indexer.near_duplicates import bands, resemblance, same_text, shared_text, signature
from indexer.passages import cut
from indexer.values import HitAttributes, Passage
from search_api.ranking.fusion import FusedHit, RankingEffect
from search_api.ranking.reranking import (
    RankingPreferences,
    Successors,
    grouped_by_date,
    reranked,
    reranked_documents,
)

pytestmark = pytest.mark.pages

TODAY = date(2026, 3, 10)
PLAIN = RankingPreferences()
TEXT = " ".join(f"Le point {n} concerne la mesure numéro {n} du service." for n in range(10, 40))
OTHER = " ".join(f"Une phrase {n} sans rapport avec la première, ligne {n}." for n in range(10, 40))


def hit(document_id: str, score: float) -> FusedHit:
    return FusedHit(document_id, score, score, 1, 0.0, None)


def signed(text: str) -> bytes:
    return signature(cut((Section(text),), ""))


def order(
    scores: dict[str, float],
    marks: dict[str, HitAttributes],
    preferences: RankingPreferences = PLAIN,
) -> list[str]:
    hits = [hit(*one) for one in scores.items()]
    return [one.document_id for one in reranked(hits, marks, preferences, TODAY)]


def test_undated_sets_stay_as_they_are() -> None:
    """Without dates, days and copies, scores and order are those of the fusion."""
    scores = {"a": 0.9, "b": 0.9, "c": 0.1}
    hits = [hit(*one) for one in scores.items()]
    placed = reranked(hits, {one: HitAttributes("wiki") for one in scores}, PLAIN, TODAY)
    assert list(placed) == list(hits)


def test_a_successor_takes_the_better_place() -> None:
    """And what it replaces stands right below, whichever answers better; chains too."""
    marks = {
        "old": HitAttributes("wiki"),
        "new": HitAttributes("wiki", replaces=("old",)),
        "newest": HitAttributes("wiki", replaces=("new",)),
        "else": HitAttributes("wiki"),
    }
    placed = order({"old": 1.0, "else": 0.8, "new": 0.2, "newest": 0.1}, marks)
    assert placed == ["newest", "else", "new", "old"]
    placed = order({"old": 1.0, "else": 0.6, "new": 0.9, "newest": 0.1}, marks)
    assert placed == ["newest", "new", "old", "else"]


def test_a_successor_counts_from_its_first_day() -> None:
    """What comes into force tomorrow replaces nothing today."""
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    marks = {
        "old": HitAttributes("wiki"),
        "new": HitAttributes("wiki", valid_from=tomorrow, replaces=("old",)),
    }
    assert order({"old": 1.0, "new": 0.2}, marks) == ["old", "new"]
    marks["new"] = marks["new"]._replace(valid_from=TODAY.isoformat())
    assert order({"old": 1.0, "new": 0.2}, marks) == ["new", "old"]


def test_circles_and_little_trusted_sources_replace_nothing() -> None:
    """Nobody takes a place by naming the documents of a source that is trusted more."""
    circle = {
        "a": HitAttributes("wiki", replaces=("b", "a")),
        "b": HitAttributes("wiki", replaces=("a",)),
    }
    assert order({"a": 1.0, "b": 0.5}, circle) == ["a", "b"]
    taken = {"note": HitAttributes("notes"), "spam": HitAttributes("forum", replaces=("note",))}
    distrust, belief = (
        RankingPreferences(trust={"forum": 0.5}),
        RankingPreferences(trust={"notes": 0.05}),
    )
    assert order({"note": 0.6, "spam": 0.1}, taken, distrust) == ["note", "spam"]
    assert order({"note": 0.6, "spam": 0.1}, taken) == ["note", "spam"]
    assert order({"note": 0.6, "spam": 0.1}, taken, belief) == ["spam", "note"]


def test_a_chain_between_two_circles_is_none() -> None:
    """Only who is among their own successors is in a circle, whatever stands between circles."""
    named = {"a": "b", "b": "a", "c": "a", "d": "c", "e": "d", "f": "e", "x": "y"}
    marks = {one: HitAttributes("wiki", replaces=(former,)) for one, former in named.items()}
    marks |= {"e": HitAttributes("wiki", replaces=("d", "f")), "y": HitAttributes("wiki")}
    found = Successors(marks, {}, TODAY)
    told = {
        (successor, former)
        for successor in marks
        for former in marks
        if found.replaces(successor, former)
    }
    assert told == {("d", "c"), ("x", "y")}


@given(st.lists(st.tuples(*[st.sampled_from("abcdefgh")] * 2), max_size=20))
def test_what_is_told_is_what_moves(pairs: list[tuple[str, str]]) -> None:
    """Words and order follow the same rule; no two documents replace each other."""
    named = {one: tuple(b for a, b in pairs if a == one) for one in "abcdefgh"}
    marks = {one: HitAttributes("wiki", replaces=formers) for one, formers in named.items()}
    found = Successors(marks, {}, TODAY)
    for a in marks:
        assert a not in found.successors(a)
        for b in marks:
            assert not found.replaces(a, b) or (b in named[a] and a in found.successors(b))
            assert not (found.replaces(a, b) and b in found.successors(a))


def test_what_is_over_sinks_and_says_so() -> None:
    """From the day after its last; `past_share` says how far."""
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    marks = {"past": HitAttributes("wiki", valid_until=yesterday), "now": HitAttributes("wiki")}
    scores = {"past": 1.0, "now": 0.8}
    assert order(scores, marks) == ["now", "past"]
    assert order(scores, marks, RankingPreferences(past_share=1.0)) == ["past", "now"]
    marks["past"] = marks["past"]._replace(valid_until=TODAY.isoformat())
    assert order(scores, marks) == ["past", "now"]


def test_freshness_is_mild_and_trust_multiplies() -> None:
    """A recent document passes one that is nearly as good, and no other."""
    recent = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    old = datetime(2001, 3, 1, tzinfo=UTC).timestamp()
    marks = {
        "new": HitAttributes("wiki", recent),
        "old": HitAttributes("notes", old),
        "undated": HitAttributes("notes"),
    }
    assert order({"old": 1.0, "undated": 0.98, "new": 0.97}, marks) == ["new", "old", "undated"]
    assert order({"old": 1.0, "undated": 0.98, "new": 0.9}, marks) == ["old", "undated", "new"]
    trusting = RankingPreferences(trust={"wiki": 1.2})
    placed = reranked([hit("old", 1.0), hit("new", 0.9)], marks, trusting, TODAY)
    assert [(one.document_id, one.effects) for one in placed] == [
        ("new", (RankingEffect.TRUSTED, RankingEffect.RECENT)),
        ("old", ()),
    ]


def test_copies_are_one_result() -> None:
    """The best stands for all; different validities, successors and other texts stay apart."""
    text = HitAttributes("wiki", text_signature=signed(TEXT))
    marks = {
        "a": text,
        "b": text._replace(source="notes", text_signature=signed(f"Reçu le 12. {TEXT}")),
        "c": text._replace(valid_until="2030-01-01"),
        "d": text._replace(valid_until="2031-01-01"),
        "e": HitAttributes("wiki", text_signature=signed(OTHER)),
        "f": text._replace(replaces=("a",)),
    }
    scores = {"c": 0.9, "a": 0.8, "b": 0.7, "d": 0.6, "e": 0.5, "f": 0.1}
    hits = [hit(*one) for one in scores.items()]
    del marks["f"]
    placed = reranked(hits, marks, PLAIN, TODAY)
    assert [(one.document_id, one.copies) for one in placed] == [
        ("c", ("a", "b")),
        ("d", ()),
        ("e", ()),
        ("f", ()),
    ]
    alone = reranked_documents(hits, marks, PLAIN, TODAY)
    assert [one.document_id for one in alone] == ["c", "a", "b", "d", "e", "f"]
    related = {"a": text, "f": text._replace(replaces=("a",))}
    placed = reranked([hit("a", 0.8), hit("f", 0.1)], related, PLAIN, TODAY)
    assert [(one.document_id, one.copies) for one in placed] == [("f", ()), ("a", ())]


def test_many_copies_leave_the_window_to_others() -> None:
    """Cut to W after grouping, not before."""
    marks = {f"copy{n:03}": HitAttributes("wiki", text_signature=signed(TEXT)) for n in range(30)}
    hits = [hit(one, 0.9) for one in marks] + [hit("other", 0.1)]
    placed = reranked(hits, marks, PLAIN, TODAY, window=2)
    assert [one.document_id for one in placed] == ["copy000", "other"]
    dated = grouped_by_date(hits, marks, PLAIN, TODAY)
    assert [(one.document_id, len(one.copies)) for one in dated] == [
        ("copy000", 29),
        ("other", 0),
    ]


def test_a_signature_stays_what_indexes_hold() -> None:
    """As datasketch 2.0 made it."""
    words = [f"mot{n}" for n in range(40)]
    found = signature([Passage(" ".join([*words, "2024", "117"]))])
    digest = "7e47248eb0651697310c8feae7e48436120bd92595af0506c9386d36f622509e"
    assert hashlib.sha256(found).hexdigest() == digest


def test_copies_are_told_from_versions() -> None:
    """Cut otherwise, stamped, hyphenated: the same; with other numbers, or short: not."""
    whole = signed(TEXT)
    assert same_text(whole, signed(TEXT.replace("concerne", "con-\ncerne").upper()))
    moved = "".join(str((int(c) + 5) % 10) if c.isdigit() else c for c in TEXT)
    assert not same_text(whole, signed(moved))
    assert not same_text(whole, signed(OTHER))
    assert signed("Trop court pour être une copie.") == b""
    assert not same_text(b"", b"")
    assert resemblance(whole, whole) == 1.0
    assert len(bands(whole)) == 16


PIECES = st.lists(st.sampled_from([b"a" * 8, b"b" * 8, b"c" * 8]), min_size=16, max_size=16)


@given(st.lists(st.one_of(st.just([]), PIECES), max_size=4), st.binary(min_size=64, max_size=64))
def test_what_may_be_a_copy_is_found_at_once(pieces: list[list[bytes]], numbers: bytes) -> None:
    """Whoever has a band in common with another one, and nobody else; numbers say nothing."""
    signed_so = [b"".join(some) + (numbers if some else b"") for some in pieces]
    keys = [set(bands(one)) if one else set() for one in signed_so]
    others = [keys[:at] + keys[at + 1 :] for at in range(len(keys))]
    pairs = enumerate(zip(keys, others, strict=True))
    expected = [at for at, (own, rest) in pairs if any(own & other for other in rest)]
    assert shared_text(signed_so) == expected


SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=9)
LINKS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20)
DAYS = st.lists(st.sampled_from([None, "2020-01-01", "2030-01-01"]), min_size=9, max_size=9)


@given(SCORES, LINKS, DAYS, st.floats(0, 1))
def test_no_successor_stands_below_what_it_replaces(
    scores: list[float], links: list[tuple[int, int]], days: list[str | None], share: float
) -> None:
    """Whatever replaces what, each document is there once, in the order of its score."""
    names = [f"d{n}" for n in range(len(scores))]
    marks = {
        name: HitAttributes(
            "wiki",
            valid_until=days[n],
            replaces=tuple(f"d{old}" for new, old in links if new == n),
        )
        for n, name in enumerate(names)
    }
    hits = [hit(*one) for one in zip(names, scores, strict=True)]
    placed = reranked(hits, marks, RankingPreferences(past_share=share), TODAY)
    found = [one.document_id for one in placed]
    assert sorted(found) == sorted(names)
    assert [one.score for one in placed] == sorted((one.score for one in placed), reverse=True)
    succession = Successors(marks, {}, TODAY)
    for name in names:
        assert name not in succession.successors(name)
        assert all(
            found.index(successor) < found.index(name) for successor in succession.successors(name)
        )


def test_a_forwarded_message_stands_below_its_original() -> None:
    """A part of the text is enough; a message about something else keeps its place."""
    half = TEXT[: len(TEXT) * 3 // 5]
    marks = {
        "forward": HitAttributes("mail", title="TR: Mesures", text_signature=signed(half)),
        "other": HitAttributes("mail", title="TR: Autre", text_signature=signed(OTHER)),
        "original": HitAttributes("wiki", title="Mesures", text_signature=signed(TEXT)),
    }
    assert order({"other": 1.0, "forward": 0.9, "original": 0.5}, marks) == [
        "other",
        "original",
        "forward",
    ]
