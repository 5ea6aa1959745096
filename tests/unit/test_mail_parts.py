"""A mail is taken apart without losing or inventing anything."""

import sys
from email.message import EmailMessage
from types import FrameType
from typing import Any

import pytest

from indexer.extraction.files import mail_parts

pytestmark = pytest.mark.sources


def mail(text: str = "Bonjour") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Réunion"
    made.set_content(text)
    return made


def test_a_mail_alone_stays_whole() -> None:
    """Nothing is rewritten where nothing is attached."""
    assert mail_parts(mail().as_bytes()) == ()


def test_attachments_come_after_the_bare_mail() -> None:
    """Names are decoded, contents too; the body keeps none of them."""
    carrying = mail()
    carrying.add_attachment(b"\x00\x01", maintype="application", subtype="x", filename="été.bin")
    bare, attached = mail_parts(carrying.as_bytes())
    assert bare.path == ""
    assert b"Bonjour" in bare.content
    assert b".bin" not in bare.content
    assert (attached.path, attached.content) == ("été.bin", b"\x00\x01")


def test_encoded_words_are_read() -> None:
    """Names as RFC 2047 writes them, which mail programs do against the rule."""
    raw = (
        b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nBonjour\n--b\n'
        b'Content-Type: text/plain; name="=?utf-8?q?note_=C3=A9t=C3=A9.txt?="\n\nici\n--b--\n'
    )
    assert mail_parts(raw)[1].path == "note été.txt"


def test_a_path_names_no_folder() -> None:
    """A name that climbs keeps its last step only."""
    carrying = mail()
    carrying.add_attachment("x", filename="../../etc/..\\note.txt")
    assert mail_parts(carrying.as_bytes())[1].path == "note.txt"


def test_an_inner_mail_is_a_part() -> None:
    """A forwarded mail comes whole, with what it carries, to be taken apart in turn."""
    inner = mail("dedans")
    inner.add_attachment("pièce", filename="piece.txt")
    outer = mail("dehors")
    outer.add_attachment(inner)
    bare, forwarded = mail_parts(outer.as_bytes())
    assert b"dehors" in bare.content
    assert forwarded.path == "embedded-1"
    assert [part.path for part in mail_parts(forwarded.content)] == ["", "piece.txt"]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff\xfe\x00",
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/x;"
        b' name="=?nope?b?!!!?="\n\n\xff\n--b--',
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000)
        ),
    ],
    ids=["empty", "bytes", "no_boundary", "bad_name", "deep"],
)
def test_a_broken_mail_raises_nothing(broken: bytes) -> None:
    """What cannot be taken apart is left to be read whole."""
    assert mail_parts(broken) == () or mail_parts(broken)[0].path == ""


def test_no_text_is_decoded_by_a_charset_that_it_names() -> None:
    """Punycode takes the square of a text's length: a mail of some megabytes would take days."""
    decoded = []

    def trace(frame: FrameType, event: str, _: Any) -> None:
        if frame.f_code.co_filename.endswith("encodings/punycode.py"):
            decoded.append(frame.f_code.co_name)

    raw = (
        'Content-Type: multipart/mixed; boundary="b"\n\n'
        "--b\nContent-Type: text/plain; charset=punycode\n\nl\xe9gal\n"
        "--b\nContent-Type: text/plain; charset=punycode; name=a\n\nl\xe9gal\n--b--\n"
    ).encode("latin-1")
    before = sys.getprofile()
    sys.setprofile(trace)
    try:
        _, attached = mail_parts(raw)
    finally:
        sys.setprofile(before)
    assert (decoded, attached.content) == ([], b"l\xe9gal")
