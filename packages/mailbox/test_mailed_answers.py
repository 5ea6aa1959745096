"""Answers by mail through real IMAP and SMTP servers: which mails are published as answers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from quisait_mail.sending import send_queue
from quisait_mail.storage import Mailing
from quisait_mail.values import ANSWER_ABOVE, MailState
from quisait_mailbox.imap import opened_mailbox
from quisait_mailbox.incoming import IncomingMail, read_incoming
from quisait_mailbox.mailed_answers import NOTES, MailOutcome, answers_by_mail, receive_mail
from quisait_mailbox.receiving import check_mailbox, mailbox_rules, read_mails
from quisait_mailbox.reply_addresses import Purpose, ReplyAddresses
from quisait_mailbox.settings import MailboxSettings

from connectors.values import Agent
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from indexer.errors import IndexUnreachable
from quisait.settings import Settings
from search_api.context import required
from search_api.questions.storage import Asking
from search_api.questions.values import MOST_TEXT, AskingPreferences, RequestState
from tests.dovecot_server import PASSWORD, DovecotServer, dovecot_server
from tests.made_mails import ANSWER, BOX, reply
from tests.pages.asking_site import (
    AGENTS,
    ANIMATOR,
    ASKER,
    HERE,
    MAPPER,
    NEIGHBOUR,
    SITE,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.planted import TODAY
from tests.smtp_server import SmtpServer, smtp_server

pytestmark = [pytest.mark.pages, pytest.mark.trust]

OLD_BOX = "anciennes@finances.test"
REPLIES = ReplyAddresses(b"r" * 32, BOX, 30)
QUOTED = '"Vesoul"'


@pytest.fixture(scope="module")
def dovecot() -> Iterator[DovecotServer]:
    with dovecot_server() as server:
        yield server


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpServer]:
    with smtp_server(tmp_path_factory.mktemp("smtp")) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, post: SmtpServer, dovecot: DovecotServer) -> Iterator[AskingSite]:
    post.handler.accepted.clear()
    post.handler.refusals.clear()
    with dovecot.account(BOX) as client:
        for folder in ("INBOX", "Traités", "Écartés"):
            if client.folder_exists(folder):
                client.select_folder(folder)
                client.delete_messages(client.search())
                client.expunge()
    with asking_site(tmp_path, answered_per_day=2) as made:
        mail = made.services.part(Mailing)
        assert mail is not None
        answered = replace(mail, additions=(answers_by_mail(REPLIES),))
        yield replace(made, services=made.services.with_parts(answered))


def settings_for(post: SmtpServer, dovecot: DovecotServer, **mailbox: Any) -> Settings:
    said: dict[str, Any] = {
        "mail": post.settings,
        "mailbox": {
            "host": "127.0.0.1",
            "port": dovecot.tls_port,
            "user": BOX,
            "password": PASSWORD,
            "ca_file": str(dovecot.ca_file),
            "address": BOX,
        }
        | mailbox,
        "questions": {"enabled": True},
        "sign_on": {"address": SITE},
        "server": {"token_key": "k" * 32},
    }
    return Settings(**said)


@pytest.fixture
def settings(post: SmtpServer, dovecot: DovecotServer) -> Settings:
    return settings_for(post, dovecot)


def asked(site: AskingSite, settings: Settings, post: SmtpServer, **fields: Any) -> EmailMessage:
    """The mail by which the mapper is asked a question, as it arrived; others want no mail."""
    for one in AGENTS:
        said = {"asked": one.id == MAPPER}
        chosen = site.client(one.id).post("/api/v1/mail/preferences", json=said)
        assert chosen.status_code == 204
    site.ask(to=MAPPER, **fields)
    return sent(site, settings, post)[-1]


def sent(site: AskingSite, settings: Settings, post: SmtpServer) -> list[EmailMessage]:
    """Send the due mails and return them."""
    before = len(post.handler.accepted)
    required(site.services.part(Mailing)).store.queue_due()
    send_queue(site.services, settings, Event())
    return post.handler.accepted[before:]


def said_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def read(site: AskingSite, settings: Settings) -> Mapping[MailOutcome, int]:
    return dict(read_mails(site.services, REPLIES, settings, Event()))


def brought(
    site: AskingSite, settings: Settings, dovecot: DovecotServer, mail: EmailMessage | bytes
) -> MailOutcome:
    """Deliver a mail, handle it and return the outcome."""
    dovecot.deliver(BOX, mail if isinstance(mail, bytes) else mail.as_bytes())
    ((outcome, _),) = read(site, settings).items()
    return outcome


def question_of(site: AskingSite) -> Any:
    thread = site.questions.of_asker(ASKER)[0]
    return site.read(ASKER, thread.question.id)


def answers(site: AskingSite) -> list[tuple[str, str]]:
    """(author, text) of each answer to each question."""
    return [
        (one.author_id, one.text)
        for thread in site.questions.of_asker(ASKER)
        for one in thread.answers
    ]


def test_a_mail_is_answered_by_mail(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Published at once without what is quoted, under the agent's name, who is told so, once."""
    mail = asked(site, settings, post)
    assert ANSWER_ABOVE in said_in(mail)
    address = str(mail["Reply-To"])
    assert address.startswith("reponses+a")
    assert len(address.partition("@")[0]) <= 64
    assert brought(site, settings, dovecot, reply(mail)) is MailOutcome.PUBLISHED
    assert answers(site) == [(MAPPER, ANSWER)]
    (shown,) = question_of(site)["answers"]
    assert (shown["author"]["id"], shown["text"]) == (MAPPER, ANSWER)
    assert site.found(STRANGER, QUOTED), "in the index at once"
    (told,) = sent(site, settings, post)
    assert (told["To"], told["Reply-To"]) == ("ag-1@agents.test", None)
    assert "publiée" in str(told["Subject"])
    assert ANSWER not in said_in(told)
    assert dovecot.mails(BOX) == []
    assert len(dovecot.mails(BOX, "Traités")) == 1
    assert sent(site, settings, post) == []


def test_the_same_mail_is_published_once(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """A copy of it changes nothing; another one is refused, as the question waits no more."""
    mail = asked(site, settings, post)
    one = reply(mail)
    assert brought(site, settings, dovecot, one) is MailOutcome.PUBLISHED
    assert brought(site, settings, dovecot, one) is MailOutcome.AGAIN
    other = reply(mail, "Autre chose.", Message_ID="<autre@agents.test>")
    assert brought(site, settings, dovecot, other) is MailOutcome.NOT_ASKED
    assert answers(site) == [(MAPPER, ANSWER)]
    subjects = [str(one["Subject"]) for one in sent(site, settings, post)]
    assert sorted("n’est pas" in one for one in subjects) == [False, True]


def _forwarded(mail: EmailMessage) -> EmailMessage:
    return reply(mail, "", Subject="Tr: une question")


def _other_box(mail: EmailMessage) -> EmailMessage:
    return reply(mail, To=str(mail["Reply-To"]).replace("finances", "ailleurs"))


def _unsigned(mail: EmailMessage) -> EmailMessage:
    return reply(mail, To=BOX)


def _another_day(mail: EmailMessage) -> EmailMessage:
    """The last day, and with it the time to answer, cannot be put off."""
    address = str(mail["Reply-To"])
    at = address.index("+") + 30
    other = "b" if address[at] != "b" else "c"
    return reply(mail, To=f"{address[:at]}{other}{address[at + 1 :]}")


STRANGERS: dict[str, Any] = {
    "another agent": lambda mail: reply(mail, sender="ag-2@agents.test"),
    "nobody of the directory": lambda mail: reply(mail, sender="qui@ailleurs.test"),
    "no address": _unsigned,
    "an address of elsewhere": _other_box,
    "a changed address": _another_day,
    "two senders": lambda mail: reply(mail, From="ag-1@agents.test, ag-2@agents.test"),
    "a name like an address": lambda mail: reply(
        mail, From='"ag-1@agents.test" <qui@ailleurs.test>'
    ),
}


def test_nobody_else_answers_by_an_agents_address(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Nothing is published, nobody is told anything, and the mail is put aside for a person."""
    mail = asked(site, settings, post)
    for name, made in STRANGERS.items():
        outcome = brought(site, settings, dovecot, made(mail))
        assert outcome is MailOutcome.STRANGER, name
    assert answers(site) == []
    assert sent(site, settings, post) == []
    assert len(dovecot.mails(BOX, "Écartés")) == len(STRANGERS)
    assert not site.found(MAPPER, QUOTED)


AUTOMATIC = {
    "Auto_Submitted": "auto-replied",
    "Precedence": "bulk",
    "List_Id": "<liste.agents.test>",
    "Return_Path": "<>",
    "X_Autoreply": "yes",
    "Subject": "Réponse automatique : absente",
}


def test_no_program_answers_and_none_is_answered(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Absences, lists, receipts, and quisait's own mail that comes back: no loop."""
    mail = asked(site, settings, post)
    for name, value in AUTOMATIC.items():
        made = reply(mail, **{name: value})
        assert brought(site, settings, dovecot, made) is MailOutcome.AUTOMATIC, name
    robot = reply(mail, sender="mailer-daemon@agents.test")
    assert brought(site, settings, dovecot, robot) is MailOutcome.AUTOMATIC
    own = EmailMessage()
    for name, value in mail.items():
        if name not in ("To", "Reply-To", "Content-Type", "MIME-Version"):
            own[name] = value
    own["To"] = str(mail["Reply-To"])
    own.set_content("Une question vous est posée.")
    assert brought(site, settings, dovecot, own) is MailOutcome.AUTOMATIC
    assert answers(site) == []
    assert sent(site, settings, post) == []


def _files(mail: EmailMessage) -> EmailMessage:
    made = reply(mail)
    made.add_attachment(b"%PDF-1.4 secret", maintype="application", subtype="pdf", filename="a.pdf")
    return made


def test_why_an_answer_is_not_published_is_told_to_its_author_alone(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Once of each reason and question, however often they write; attachments are said."""
    mail = asked(site, settings, post)
    small = settings_for(post, dovecot, most_bytes=10_000)
    told: list[str] = []

    def refused(made: EmailMessage, outcome: MailOutcome, by: Settings = settings) -> None:
        assert brought(site, by, dovecot, made) is outcome
        assert brought(site, by, dovecot, made) is outcome, "again"
        (note,) = sent(site, settings, post)
        assert note["To"] == "ag-1@agents.test"
        assert "n’est pas publiée" in str(note["Subject"])
        told.append(said_in(note))

    refused(reply(mail, ""), MailOutcome.EMPTY)
    assert brought(site, settings, dovecot, _forwarded(mail)) is MailOutcome.EMPTY
    refused(reply(mail, "long " * MOST_TEXT), MailOutcome.TOO_LONG)
    refused(reply(mail, "x\n" * 9_000), MailOutcome.TOO_LARGE, small)
    assert answers(site) == []
    assert brought(site, settings, dovecot, _files(mail)) is MailOutcome.PUBLISHED_WITHOUT_FILES
    (note,) = sent(site, settings, post)
    assert NOTES[MailOutcome.PUBLISHED_WITHOUT_FILES] in said_in(note)
    assert answers(site) == [(MAPPER, ANSWER)]
    assert len(set(told)) == 3


def test_a_mail_of_nothing_that_is_seen_or_to_thousands_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the page; whom the sender is, is looked up once, however many addresses they write."""
    looked_up: list[str] = []
    by_email = SqlDirectory.by_email

    def counted(book: SqlDirectory, email: str) -> tuple[Agent, ...]:
        looked_up.append(email)
        return by_email(book, email)

    monkeypatch.setattr(SqlDirectory, "by_email", counted)
    with asking_site(tmp_path) as site:
        site.ask(to=MAPPER)
        id_ = question_of(site)["id"]

        def received(agent_id: str, text: str, copies: int = 1) -> MailOutcome:
            to = (
                REPLIES.make(Purpose.ANSWER, id_, agent_id, TODAY + timedelta(days=day))
                for day in range(copies)
            )
            head = "".join(f"To: {one}\n" for one in to)
            raw = f"From: ag-1@agents.test\n{head}Content-Type: text/plain; charset=utf-8\n\n{text}"
            return receive_mail(site.services, REPLIES, read_incoming(raw.encode(), REPLIES))

        assert received(MAPPER, "\u200b\ufeff") is MailOutcome.EMPTY
        looked_up.clear()
        assert received(NEIGHBOUR, ANSWER, copies=200) is MailOutcome.STRANGER
        assert looked_up == ["ag-1@agents.test"]
        assert answers(site) == []


def _withdraw(site: AskingSite) -> AskingSite:
    wish = Preference(MAPPER, PreferenceKind.WITHDRAW, "", ())
    SqlConsent(site.engine, site.clock).put(wish, site.clock())
    return site


def _expire(site: AskingSite) -> AskingSite:
    site.questions.requests.decide(question_of(site)["id"], MAPPER, RequestState.EXPIRED)
    return site


def _delete(site: AskingSite) -> AskingSite:
    assert site.act(ASKER, question_of(site)["id"], "delete") == 204
    return site


def _a_year_later(site: AskingSite) -> AskingSite:
    return replace(site, services=replace(site.services, today=lambda: TODAY + timedelta(days=365)))


def _after_many(site: AskingSite) -> AskingSite:
    for title in ("Une autre ?", "Une troisième ?"):
        assert site.act(MAPPER, site.ask(NEIGHBOUR, title=title), "answer", text="Oui.") == 204
    return site


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (_withdraw, MailOutcome.WITHDRAWN),
        (_expire, MailOutcome.NOT_ASKED),
        (_delete, MailOutcome.UNKNOWN),
        (_a_year_later, MailOutcome.EXPIRED),
        (_after_many, MailOutcome.TOO_MANY),
    ],
)
def test_what_changed_since_the_mail_went_publishes_nothing(
    site: AskingSite,
    settings: Settings,
    post: SmtpServer,
    dovecot: DovecotServer,
    change: Any,
    outcome: MailOutcome,
) -> None:
    """A withdrawal, another's turn, a question that is no more, the time, the day's limit."""
    mail = asked(site, settings, post, title="Où est Zanzibar ?", scope="entity", scope_id=HERE)
    changed = change(site)
    assert brought(changed, settings, dovecot, reply(mail)) is outcome
    assert not any(text == ANSWER for _, text in answers(site))
    (note,) = (one for one in sent(changed, settings, post) if one["To"] == "ag-1@agents.test")
    assert "Zanzibar" not in said_in(note)
    assert ANSWER not in said_in(note)


def test_who_left_or_lost_the_right_is_published_no_more(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Who moved to another entity is told nothing of the question; who left, nothing at all."""
    mail = asked(site, settings, post, scope="entity", scope_id=HERE)

    class Moved:
        departure: Any = None

        def entries(self) -> Iterator[Any]:
            for one in AGENTS:
                moved = replace(one, entity="Ailleurs/Bureau", departure=self.departure)
                yield moved if one.id == MAPPER else one

    listed = Moved()
    site.services.people.replace(listed)
    assert brought(site, settings, dovecot, reply(mail)) is MailOutcome.UNKNOWN
    listed.departure = TODAY - timedelta(days=1)
    site.services.people.replace(listed)
    again = reply(mail, Message_ID="<encore@agents.test>")
    assert brought(site, settings, dovecot, again) is MailOutcome.GONE
    assert answers(site) == []
    assert all("cadastre" not in said_in(one) for one in sent(site, settings, post))


def bounce(to: str, status: str, action: str = "failed") -> bytes:
    """A delivery report (RFC 3464), as a mail server sends it to the envelope's sender."""
    fields = (
        "Reporting-MTA: dns; relais.test\n\n"
        f"Final-Recipient: rfc822; AG-1@agents.test\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} no such user\n"
    )
    raw = (
        f"From: Robot <mailer@relais.test>\nTo: <{to}>\nSubject: Undelivered Mail\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{ANSWER}\n"
        f"--b\nContent-Type: message/delivery-status\n\n{fields}\n--b--\n"
    )
    return raw.encode()


def test_a_late_bounce_is_noted_as_one_at_once_is(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """The message is marked, and the address too if the bounce says that it is the cause."""
    mail = asked(site, settings, post)
    (back,) = post.handler.senders[-1:]
    assert back.startswith("reponses+b")
    mailing = site.services.part(Mailing)
    assert mailing is not None

    def states() -> dict[MailState, int]:
        return dict(mailing.store.counts().states)

    refused_of = mailing.store.preferences
    assert brought(site, settings, dovecot, bounce(back, "4.4.7", "delayed")) is (
        MailOutcome.AUTOMATIC
    )
    forged_to = ReplyAddresses(b"x" * 32, BOX, 30).make(Purpose.BOUNCE, "0" * 32, MAPPER, TODAY)
    forged = bounce(forged_to, "5.1.1")
    assert brought(site, settings, dovecot, forged) is MailOutcome.STRANGER
    answered = bounce(str(mail["Reply-To"]), "5.1.1")
    assert brought(site, settings, dovecot, answered) is MailOutcome.AUTOMATIC
    assert states() == {MailState.SENT: 1}
    assert brought(site, settings, dovecot, bounce(back, "5.7.1")) is MailOutcome.BOUNCED
    assert states() == {MailState.REFUSED: 1}
    assert refused_of(MAPPER, "ag-1@agents.test").refused is None, "of the message alone"
    site.questions.requests.prefer(MAPPER, AskingPreferences(per_week=9))
    assert site.waiting(site.ask(STRANGER, "Une autre ?", to=MAPPER)) == [MAPPER]
    assert len(sent(site, settings, post)) == 1
    (back,) = post.handler.senders[-1:]
    for _ in range(2):
        assert brought(site, settings, dovecot, bounce(back, "5.1.1")) is MailOutcome.BOUNCED
    assert states() == {MailState.REFUSED: 2}
    assert refused_of(MAPPER, "ag-1@agents.test").refused is not None
    assert refused_of(MAPPER, "ag-1@autre.test").refused is None
    assert site.waiting(site.ask(ANIMATOR, "Une troisième ?", to=MAPPER)) == [MAPPER]
    assert sent(site, settings, post) == []
    assert answers(site) == []
    assert 'class="note warn"' in site.client(MAPPER).get("/preferences").text


def test_a_mail_is_believed_where_a_trusted_server_does(
    site: AskingSite, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Where one is set: its own field, above whatever the sender wrote."""
    settings = settings_for(post, dovecot, trusted_server="mx.finances.test")
    mail = asked(site, settings, post)
    passed = "mx.finances.test; spf=pass; dmarc=pass header.from=agents.test"
    for said in (
        "mx.finances.test; dmarc=fail",
        "ailleurs.test; dmarc=pass",
        "mx.finances.test; dkim=pass; x-dmarc=pass",
        "mx.finances.test; dmarc=pass header.from=evil.example",
    ):
        made = reply(mail, Authentication_Results=said)
        assert brought(site, settings, dovecot, made) is MailOutcome.STRANGER, said
    evil = "mx.finances.test; dmarc=pass header.from=evil.example"
    for written in (
        "x@evil.example (ag-1 <ag-1@agents.test>)",
        "x@evil.example <ag-1@agents.test>",
        "ag-1@agents.test <x@evil.example>",
    ):
        forged = reply(mail).as_bytes().replace(b"Jo Carteau <ag-1@agents.test>", written.encode())
        assert written.encode() in forged
        whole = f"Authentication-Results: {evil}\n".encode() + forged
        assert brought(site, settings, dovecot, whole) is MailOutcome.STRANGER, written
    below = EmailMessage()
    below["Authentication-Results"] = "mx.finances.test; dmarc=fail"
    whole = below.as_bytes().strip() + b"\n" + reply(mail, Authentication_Results=passed).as_bytes()
    dovecot.deliver(BOX, whole)
    assert read(site, settings) == {MailOutcome.STRANGER: 1}
    assert brought(site, settings, dovecot, reply(mail)) is MailOutcome.STRANGER
    good = reply(mail, Authentication_Results=passed)
    assert brought(site, settings, dovecot, good) is MailOutcome.PUBLISHED


BELOW = "Authentication-Results: mx.test; dmarc=pass header.from=b.test"


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ("mx.test; spf=pass smtp.mailfrom=a@b.test; dmarc=pass (p=none) header.from=b.test", True),
        ("MX.test 1; DMARC=Pass (p=none (or not)) Header.From=B.test", True),
        ("mx.test; dmarc=pass", False),
        ("mx.test; dmarc=pass header.from=evil.example", False),
        ("mx.test; dmarc=pass header.from=b.test.evil.example", False),
        ("mx.test; dmarc=pass header.from=evil.example header.from=b.test", False),
        ("mx.test; dmarc=pass header.from=evil.example x-header.from=b.test", False),
        ("mx.test; dmarc=pass (header.from=b.test) header.from=evil.example", False),
        ("mx.test; dmarc=pass header.from=b.test; dmarc=pass header.from=evil.example", False),
        ('mx.test; dmarc=pass header.from=b.test; spf=pass smtp.mailfrom="a', False),
        (f"other.test; dmarc=fail\n{BELOW}", True),
        (f"mx.test; spf=pass\n{BELOW}", False),
        (f'mx.test; dmarc=fail; spf=pass smtp.mailfrom="a\n{BELOW}', False),
        (f"mx.test; dmarc=fail; spf=pass smtp.mailfrom={'a' * 20_000}\n{BELOW}", False),
        ('mx.test; spf=pass smtp.mailfrom="a; dmarc=pass "@b.test; dmarc=fail', False),
        ('mx.test; spf=pass smtp.mailfrom="a; dmarc=pass header.from=b.test "@b.test', False),
        ("mx.test; dmarc=fail (policy; dmarc=pass)", False),
        ("mx.test; spf=none (a (b); dmarc=pass", False),
        ("mx.test; dmarc=fail; dmarc=pass", False),
        ("mx.test; x=y dmarc=pass", False),
        ("other.test; dmarc=pass", False),
    ],
)
def test_a_sender_writes_no_result_of_the_trusted_server(said: str, passed: bool) -> None:
    """Not by the local part of an address, which the server quotes."""
    raw = f"From: a@b.test\nAuthentication-Results: {said}\n\nbonjour".encode()
    replies = ReplyAddresses(b"a" * 32, BOX, 30)
    assert read_incoming(raw, replies, trusted_server="mx.test").authenticated is passed


_OWN = "ag-1@agents.test"
_PIECES = st.sampled_from(
    [_OWN, "x@evil.example", "<", ">", f"<{_OWN}>", "<x@evil.example>", "(", ")", '"', "\\", ",",
     ";", ":", " ", "\n ", "g:", "=?utf-8?q?ag-1?=", "=40", "@", "agents.test", "ag-1", "\0", "é"]
)  # fmt: skip


@given(st.lists(_PIECES, min_size=1, max_size=8).map("".join), st.booleans())
@example(f"x@evil.example (ag-1 <{_OWN}>)", False)
@example(f"x@evil.example, <{_OWN}>", False)
@example(f"g: {_OWN};", False)
@example(f'"a, <x@evil.example>" <{_OWN}>', False)
@example(f"{_OWN}{' ' * 20_000}, x@evil.example", False)
def test_a_hostile_from_field_names_nobody_else(written: str, twice: bool) -> None:
    """An agent is believed only as the one mailbox of the only From field, for their domain."""
    second = "From: x@evil.example\n" if twice else ""
    replies = ReplyAddresses(b"a" * 32, BOX, 30)

    def found(domain: str) -> IncomingMail:
        head = f"Authentication-Results: mx; dmarc=pass header.from={domain}\nX-Y: z\n"
        raw = f"{head}From: {written}\n{second}\nbonjour".encode()
        return read_incoming(raw, replies, trusted_server="mx")

    mail = found("evil.example")
    assert not mail.authenticated or mail.sender == "x@evil.example"
    if mail.sender:
        name, at, rest = written.rpartition("<")
        assert (rest.strip().removesuffix(">") if at else written.strip()) == mail.sender
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", name, flags=re.DOTALL)
        assert not set(outside) & set('()<>@,;:"\\')
        assert not twice
    assert found("agents.test").authenticated == (mail.sender == _OWN)


@pytest.mark.parametrize(
    "written",
    [
        _OWN,
        f"<{_OWN}>",
        f"Jo Carteau <{_OWN.upper()}>",
        f'"Carteau, Jo (DGFiP)" <{_OWN}>',
        f"=?utf-8?q?Jos=C3=A9?= Carteau\n <{_OWN}>",
        f"José M. Carteau <{_OWN}>",
    ],
)
def test_an_ordinary_from_field_is_read(written: str) -> None:
    """A name of any script, quoted, encoded or folded."""
    raw = f"From: {written}\n\nbonjour".encode()
    assert read_incoming(raw, ReplyAddresses(b"a" * 32, BOX, 30)).sender == _OWN


def test_an_index_that_is_away_leaves_the_mail_where_it_is(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """The answer is kept already; at the next reading it is published, and told of, once."""
    mail = asked(site, settings, post)
    asking = site.services.part(Asking)
    assert asking is not None

    def away() -> bool:
        raise IndexUnreachable("away")

    down = replace(site, services=site.services.with_parts(replace(asking, publish=away)))
    dovecot.deliver(BOX, reply(mail).as_bytes())
    with pytest.raises(IndexUnreachable):
        read(down, settings)
    assert len(dovecot.mails(BOX)) == 1
    assert read(site, settings) == {MailOutcome.AGAIN: 1}
    assert answers(site) == [(MAPPER, ANSWER)]
    assert site.found(STRANGER, QUOTED)
    (told,) = sent(site, settings, post)
    assert "Votre réponse est publiée" in str(told["Subject"])


def test_a_server_without_move_is_read_as_well(site: AskingSite, post: SmtpServer) -> None:
    """By a copy, then a deletion; STARTTLS as TLS. A wrong account or server is a sentence."""
    with dovecot_server(with_move=False) as old:
        account = {"user": OLD_BOX, "address": BOX}
        settings = settings_for(post, old, port=old.port, security="starttls", **account)
        mail = asked(site, settings, post)
        old.deliver(OLD_BOX, reply(mail).as_bytes())
        old.deliver(OLD_BOX, reply(mail, sender="qui@ailleurs.test").as_bytes())
        found = {MailOutcome.PUBLISHED: 1, MailOutcome.STRANGER: 1}
        assert read(site, settings) == found
        assert old.mails(OLD_BOX) == []
        assert [len(old.mails(OLD_BOX, one)) for one in ("Traités", "Écartés")] == [1, 1]
        assert "attendent : 0" in check_mailbox(settings)
        with opened_mailbox(mailbox_rules(settings)) as mailbox:
            mailbox.erase_before(datetime.now(UTC).date() + timedelta(days=2))
        with old.account(OLD_BOX) as client:
            for folder in ("INBOX", "Traités", "Écartés"):
                client.select_folder(folder)
                assert client.search() == [], folder
        wrong = {
            "refuse le compte": settings_for(post, old, **account, password="autre"),
            "n'est pas reconnu": settings_for(
                post, old, **account, ca_file=str(old.run / "other.pem")
            ),
            "ne répond pas": settings_for(post, old, **account, port=1),
            "refuse ce qui": settings_for(post, old, **account, folder="Aucun"),
        }
        for said, each in wrong.items():
            with pytest.raises(ValueError, match=said):
                check_mailbox(each)
            with pytest.raises(ValueError, match="Boîte des réponses"):
                read(site, each)


def test_what_was_read_is_erased_in_time(
    site: AskingSite, settings: Settings, post: SmtpServer, dovecot: DovecotServer
) -> None:
    """Mails name people: neither what was read nor what was put aside is kept for ever."""
    mail = asked(site, settings, post)
    long_ago = datetime.now(UTC) - timedelta(days=40)
    with dovecot.account(BOX) as client:
        client.append("INBOX", reply(mail).as_bytes(), msg_time=long_ago)
        client.append("INBOX", b"From: x@y.test\n\nx", msg_time=long_ago)
        client.append("INBOX", b"From: z@y.test\n\nz")
    longer = settings_for(post, dovecot, kept_days=60)
    assert sum(read(site, longer).values()) == 3
    assert [len(dovecot.mails(BOX, one)) for one in ("Traités", "Écartés")] == [1, 2]
    assert read(site, settings) == {}
    assert [len(dovecot.mails(BOX, one)) for one in ("Traités", "Écartés")] == [0, 1]


def test_an_address_is_of_one_agent_one_purpose_and_one_day() -> None:
    """A letter changed, another agent, purpose or key: not theirs."""
    replies, other = ReplyAddresses(b"a" * 32, BOX, 30), ReplyAddresses(b"b" * 32, BOX, 30)
    id_ = "0123456789abcdef" * 2
    made = replies.make(Purpose.ANSWER, id_, MAPPER, TODAY)
    for written in (made, made.upper()):
        found = replies.read(written)
        assert found is not None
        assert (found.purpose, found.subject_id, found.until) == (Purpose.ANSWER, id_, TODAY)
        assert replies.is_of(found, MAPPER)
        assert not replies.is_of(found, NEIGHBOUR)
        assert not other.is_of(found, MAPPER)
        assert not replies.is_of(replace(found, purpose=Purpose.BOUNCE), MAPPER)
        later = replace(found, until=TODAY + timedelta(days=1))
        assert not replies.is_of(later, MAPPER)
    local, _, domain = made.partition("@")
    at = local.index("+") + 2
    for place in range(at, len(local) - 1):  # the last letter carries one bit of nothing
        changed = "b" if local[place] != "b" else "c"
        read_back = replies.read(f"{local[:place]}{changed}{local[place + 1 :]}@{domain}")
        assert read_back is None or not replies.is_of(read_back, MAPPER)
    for none in ("", "@", BOX, f"x{made}", f"{local}@ailleurs.test", f"{local}a@{domain}"):
        assert replies.read(none) is None


@given(st.binary(max_size=300), st.sampled_from(("From", "To", "Subject", "Content-Type", "")))
def test_no_mail_breaks_the_reading(raw: bytes, field: str) -> None:
    """Whatever the bytes are: it is read, and is nobody's."""
    replies = ReplyAddresses(b"a" * 32, BOX, 30)
    head = field.encode() + b": " + raw if field else raw
    found = read_incoming(head + b"\n\nbonjour", replies, trusted_server="mx")
    assert found.signed == ()


@pytest.mark.parametrize(
    ("folders", "wrong"),
    [
        ({"done": "inbox"}, True),
        ({"aside": " Inbox"}, True),
        ({"folder": "inbox", "done": "INBOX"}, True),
        ({"folder": "Réponses", "done": "inbox", "aside": "Inbox"}, True),
        ({"done": "Écartés"}, True),
        ({"done": "INBOX/Traités"}, False),
        ({"folder": "inbox"}, False),
        ({"folder": "Traites", "done": "traites"}, True),
    ],
)
def test_what_was_read_goes_to_another_folder(folders: dict[str, str], wrong: bool) -> None:
    """In any case of letters, as INBOX on every server: else a mail would be read for ever."""
    box = {"host": "imap.example", "user": "u", "address": "reponses@exemple.fr", **folders}
    if wrong:
        with pytest.raises(ValidationError, match="trois dossiers"):
            MailboxSettings.model_validate(box)
    else:
        MailboxSettings.model_validate(box)
