"""A mail's own text is separated from quotations, forwarded mails and signatures."""

import sys
from collections.abc import Callable
from email.message import EmailMessage, Message
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_mailbox.documents import read_mail
from quisait_mailbox.text import (
    LONGEST_FIELD,
    MOST_NESTED,
    UnreadableMail,
    leaves,
    new_text,
    own_text,
    parse_mail,
    text_of_html,
)
from quisait_mailbox.threads import MailHead

pytestmark = pytest.mark.sources

OWN = "Oui, le bornage amiable suffit."
QUOTED = {
    "thunderbird": "Le 03/03/2026 à 10:00, Paul Martin a écrit :\n> Un géomètre ?\n>> avant",
    "gmail": "On Tue, Mar 3, 2026 at 10:00 AM Paul Martin <p@ex.fr> wrote:\n\n> Do we need one?",
    "broken line": "Le mar. 3 mars 2026 à 10:00, Paul Martin <p@exemple.fr> a\nécrit :\n> x",
    "no-break spaces": "Le 3 mars 2026 à 10:00, Paul a écrit\u00a0:\n> Faut-il un géomètre\u00a0?",
    "outlook": (
        "De : Paul Martin <p@ex.fr>\nEnvoyé : mardi 3 mars 2026 10:00\nÀ : Jeanne Dupont\n"
        "Objet : RE: bornage\n\nFaut-il un géomètre ?"
    ),
    "outlook, in bold": "*De :* Paul\n*Envoyé :* mardi\n*À :* Jeanne\n*Objet :* plan\n\nFaut-il ?",
    "original": "-----Message d'origine-----\nDe : Paul\nFaut-il un géomètre ?",
    "forwarded": "---------- Forwarded message ---------\nFrom: Paul\nDo we need one?",
    "unmarked": "Le 3 mars 2026 à 10:00, Paul Martin a écrit :\nFaut-il un géomètre ?",
    "signature": "-- \nJeanne Dupont\nDDFiP 22",
}


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_is_quoted_is_cut_away(quoted: str, ends: str) -> None:
    """As each program writes it."""
    assert own_text(f"{OWN}\n\n{quoted}\n".replace("\n", ends)) == OWN


def test_answers_between_quoted_lines_stay() -> None:
    """Point after point."""
    mail = "Le 3 mars 2026 à 10:00, Paul a écrit :\n> Un géomètre ?\nNon.\n> Et le plan ?\nOui."
    assert own_text(mail) == "Non.\nOui."


@pytest.mark.parametrize(
    "text",
    [
        "Le 3 mars 2026, j'ai reçu le plan.\nIl a écrit une note.",
        "De : la mairie\nà la trésorerie, la route est longue.",
        "Objet : régie de recettes\n\nLe régisseur verse ses fonds.",
        "-- un tiret au milieu d'une phrase",
    ],
)
def test_ordinary_sentences_stay(text: str) -> None:
    """Even where they begin as a quotation would."""
    assert own_text(text) == text


@given(st.text(alphabet="> \nLeaécrit:-Dnovyj", max_size=300))
def test_nothing_is_invented(text: str) -> None:
    """What is kept stands in the mail, line by line; cutting again cuts no line in two."""
    lines = {line.strip() for line in text.replace("\r", "\n").split("\n")}
    assert {line.strip() for line in own_text(text).split("\n")} <= lines | {""}


@pytest.mark.parametrize(
    "closing",
    [
        "Cordialement,\nJeanne Dupont\nDDFiP 22\n02 96 00 00 00",
        "Bien cordialement\n\nJeanne\n_____________",
        "Bien à vous,\nJ. D.",
        "Cdt",
        "Envoyé de mon iPhone",
    ],
)
def test_a_closing_formula_ends_the_text(closing: str) -> None:
    """On a line of its own, with a name and an office below."""
    assert own_text(f"{OWN}\n\n{closing}\n") == OWN


@pytest.mark.parametrize(
    "text",
    [
        "Nous avons travaillé cordialement avec la mairie.",
        "Oui.\nCordialement\nJeanne\nPS : le plan est au greffe.",
        "Oui.\nCordialement\nEt pour la régie, qui signe ?",
        "Oui.\nCordialement\n" + "Le régisseur verse ses fonds au comptable. " * 4 + ".",
    ],
)
def test_what_follows_a_formula_stays_where_it_says_something(text: str) -> None:
    """Rather a signature too many than a sentence too few."""
    assert own_text(text) == text


def mail(text: str, subject: str = "Bornage", html: str = "") -> Message:
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return parse_mail(message.as_bytes())


def test_the_plain_text_is_preferred() -> None:
    """The HTML is read where there is none, or an empty one."""
    page = "<html><head><title>x</title><style>p{}</style></head><p>Oui, par écrit.</p></html>"
    assert new_text(mail(OWN, html=page)) == (OWN, False)
    assert new_text(mail(" ", html=page)) == ("Oui, par écrit.", False)


@pytest.mark.parametrize(
    "page",
    [
        "<p>Oui.</p><div class=gmail_quote>Le 3 mars 2026 à 10:00, Paul a écrit&nbsp;:<br>"
        "<blockquote>Un géomètre&nbsp;?</blockquote></div>",
        "<p>Oui.</p><div class='moz-signature'>-- <br>Jeanne<div>DDFiP</div></div>",
        "<p>Oui.</p><p>Cordialement</p><p>Jeanne</p>",
        "<div>Oui.</div><div id=divRplyFwdMsg><b>De :</b> Paul<br><b>Envoyé :</b> mardi<br>"
        "<b>À :</b> Jeanne<br><b>Objet :</b> plan</div><div>Un géomètre ?</div>",
        "<blockquote>Un géomètre ?</blockquote>Oui.",
    ],
)
def test_html_is_cut_as_plain_text_is(page: str) -> None:
    """With the quotations and signatures of the usual programs."""
    assert own_text(text_of_html(page)) == "Oui."


def test_a_forwarded_mail_is_kept_where_nothing_else_is_said() -> None:
    """And is marked as somebody else's; below words of one's own it is cut away."""
    below = (
        "---------- Forwarded message ---------\nDe : Paul\nDate : mardi\nÀ : Jeanne\n"
        "Objet : plan\n\nFaut-il un géomètre ?\n\n-- \nPaul\n"
    )
    assert new_text(mail(below)) == ("Faut-il un géomètre ?", True)
    assert new_text(mail(f"{OWN}\n\n{below}")) == (OWN, False)
    outlook = "De : Paul\nEnvoyé : mardi\nÀ : Jeanne\nObjet : plan\n\nFaut-il un géomètre ?"
    forwarded = new_text(mail(outlook, subject="TR : plan"))
    assert forwarded == ("Faut-il un géomètre ?", True)
    assert new_text(mail(outlook, subject="RE: plan")) == ("", False)


def test_an_attached_text_is_no_text_of_the_mail() -> None:
    """Its file is read as a file."""
    message = EmailMessage()
    message.set_content(OWN)
    message.add_attachment("un plan", filename="plan.txt")
    assert new_text(parse_mail(message.as_bytes())) == (OWN, False)


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "inconnu", "utf-7", "hex", "\udcff"])
def test_a_wrong_charset_loses_no_mail(charset: str) -> None:
    """Bytes that it cannot be read in, or a name that nobody knows."""
    head = f"Content-Type: text/plain; charset={charset}\n\n".encode("utf-8", "surrogateescape")
    assert "gion" in new_text(parse_mail(head + "la région à l’été".encode("cp1252")))[0]


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape"])
def test_half_a_character_is_no_text(charset: str) -> None:
    """What is read can be kept, in a text as in a subject: one mail stops no reading."""
    mail = (
        f"Subject: =?{charset}?Q?+2AA-\\ud800?=\nContent-Type: text/plain; charset={charset}\n\n"
        "Oui +2AA- \\ud800"
    )
    read = read_mail(MailHead("1"), parse_mail(mail.encode()))
    assert f"{read.subject}{read.text}".encode()
    assert read.text.startswith("Oui")


@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    """With a text, be it empty."""
    head = b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\n\n"
    for written in (raw, head + raw):
        assert isinstance(new_text(parse_mail(written))[0], str)


@pytest.mark.parametrize(
    "parameter",
    [
        "text/plain; charset*=ut\0f''x",
        "text/plain; charset*=undefined''x",
        "text/plain; charset=undefined",
        "text/plain; charset=idna",
        'text/plain; charset="a\0b"',
        "text/plain; name*=undefined''x",
        "multipart/mixed; boundary*=undefined''x",
        "multipart/mixed; boundary*=a\0b''x",
        f"text/plain; charset*{'9' * 5_000}*=x",
        "text/plain; charset*0=utf-8; charset*=utf-8''x",
        "multipart/mixed; boundary*0=a; boundary*=utf-8''b",
    ],
)
def test_a_parameter_in_no_charset_breaks_no_reading(parameter: str) -> None:
    """Else one hostile mail would end every reading of its mailbox."""
    raw = f"Content-Type: {parameter}\n\nla r\xe9gion".encode("latin-1")
    text = new_text(parse_mail(raw))[0]
    assert text == ("" if parameter.startswith("multipart") else "la région")


def test_a_text_is_read_in_no_charset_of_host_names() -> None:
    """Its time is not linear: ten megabytes would take hours."""
    head = b"Content-Type: text/plain; charset=punycode\n\n"
    assert new_text(parse_mail(head + b"abc-kva"))[0] == "abc-kva"


@pytest.mark.parametrize("kind", ["multipart/mixed", "message/rfc822", "text/plain"])
def test_an_attached_mail_is_written_again_as_it_was(kind: str) -> None:
    """Also one that has several parts by its type alone: else it would end the reading."""
    inner = f"Content-Type: {kind}\n\nla région".encode()
    head = b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\n"
    (part,) = leaves(parse_mail(head + inner + b"\n--a--\n"))
    payload: Any = part.get_payload()
    assert "la région".encode() in payload[0].as_bytes()


def test_parts_nested_without_end_are_refused() -> None:
    """A sentence, no crash."""
    nested = "".join(
        f"Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n"
        for depth in range(2_000)
    )
    with pytest.raises(UnreadableMail):
        parse_mail(nested.encode())


def test_a_line_is_compared_with_few_boundaries() -> None:
    """As many levels as mails forwarded as files have, and no more."""

    def nested(levels: int) -> bytes:
        heads = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels))
        return "".join([*heads, "\n", OWN]).encode()

    assert new_text(parse_mail(nested(MOST_NESTED)))[0] == OWN
    with pytest.raises(UnreadableMail):
        parse_mail(nested(MOST_NESTED + 1))


def test_a_field_without_end_is_cut() -> None:
    """The standard library reads parameters in quadratic time."""
    message = parse_mail(b"Content-Type: text/plain" + b';a="b' * 100_000 + b"\n\nOui.")
    assert len(str(message["Content-Type"])) <= LONGEST_FIELD
    assert new_text(message)[0] == "Oui."


HOSTILE_LINES = (
    "\n", "> \n", "Le 3 mars\n", "De : x\n", "Le " + "a " * 90 + "\n", "- " * 50 + "\n",
    "Cordialement\n", "Cordialement\n" + "x\n" * 11, "____\n", "Envoyé de mon x\n",
)  # fmt: skip
HOSTILE_TAGS = ("<div>", "</p>", "<p>", "<blockquote>", "</blockquote>", "<", "<!--", "&#", "<br>")


@pytest.mark.parametrize("piece", HOSTILE_LINES)
def test_a_text_is_cut_in_linear_time(piece: str) -> None:
    """Steps are counted: four times the mail takes four times as many."""
    small, large = (
        _steps(own_text, piece * (count // len(piece) + 1)) for count in (8_000, 32_000)
    )
    assert large <= 4.4 * small + 200


@pytest.mark.parametrize("piece", HOSTILE_TAGS)
def test_html_is_read_in_linear_time(piece: str) -> None:
    """In steps too, and at a megabyte."""
    small, large = (_steps(text_of_html, piece * count) for count in (1_500, 6_000))
    assert large <= 4.4 * small + 2_000
    assert len(text_of_html(piece * (1_000_000 // len(piece)))) <= 2_000_000


def _steps(function: Callable[[str], str], text: str) -> int:
    """Lines of Python that it executes in the module that cuts mails."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith("mail/text.py"):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(text)
    finally:
        sys.settrace(before)
    return count
