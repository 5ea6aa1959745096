"""The inbox of pushed documents: what is accepted, in which order it comes out, what waits."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from quisait_push.connector import PushConnector
from quisait_push.inbox import Inbox
from quisait_push.items import InboxFull, InboxUnreachable, PushOutcome, PushReceipt, parse_item

from connectors.ports import AccessNarrowed, Change, Checkpoint, ContentStale, Delete, Upsert
from connectors.values import Access
from tests.pushed_documents import CLOSED, OPEN, post

pytestmark = pytest.mark.sources


@dataclass
class Box:
    """An inbox, and what an index keeps of the source `docs` once its changes are applied."""

    engine: sa.Engine
    max_waiting: int = 1000
    cursor: str | None = None
    kept: dict[str, tuple[str, Access]] = field(default_factory=dict)
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.engine, lambda source: self.cursor, self.max_waiting)

    def push(self, *items: object, source: str = "docs") -> list[PushReceipt]:
        return list(self.inbox.receive(source, [parse_item(one, 100_000) for one in items]))

    def said(self, *items: object) -> list[str]:
        return [f"{one.outcome}{one.code and ' ' + one.code}" for one in self.push(*items)]

    def changes(self, since: str | None) -> list[Change]:
        return list(PushConnector("docs", self.inbox).changes(since))

    def crawl(self, *, full: bool = False) -> list[Change]:
        changes = self.changes(None if full else self.cursor)
        for change in changes:
            match change:
                case Upsert(document):
                    text = " ".join(section.text for section in document.sections)
                    self.kept[document.id] = (text, document.access)
                case AccessNarrowed(document_id, access) if document_id in self.kept:
                    text, former = self.kept[document_id]
                    self.kept[document_id] = (text, former.narrowed_to(access))
                case ContentStale(document_id) if document_id in self.kept:
                    self.kept[document_id] = (self.kept[document_id][0], Access())
                case Delete(document_id):
                    self.kept.pop(document_id, None)
                case Checkpoint(cursor):
                    self.cursor = cursor
                case _:
                    pass
        return changes


@pytest.fixture
def box(engine: sa.Engine) -> Box:
    return Box(engine)


def test_what_comes_again_is_unchanged(box: Box) -> None:
    """With a version or without: it takes no new number and is not applied again."""
    assert box.said(post("a"), post("b", version=3)) == ["accepted", "accepted"]
    box.crawl()
    assert box.said(post("a"), post("b", version=3)) == ["unchanged same", "unchanged same"]
    assert box.changes(box.cursor) == []


VERSIONS = (
    (3, 2, "unchanged older"),
    (3, 10, "accepted"),
    ("9", 10, "accepted"),
    (3, 3, "refused conflict"),
    ("2026-01-02", "2026-01-01T23:59:59Z", "unchanged older"),
    ("2026-01-02T00:00:00+02:00", "2026-01-01T22:00:00Z", "refused conflict"),
    ("2026-01-02T00:00:00+02:00", "2026-01-01T23:00:00", "accepted"),
    ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "accepted"),
    ("b", "a", "accepted"),
    ("b", "b", "refused conflict"),
    (7, "2026-01-01", "accepted"),
)


def test_versions_have_an_order(box: Box) -> None:
    """Numbers as numbers, dates as moments; any others are the same or come later."""
    for number, (kept, given, expected) in enumerate(VERSIONS):
        assert box.said(post(f"a{number}", "ancien", version=kept)) == ["accepted"]
        assert box.said(post(f"a{number}", "autre", version=given)) == [expected], (kept, given)
    box.crawl()
    texts = [box.kept[f"docs:a{number}"][0] for number in range(len(VERSIONS))]
    assert texts == ["autre" if one[2] == "accepted" else "ancien" for one in VERSIONS]


def test_a_late_repetition_undoes_nothing(box: Box) -> None:
    """A record of a known version neither reopens what was narrowed nor brings back."""
    box.push(post("a", version=1), post("b", version=1))
    box.push({"type": "access", "id": "a", "readers": CLOSED}, {"type": "deleted", "id": "b"})
    assert box.said(post("a", version=1), post("b", version=1)) == ["unchanged same"] * 2
    box.crawl()
    assert box.kept == {"docs:a": ("texte", Access(frozenset(CLOSED["allowed"])))}


def test_without_a_version_the_last_word_wins(box: Box) -> None:
    """What was deleted or narrowed comes back as it is pushed again."""
    box.push(post("a"), {"type": "deleted", "id": "a"})
    box.crawl()
    assert box.kept == {}
    assert box.said(post("a")) == ["accepted"]
    box.crawl()
    assert "docs:a" in box.kept


def test_a_tombstone_that_comes_first_holds(box: Box) -> None:
    """An older record that arrives after its deletion stays out."""
    assert box.said({"type": "deleted", "id": "a", "version": 5}) == ["accepted"]
    assert box.said(post("a", version=4), post("a", version=6)) == ["unchanged older", "accepted"]


def test_new_readers_of_a_document_that_nobody_pushed_are_refused(box: Box) -> None:
    """There is nothing to open or close, and the application should know."""
    access = {"type": "access", "id": "a", "readers": OPEN}
    assert box.said(access) == ["refused unknown"]
    box.push(post("a"), {"type": "deleted", "id": "a"})
    assert box.said(access) == ["refused unknown"]


def test_new_readers_come_before_any_text(box: Box) -> None:
    """What is narrowed or deleted is closed first, however much else waits."""
    box.push(*(post(f"d{number}") for number in range(4)))
    box.crawl()
    box.push(*(post(f"e{number}") for number in range(30)), {"type": "deleted", "id": "d0"})
    box.push({"type": "access", "id": "d1", "readers": CLOSED}, post("d2", readers=CLOSED))
    first = box.crawl()[:3]
    closed = Access(frozenset(CLOSED["allowed"]))
    assert first == [
        ContentStale("docs:d0"),
        AccessNarrowed("docs:d1", closed),
        AccessNarrowed("docs:d2", closed),
    ]
    assert "docs:d0" not in box.kept
    assert {name: box.kept[name][1] == closed for name in ("docs:d1", "docs:d2", "docs:d3")} == {
        "docs:d1": True,
        "docs:d2": True,
        "docs:d3": False,
    }


def test_a_full_reading_brings_everything_again(box: Box) -> None:
    """From what was applied long ago: a new index needs no application to push again."""
    box.push(post("a"), post("b"), {"type": "access", "id": "a", "readers": CLOSED})
    box.push({"type": "deleted", "id": "b"}, post("c"))
    box.crawl()
    kept, box.kept = box.kept, {}
    box.crawl(full=True)
    assert box.kept == kept
    assert kept.keys() == {"docs:a", "docs:c"}


def test_attachments_come_and_go_with_their_record(box: Box) -> None:
    """Those that a record no longer has are removed, and share its readers while they are there."""
    pieces = [{"name": name, "base64": "dGV4dGU="} for name in ("x.txt", "y.txt")]
    box.push(post("a", attachments=pieces))
    box.crawl()
    assert box.kept.keys() == {"docs:a", "docs:a#x.txt", "docs:a#y.txt"}
    box.push({"type": "access", "id": "a", "readers": CLOSED})
    box.crawl()
    assert {access.allowed for _, access in box.kept.values()} == {frozenset(CLOSED["allowed"])}
    box.push(post("a", attachments=pieces[:1]))
    box.crawl()
    assert box.kept.keys() == {"docs:a", "docs:a#x.txt"}
    box.push({"type": "deleted", "id": "a"})
    box.crawl()
    assert box.kept == {}


def test_sources_are_apart(box: Box) -> None:
    """The same id in two sources is two documents, whatever it begins with."""
    box.push(post("wiki:1"), post("docs:1"))
    box.push(post("wiki:1", "ailleurs"), source="drive")
    box.crawl()
    assert {name: text for name, (text, _) in box.kept.items()} == {
        "docs:wiki:1": "texte",
        "docs:docs:1": "texte",
    }


def test_one_bad_item_keeps_no_other_out(box: Box) -> None:
    """Each has its own receipt, in order; an item sees those before it in the same request."""
    said = box.said(post("a"), {"type": "post"}, post("a"), post("a", "b"), None, post("c"))
    accepted, malformed = "accepted", "refused malformed"
    assert said == [accepted, malformed, "unchanged same", accepted, malformed, accepted]


def test_too_much_that_waits_is_not_taken(engine: sa.Engine) -> None:
    """Nothing of the request is; once it is applied there is room again, also in a full reading."""
    box = Box(engine, max_waiting=3)
    box.push(post("a"), post("b"), post("c"))
    with pytest.raises(InboxFull):
        box.push(post("d"), {"type": "deleted", "id": "a"})
    box.crawl()
    assert box.kept.keys() == {"docs:a", "docs:b", "docs:c"}
    assert box.said(post("d")) == ["accepted"]
    assert box.inbox.backlog("docs").items == 1
    box.cursor = "1"  # a full reading that is at its beginning
    assert box.said(post("e")) == ["accepted"]
    assert box.inbox.backlog("docs").items == 2
    box.push(post("x"), post("y"), post("z"), source="drive")


def test_a_cursor_of_another_inbox_reads_everything(box: Box) -> None:
    """Nothing is passed over because a number is too high, or is none."""
    box.push(post("a"))
    for cursor in ("99", "-1", "", "é", "0", "1" * 30):
        assert [c for c in box.changes(cursor) if isinstance(c, Upsert)], cursor


def in_threads(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - whatever it was, the test fails
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_several_clients_at_once_and_a_reading_beside_them(box: Box) -> None:
    """No number is passed by a reading before it can be seen: all arrives, in one pass or more."""
    cursors: list[Change] = []
    stop = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            while not stop.wait(0.01):
                cursors.extend(box.crawl())
            return
        for round_ in range(15):
            try:
                box.push(*(post(f"{number}-{round_}-{piece}") for piece in range(3)))
            except InboxUnreachable:  # SQLite may be busy too long: the client comes again
                box.push(*(post(f"{number}-{round_}-{piece}") for piece in range(3)))
        if number == 1:
            stop.wait(0.2)
            stop.set()

    in_threads(4, work)
    box.crawl()
    expected = {f"docs:{n}-{r}-{p}" for n in range(1, 4) for r in range(15) for p in range(3)}
    assert box.kept.keys() == expected


def test_first_pushes_at_once_are_all_taken(box: Box) -> None:
    """Also where the source's own row is not there yet."""

    def work(number: int) -> None:
        box.push(post(f"{number}"), source="neuve")

    in_threads(4, work)
    assert box.inbox.last_seq("neuve") == 4


def test_a_database_that_does_not_answer_takes_nothing(engine: sa.Engine) -> None:
    """It is said as such, so that an application comes again."""
    box = Box(engine)
    broken = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none")
    box.inbox._engine = broken
    with pytest.raises(InboxUnreachable):
        box.push(post("a"))


def test_what_is_odd_is_kept_as_it_is(box: Box) -> None:
    """NUL in a text, long ids, every plane of Unicode: in both databases."""
    odd = [post("a", "x\0y"), post("é" * 2000, "𝄞 👩‍👩‍👧 \u202e"), post("c", "'; drop table --")]
    assert box.said(*odd) == ["accepted"] * 3
    box.crawl()
    assert {text for text, _ in box.kept.values()} == {"x y", odd[1]["text"], odd[2]["text"]}


def test_a_receipt_says_nothing_of_the_text(box: Box) -> None:
    """Neither its reason nor its place holds what was pushed."""
    (receipt,) = box.push(post("a", secret="xylophone", created="xylophone"))
    assert receipt.outcome is PushOutcome.REFUSED
    assert "xylophone" not in repr(receipt)
