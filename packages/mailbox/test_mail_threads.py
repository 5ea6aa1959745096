"""Mails are joined to threads, even if their references are wrong; parsing of each mail."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from random import Random
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_mailbox.documents import EncryptedMail, MailPlace, attached, read_mail, thread_document
from quisait_mailbox.text import parse_mail
from quisait_mailbox.threads import MOST_MAILS, MailHead, head_of, threads_of

from connectors.values import Access, ContributorRole, Document, EvidencePolicy, date_of_header

pytestmark = pytest.mark.sources

START = datetime(2026, 3, 2, tzinfo=UTC)


def head(number: int, *references: int, own: bool = True) -> MailHead:
    return MailHead(
        f"k{number}",
        f"m{number}" if own else "",
        tuple(f"m{one}" for one in references),
        START + timedelta(minutes=number),
    )


def grouped(heads: Sequence[MailHead]) -> set[frozenset[str]]:
    return {frozenset(mail.key for mail in thread.mails) for thread in threads_of(heads)}


def test_answers_join_what_they_answer() -> None:
    """In any depth; a mail that is missing joins those that name it."""
    heads = [
        head(1),
        head(2, 1),
        head(3, 1, 2),
        head(4),
        head(6, 5),
        head(7, 5),
        head(8, own=False),
    ]
    assert grouped(heads) == {
        frozenset(("k1", "k2", "k3")),
        frozenset(("k4",)),
        frozenset(("k6", "k7")),
        frozenset(("k8",)),
    }


def test_a_loop_ends() -> None:
    """Each answers the other, or itself."""
    assert grouped([head(1, 2), head(2, 1), head(3, 3)]) == {
        frozenset(("k1", "k2")),
        frozenset(("k3",)),
    }


def test_a_thread_keeps_its_name() -> None:
    """When answers come, and when its first mail goes."""
    (alone,) = threads_of([head(1)])
    (answered,) = threads_of([head(1), head(2, 1)])
    (orphaned,) = threads_of([head(2, 1)])
    assert alone.name == answered.name == orphaned.name
    assert (answered.is_whole_from_start, orphaned.is_whole_from_start) == (True, False)


numbers = st.integers(0, 12)
any_heads = st.lists(st.tuples(numbers, st.lists(numbers, max_size=3), st.booleans()), max_size=12)


@given(any_heads, st.randoms(use_true_random=False))
def test_the_order_of_mails_changes_nothing(
    drawn: list[tuple[int, list[int], bool]], random: Random
) -> None:
    """Every mail is in one thread, and threads are the same in any order."""
    heads = [
        replace(head(number, *references, own=own), key=f"k{at}")
        for at, (number, references, own) in enumerate(drawn)
    ]
    threads = list(threads_of(heads))
    assert sorted(mail.key for thread in threads for mail in thread.mails) == sorted(
        mail.key for mail in heads
    )
    random.shuffle(heads)
    assert list(threads_of(heads)) == threads
    assert len({thread.name for thread in threads}) == len(threads)


def test_a_long_thread_goes_on_in_another_document() -> None:
    """Each of a bounded length, under names that stay."""
    heads = [head(0), *(head(n, 0) for n in range(1, 2 * MOST_MAILS + 1))]
    threads = sorted(threads_of(heads), key=lambda thread: thread.mails[0].key != "k0")
    assert [len(thread.mails) for thread in threads] == [MOST_MAILS, MOST_MAILS, 1]
    assert {thread.name.partition("-")[0] for thread in threads} == {threads[0].name}


@pytest.mark.parametrize("shape", ["chain", "backward", "star"])
def test_mails_are_joined_in_nearly_linear_time(shape: str) -> None:
    """Steps are counted: four times the mails take about four times as many."""

    def steps(count: int) -> int:
        answered = {"chain": -1, "backward": 1, "star": 0}[shape]
        heads = [head(n, n + answered if answered else 0) for n in range(1, count)]
        counted = 0

        def count_calls(frame: FrameType, event: str, argument: object) -> None:
            nonlocal counted
            # Not of what the collector of garbage calls meanwhile.
            own = frame.f_code.co_filename == threads_of.__code__.co_filename
            counted += own and event == "call"

        sys.setprofile(count_calls)
        try:
            list(threads_of(heads))
        finally:
            sys.setprofile(None)
        return counted

    assert steps(2_000) <= 5 * steps(500)


def test_a_head_is_read_from_any_field() -> None:
    """Ids without their brackets' surroundings; the last answered one last."""
    message = parse_mail(
        b"Message-ID:  <a@x>\nReferences: <b@x>\n <c@x> d@x\nIn-Reply-To: a mail of <b@x>\n"
        b"Date: Mon, 2 Mar 2026 10:00:00 +0100\n\n"
    )
    found = head_of("k", message, None)
    assert (found.message_id, found.references) == ("a@x", ("c@x", "b@x"))
    assert found.date == datetime(2026, 3, 2, 9, tzinfo=UTC)
    many = parse_mail(b"References: " + b" ".join(b"<%d@x>" % n for n in range(900)) + b"\n\n")
    assert len(head_of("k", many, None).references) == 50
    assert head_of("k", many, START).date == START


@given(st.text(max_size=60))
def test_any_date_is_one_or_none(written: str) -> None:
    """Nothing is raised; a moment has its time zone."""
    found = date_of_header(written)
    assert found is None or found.tzinfo is not None


PLACE = MailPlace("boîte", "INBOX/Baux", Access(frozenset({"everyone"})), EvidencePolicy.YES)


def document(*mails: tuple[str, str, str, dict[str, str]]) -> Document:
    """Return a document of mails: (own number, answered number, sender, other fields)."""
    heads, read = [], []
    for at, (number, answers, sender, fields) in enumerate(mails):
        message = EmailMessage()
        message["Message-ID"], message["From"] = f"<{number}@x>", sender
        if answers:
            message["In-Reply-To"] = f"<{answers}@x>"
        text = fields.pop("text", f"Point {number}.")
        for name, value in fields.items():
            message[name] = value
        message.set_content(text)
        parsed = parse_mail(message.as_bytes())
        heads.append(head_of(f"k{at}", parsed, START + timedelta(minutes=at)))
        read.append(read_mail(heads[-1], parsed))
    (thread,) = threads_of(heads)
    return thread_document(PLACE, thread, read)


def roles(found: Document) -> dict[str, list[ContributorRole]]:
    said: dict[str, list[ContributorRole]] = {}
    for one in found.contributions:
        said.setdefault(one.account.partition(":")[2].partition("@")[0], []).append(one.role)
    return said


def test_who_asks_answers_and_writes() -> None:
    """Somebody who is answered asks; an announcement has an author; thanks are no answer."""
    asked = document(("1", "", "a@x", {}), ("2", "1", "b@x", {}), ("3", "2", "a@x", {}))
    assert roles(asked) == {"a": [ContributorRole.ASKER], "b": [ContributorRole.ANSWERER]}
    assert roles(document(("1", "", "a@x", {}))) == {"a": [ContributorRole.AUTHOR]}
    unanswered = document(("1", "", "a@x", {"text": "Qui signe ?"}))
    assert roles(unanswered) == {"a": [ContributorRole.ASKER]}
    assert roles(document(("2", "1", "b@x", {}))) == {"b": [ContributorRole.ANSWERER]}


def test_machines_and_absences_know_nothing() -> None:
    """A program's mail is no evidence; that somebody is away is not even kept."""
    found = document(
        ("1", "", "a@x", {}),
        ("2", "1", "robot@x", {"Auto-Submitted": "auto-generated"}),
        ("3", "1", "b@x", {"Auto-Submitted": "auto-replied (vacation)", "text": "Absente."}),
        ("4", "1", "c@x", {"Subject": "TR: bail", "text": "---- Message transféré ----\n\nOui."}),
    )
    assert roles(found) == {
        "a": [ContributorRole.ASKER],
        "robot": [ContributorRole.BOT],
        "c": [ContributorRole.FORWARDER],
    }
    assert "Absente" not in repr(found)


def test_a_name_that_looks_like_an_address_is_none() -> None:
    """The address is the one in the last brackets."""
    found = document(("1", "", '"chef@x <chef@x>" <stagiaire@x>', {}))
    assert [one.account for one in found.contributions] == ["boîte:stagiaire@x"]
    assert document(("1", "", "sans adresse", {})).contributions == ()


def test_titles_lose_the_marks_of_answers() -> None:
    """And those of lists."""
    for subject in ("Re: [cadastre] TR : Le bail", "RE: RE: Le bail", "Le bail"):
        assert document(("1", "", "a@x", {"Subject": subject})).title == "Le bail"
    assert document(("1", "", "a@x", {"Subject": "Re: "})).title == "Re:"
    assert document(("1", "", "a@x", {})).title == "(sans objet)"


def test_ids_of_a_folder_stand_below_it_alone() -> None:
    """A folder below another is not of it."""
    assert PLACE.root == "boîte:INBOX%2FBaux"


def test_an_encrypted_mail_is_said_to_be_one() -> None:
    """It has no text."""
    message = parse_mail(b"From: a@x\nContent-Type: multipart/encrypted; boundary=b\n\n--b--\n")
    with pytest.raises(EncryptedMail):
        read_mail(MailHead("k"), message)


@given(st.binary(max_size=300))
def test_any_mail_has_a_document(raw: bytes) -> None:
    """Whatever its fields are; its parts are numbered."""
    message = parse_mail(b"From: =?utf-8?q?=" + raw)
    found = head_of("k", message, None, tuple(number for number, _ in attached(message)))
    (thread,) = threads_of([found])
    assert thread_document(PLACE, thread, [read_mail(found, message)]).title
