"""Accounts of a wiki's revisions and shares of text, by MediaWiki's API from 1.39 to 1.43."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_mediawiki.pages import (
    PageConverter,
    Rendering,
    Revision,
    WikiPage,
    standing_bytes,
)

from connectors.values import Access

pytestmark = [pytest.mark.sources, pytest.mark.trust]

NOBODYS: dict[str, dict[str, Any]] = {
    "an address": {"user": "192.0.2.1", "anon": True},
    "a temporary account that says so": {"user": "~2026-1234-5", "temp": True},
    "a temporary account by its name alone": {"user": "~2026-1234-5"},
    "an account of the wiki that it came from": {"user": "intranet>Jeanne"},
    "one hidden from who may not see it": {"userhidden": True},
    "one hidden, shown to an account that may see it": {"user": "Jeanne", "userhidden": True},
}


def contributors(*revisions: dict[str, Any], uploads: tuple[dict[str, Any], ...] = ()) -> list[str]:
    moments = [f"2026-01-0{9 - n}T00:00:00Z" for n in range(9)]
    page = WikiPage.model_validate(
        {
            "pageid": 1,
            "title": "Bornage",
            "revisions": [
                {"revid": 9 - n, "timestamp": moments[n], **one} for n, one in enumerate(revisions)
            ],
            "imageinfo": [{"timestamp": moments[n], **one} for n, one in enumerate(uploads)],
        }
    )
    author = PageConverter("w", frozenset(), lambda _page: b"")
    made = author.document(page, Rendering(pageid=1, text="<p>x</p>"), Access())
    return [one.account for one in made.contributions]


@pytest.mark.parametrize("kind", NOBODYS)
def test_what_is_nobodys_is_joined_to_nobody(kind: str) -> None:
    """Neither as an author nor as who uploaded a file; the others\' are theirs."""
    nobodys = NOBODYS[kind]
    assert contributors({"user": "Ana"}, nobodys, uploads=(nobodys,)) == ["w:Ana"]
    assert contributors(nobodys) == []


@pytest.mark.parametrize("user", ["Jeanne", "Jeanne ~ Paris", "~Jeanne", "2026-1"])
def test_odd_names_are_still_accounts(user: str) -> None:
    """Only what no account of the wiki can be called is left out."""
    assert contributors({"user": user}) == [f"w:{user}"]


def standing(*texts: str | None) -> list[int]:
    """Of a history of texts; None is a revision whose size the wiki does not tell."""
    history = [
        Revision.model_validate(
            {
                "revid": number,
                "timestamp": "2026-01-01T00:00:00Z",
                "size": None if text is None else len(text),
                "sha1": text or "",
            }
        )
        for number, text in enumerate(texts)
    ]
    return standing_bytes(history)


def test_what_each_revision_added_and_still_stands() -> None:
    """By sizes: undone is nothing, a cut takes from all before it, a comma is one byte."""
    page = "a" * 226
    assert standing(page, page + "bb") == [226, 2]
    assert standing(page, "", page) == [226, 0, 0], "who undoes a blanking wrote nothing"
    assert standing(page, page + "spam", page, page + "c") == [226, 0, 0, 1]
    assert standing("a" * 100, "a" * 100 + "b" * 100, "a" * 50 + "b" * 50) == [50, 50, 0]
    assert standing(page, None) == []
    assert standing() == []


def test_a_page_that_nobody_known_wrote_tells_no_volumes() -> None:
    """Else whoever corrected a comma in it would have written most of what is anybody's."""

    def volumes(first: dict[str, Any]) -> list[int | None]:
        page = WikiPage.model_validate(
            {
                "pageid": 1,
                "title": "Bornage",
                "revisions": [
                    {"revid": 1, "timestamp": "2026-01-01T00:00:00Z", "size": 226, **first},
                    {"revid": 2, "timestamp": "2026-01-02T00:00:00Z", "size": 228, "user": "Ben"},
                ],
            }
        )
        author = PageConverter("w", frozenset(), lambda _page: b"")
        made = author.document(page, Rendering(pageid=1, text="<p>x</p>"), Access())
        return [one.volume for one in made.contributions]

    assert volumes({"user": "Ana"}) == [226, 2]
    assert volumes({"userhidden": True}) == [None]


@given(st.lists(st.text("ab", max_size=6), max_size=12))
def test_standing_bytes_are_those_of_the_page(texts: list[str]) -> None:
    """Together what the last revision has, but for rounding; nobody has less than nothing."""
    found = standing(*texts)
    assert len(found) == len(texts)
    assert min(found, default=0) >= 0
    assert abs(sum(found) - len(texts[-1] if texts else "")) <= len(texts)
