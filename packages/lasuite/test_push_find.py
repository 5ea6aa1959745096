"""Documents that La Suite's applications push become records with our rules of access."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from quisait_export.documents import RecordContext, documents_of
from quisait_export.schema import DeletedLine, RecordLine
from quisait_lasuite.documents import SuiteRules, parse_find_item
from quisait_push.items import PushedItem, PushOutcome, PushReceipt

from connectors.values import MAX_PRINCIPALS, ContributorRole, Document
from tests.pushed_documents import DOCUMENT, SUB

pytestmark = [pytest.mark.sources, pytest.mark.trust]

USERS = {f"docs:account:{SUB}", "docs:group:geometres"}


def read(rules: SuiteRules | None = None, **fields: Any) -> PushedItem | PushReceipt:
    return parse_find_item(DOCUMENT | fields, "docs", rules or SuiteRules(), 100_000)


def record(rules: SuiteRules | None = None, **fields: Any) -> RecordLine:
    one = read(rules, **fields)
    assert isinstance(one, PushedItem), one
    assert isinstance(one.line, RecordLine)
    return one.line


def allowed(line: RecordLine) -> set[str]:
    assert line.readers is not None
    return set(line.readers.allowed)


def test_a_document_is_a_record() -> None:
    """Title, text and dates are copied; `link` in the settings makes the address."""
    line = record(SuiteRules(link="https://docs.example/docs/{id}/"))
    assert (line.id, line.title, line.text) == (
        DOCUMENT["id"],
        "Notice du cadastre",
        "Le bornage fixe la limite.",
    )
    assert line.created is not None
    assert line.modified is not None
    assert line.url == f"https://docs.example/docs/{DOCUMENT['id']}/"
    assert record().url == ""


def test_users_and_groups_are_principals_of_the_source() -> None:
    """A user is the account that the directory may give to an agent, never an agent by name."""
    assert allowed(record()) == USERS
    assert allowed(record(users=["ag-1"], groups=[])) == {"docs:account:ag-1"}


@pytest.mark.parametrize("reach", ["public", "authenticated", "restricted", None])
def test_a_link_opens_a_document_to_nobody_else(reach: str | None) -> None:
    """Who does not hold the link does not find it, unless the settings say otherwise."""
    assert allowed(record(reach=reach)) == USERS
    rules = SuiteRules(open_reach=frozenset({"public"}))
    expected = USERS | ({"everyone"} if reach == "public" else set())
    assert allowed(record(rules, reach=reach)) == expected


def test_nobody_named_is_nobody() -> None:
    """Fields left out mean no readers."""
    bare = {k: v for k, v in DOCUMENT.items() if k not in ("users", "groups", "reach")}
    one = parse_find_item(bare, "docs", SuiteRules(), 100_000)
    assert isinstance(one, PushedItem)
    assert isinstance(one.line, RecordLine)
    assert allowed(one.line) == set()


def test_what_is_no_longer_active_is_deleted() -> None:
    """Which is how Docs says that it is."""
    one = read(is_active=False, content="", title="")
    assert one == PushedItem(DeletedLine(type="deleted", id=DOCUMENT["id"]))


def test_the_same_date_may_come_with_other_readers() -> None:
    """`updated_at` is no version: sharing a document leaves it as it is."""
    one, other = read(), read(users=[])
    assert isinstance(one, PushedItem)
    assert isinstance(other, PushedItem)
    assert (one.version, other.version) == ("", "")
    assert one.digest != other.digest


def test_fields_beyond_finds_are_no_fault() -> None:
    """Unknown fields such as `mimetype` are ignored; a `description` becomes searchable text."""
    line = record(mimetype="text/plain", description="Plan de bornage", tags=["x"], later=1)
    assert [section.text for section in line.sections] == ["Plan de bornage"]


def test_a_document_without_title_is_called_by_its_beginning() -> None:
    """A document without a title gets its first line as title, or its id if that line is blank."""
    assert record(title=" ", content="Première ligne\nsuite").title == "Première ligne"
    assert record(title="", content="\0\nsuite").title == DOCUMENT["id"]


def test_who_wrote_is_taken_where_it_is_said() -> None:
    """The creator as author, others as editors once each; nobody where nothing is said."""
    line = record(creator=SUB, contributors=["ben", SUB, "ben", "cal"])
    context = RecordContext("docs", Path("/nonexistent"), {}, {})
    (document,) = documents_of(line, context, "")
    assert isinstance(document, Document)
    roles = [(one.account, one.role) for one in document.contributions]
    assert roles == [
        (f"docs:{SUB}", ContributorRole.AUTHOR),
        ("docs:ben", ContributorRole.EDITOR),
        ("docs:cal", ContributorRole.EDITOR),
    ]
    assert document.contributions[1].last == date(2026, 1, 2)
    (silent,) = documents_of(record(), context, "")
    assert isinstance(silent, Document)
    assert silent.contributions == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None), ("id", ""), ("id", "a\0b"), ("id", 5), ("title", 1), ("title", "a\0"),
        ("content", None), ("content", {}), ("created_at", "hier"), ("updated_at", None),
        ("created_at", "2026-01-01T10:00:00"), ("users", "tous"), ("users", [None]),
        ("users", [""]), ("groups", [["x"]]), ("reach", "open"), ("reach", "None"),
        ("creator", ""), ("creator", 5), ("contributors", ["\0"]), ("contributors", "x"),
        ("is_active", None), ("is_active", "peut-être"), ("content", "\ud83d"), ("users", ["\0"]),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(field: str, value: Any) -> None:
    """By its field, without its value."""
    one = read(**{field: value})
    assert isinstance(one, PushReceipt)
    assert one.outcome is PushOutcome.REFUSED
    assert one.place in (field, "")
    assert one.reason


def test_neither_title_nor_content_is_refused() -> None:
    """There is nothing to find."""
    assert isinstance(read(title="", content=" "), PushReceipt)


def test_too_many_readers_are_refused() -> None:
    """As many as may be are read; one more, users and groups together: a group is named."""
    users = [f"u{number}" for number in range(MAX_PRINCIPALS)]
    assert len(allowed(record(users=users, groups=[]))) == MAX_PRINCIPALS
    for answer in (read(users=[*users, "u"], groups=[]), read(users=users, groups=["g"])):
        assert isinstance(answer, PushReceipt)
        assert (answer.outcome, answer.place) == (PushOutcome.REFUSED, "users")
        assert "groupe" in answer.reason
