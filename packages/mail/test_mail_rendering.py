"""Messages as they are sent: no text becomes a header, no address becomes two."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_mail.rendering import BadAddress, written_message
from quisait_mail.values import MailContent, MailKind, MailLine, MailSection, QueuedMail

pytestmark = pytest.mark.trust

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED = QueuedMail("1", "<1@x.test>", "ag-1", MailKind.ASKED, "q", MOMENT, None, 0, "")
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
    *("X-Auto-Response-Suppress", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type"),
}
HOSTILE = st.text(st.sampled_from("a\r\n:\0é<>@,;\"'& \u2028\u202eBcc"), max_size=40)


def content(to: str, text: str) -> MailContent:
    lines = (MailLine(text, "https://x.test/1", text),)
    return MailContent(
        to,
        text,
        text,
        (MailSection(text, lines, text),),
        text,
        "https://x.test/u",
        "https://x.test",
    )


@given(HOSTILE)
def test_no_text_reaches_a_header(text: str) -> None:
    """Whatever a title holds, the message has its own headers once each, and one recipient."""
    made = written_message(content("a@b.test", text), QUEUED, "q@x.test", text, MOMENT)
    read = message_from_bytes(made.as_bytes(), policy=policy.default)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert [one.addr_spec for one in read["To"].addresses] == ["a@b.test"]
    assert [one.addr_spec for one in read["From"].addresses] == ["q@x.test"]
    html = read.get_body(("html",))
    assert html is not None
    assert html.get_content().count("<li>") == 1


@given(st.one_of(HOSTILE, st.builds("{}@b.test{}".format, HOSTILE, HOSTILE)))
def test_an_address_is_one_or_none(to: str) -> None:
    """Of an export that somebody else writes: a second recipient is no recipient."""
    try:
        made = written_message(content(to, "x"), QUEUED, "q@x.test", "", MOMENT)
    except BadAddress:
        return
    read = message_from_bytes(made.as_bytes(), policy=policy.default)
    assert [one.addr_spec for one in read["To"].addresses] == [to]
    assert sorted(read.keys()) == sorted(HEADERS)


@pytest.mark.parametrize(
    "to", ["", "a", "@b.test", "a@", "a@b.test, c@d.test", "a@b.test\r\nBcc: c@d.test", "é@b.test"]
)
def test_what_is_no_address_is_refused(to: str) -> None:
    with pytest.raises(BadAddress):
        written_message(content(to, "x"), QUEUED, "q@x.test", "", MOMENT)
