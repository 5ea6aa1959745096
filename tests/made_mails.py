"""Sample mails: a single mail, a question with its answer, and a reply to a mail of quisait."""

from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from connectors.values import Access, Contribution, ContributorRole, Document, Section

FIRST = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""When a mail of `minutes=0` was written."""
BOX = "reponses@finances.test"
"""Mailbox of answers by mail."""
ANSWER = "Demandez la feuille au pôle topographique de Vesoul."


def mail(
    name: int | str,
    text: str,
    *,
    answers: str = "",
    sender: str = "Jeanne Dupont <jeanne@exemple.fr>",
    subject: str = "Bornage",
    minutes: int = 0,
) -> EmailMessage:
    """A mail that a program would send; `name` and `answers` are the start of message ids."""
    message = EmailMessage()
    message["Message-ID"] = f"<{name}@exemple.fr>"
    message["Date"] = format_datetime(FIRST + timedelta(minutes=minutes))
    message["From"], message["Subject"] = sender, subject
    if answers:
        message["In-Reply-To"] = f"<{answers}@exemple.fr>"
    message.set_content(text)
    return message


def question_and_answer() -> tuple[EmailMessage, EmailMessage]:
    """Mails `q` and `r`: with a signature, a quotation, and the mark of a list in the subject."""
    answer = "Oui.\n\nLe 2 mars 2026 à 10:00, Jeanne Dupont a écrit :\n> Faut-il un géomètre ?"
    return mail("q", "Faut-il un géomètre ?\n\n-- \nJeanne", subject="[cadastre] Bornage"), mail(
        "r",
        answer,
        answers="q",
        sender='"Le Goff, Ana" <Ana@Exemple.fr>',
        subject="Re: [cadastre] Bornage",
        minutes=60,
    )


def thread_of_both(
    document_id: str, space: str, readers: frozenset[str], url: str = "", thanks: int = 0
) -> Document:
    """Return source `t`'s document of `question_and_answer`. `thanks` are for the answer."""
    day, years = date(2026, 3, 2), ((2026, 1),)
    jeanne, ana = "t:jeanne@exemple.fr", "t:ana@exemple.fr"
    return Document(
        id=document_id,
        source="t",
        title="Bornage",
        sections=(Section("Faut-il un géomètre ?", "", jeanne), Section("Oui.", "Réponse", ana)),
        access=Access(readers),
        url=url,
        kind="thread",
        created=FIRST,
        modified=FIRST + timedelta(minutes=60),
        space=space,
        contributions=(
            Contribution(jeanne, ContributorRole.ASKER, "Jeanne Dupont", 1, day, day, years),
            Contribution(ana, ContributorRole.ANSWERER, "Le Goff, Ana", 1, day, day, years, thanks),
        ),
    )


def reply(
    mail: EmailMessage, text: str = ANSWER, sender: str = "ag-1@agents.test", **fields: str
) -> EmailMessage:
    """Return a reply as a mail program writes it, with the quotation below the text."""
    made = EmailMessage()
    made["From"] = f"Jo Carteau <{sender}>"
    made["To"] = str(mail["Reply-To"])
    made["Subject"] = f"Re: {mail['Subject']}"
    made["Message-ID"] = "<une-reponse@agents.test>"
    for name, value in fields.items():
        key = name.replace("_", "-")
        del made[key]
        made[key] = value
    body = mail.get_body(("plain",))
    assert body is not None
    quoted = "".join(f"> {line}\n" for line in str(body.get_content()).splitlines())
    made.set_content(f"{text}\n\nLe 3 mars 2026 à 10:00, Qui sait ? a écrit :\n{quoted}")
    return made
