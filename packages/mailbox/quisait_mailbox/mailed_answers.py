"""Answers by mail: signed addresses in outgoing mail, incoming answers, and bounces.

An answer is published if it comes from the agent's own address, was sent to the signed address made
for them, and the question still waits for them. Senders who used their own signed address are told
why an answer was not published. Other senders and automatic mails get no reply.
"""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum

from quisait_mail.storage import Mailing
from quisait_mail.values import MailAddition, MailContent, MailKind, MailNote, QueuedMail

from connectors.values import Agent
from indexer.state import storable
from quisait_mailbox.incoming import IncomingMail
from quisait_mailbox.reply_addresses import Purpose, ReplyAddresses, SignedAddress
from search_api.context import AnswerContext, NotFound, required
from search_api.questions.actions import TooManyAnswers, keep_answer
from search_api.questions.reading import has_words, readable_thread
from search_api.questions.storage import Asking
from search_api.questions.values import MOST_TEXT, UNDECIDED, GivenAnswer


class MailOutcome(StrEnum):
    """Outcome of an incoming mail. Outcomes in `NOTES` are told to the sender.

    `unreadable`: it cannot be parsed. `again`: its answer is stored already. `automatic`: no person
    wrote it. `stranger`: the sender is not the agent for whom the address was made. `gone`: the
    sender has left.
    """

    PUBLISHED = "published"
    PUBLISHED_WITHOUT_FILES = "published_bare"
    UNREADABLE = "unreadable"
    AGAIN = "again"
    BOUNCED = "bounced"
    AUTOMATIC = "automatic"
    STRANGER = "stranger"
    GONE = "gone"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"

    @property
    def published(self) -> bool:
        """Whether the mail's answer was published."""
        return self in (MailOutcome.PUBLISHED, MailOutcome.PUBLISHED_WITHOUT_FILES)


NOTES: dict[MailOutcome, str] = {
    MailOutcome.PUBLISHED: "Votre réponse est publiée. Relisez-la : vous pouvez la corriger ou la "
    "supprimer sur la page de la question.",
    MailOutcome.PUBLISHED_WITHOUT_FILES: "Votre réponse est publiée, sans ses pièces jointes : "
    "elles ne sont pas gardées. Relisez-la : vous pouvez la corriger ou la supprimer sur la page "
    "de la question.",
    MailOutcome.WITHDRAWN: "Votre réponse n’est pas publiée : vous vous êtes retiré du service. "
    "Vos choix sont dans « Préférences ».",
    MailOutcome.EXPIRED: "Votre réponse n’est pas publiée : le délai pour répondre à ce courriel "
    "est passé. Vous pouvez répondre sur la page de la question.",
    MailOutcome.NOT_ASKED: "Votre réponse n’est pas publiée : la question ne vous attend plus, ou "
    "vous y avez déjà répondu. Vous pouvez répondre, ou corriger votre réponse, sur sa page.",
    MailOutcome.UNKNOWN: "Votre réponse n’est pas publiée : la question n’existe plus, ou ne vous "
    "est plus ouverte.",
    MailOutcome.EMPTY: "Votre réponse n’est pas publiée : aucun texte nouveau n’a été trouvé dans "
    "votre courriel. Écrivez-le au-dessus du message cité, ou répondez sur la page de la question.",
    MailOutcome.TOO_LONG: f"Votre réponse n’est pas publiée : elle a plus de {MOST_TEXT} "
    "caractères. Vous pouvez en donner l’essentiel sur la page de la question.",
    MailOutcome.TOO_LARGE: "Votre réponse n’est pas publiée : votre courriel est trop gros. "
    "Répondez sans pièce jointe, ou sur la page de la question.",
    MailOutcome.TOO_MANY: "Votre réponse n’est pas publiée : vous avez beaucoup répondu "
    "aujourd’hui. Vous pouvez la donner demain sur la page de la question.",
}
"""Texts that are mailed to senders; the senders' rights are checked when the mail is sent."""


def answers_by_mail(replies: ReplyAddresses) -> MailAddition:
    """Return what outgoing mail needs: signed addresses, and notes on the outcome of answers."""

    def complete(
        content: MailContent, queued: QueuedMail, agent: Agent, today: date
    ) -> MailContent:
        """Add an address for bounces and, if the mail asks a question, one for its answer."""
        until = today + timedelta(days=replies.days)
        back = replies.make(Purpose.BOUNCE, queued.id, agent.id, until)
        if queued.kind is not MailKind.ASKED:
            return replace(content, bounces_to=back)
        answer = replies.make(Purpose.ANSWER, queued.subject, agent.id, until)
        lead = (
            f"{content.lead} En répondant à ce courriel, sans pièce jointe, vous publiez votre "
            "réponse sous votre nom, pour tous ceux qui peuvent lire la question."
        )
        return replace(content, lead=lead, reply_to=answer, bounces_to=back)

    notes = {
        outcome.value: MailNote(
            "Votre réponse est publiée" if outcome.published else "Votre réponse n’est pas publiée",
            text,
        )
        for outcome, text in NOTES.items()
    }
    return MailAddition(complete, notes)


def receive_mail(
    context: AnswerContext, replies: ReplyAddresses, mail: IncomingMail
) -> MailOutcome:
    """Publish an answer, note a bounce, or do neither; a repeated mail changes nothing.

    Raises `NotFound` if no mail is sent from here, and `IndexUnreachable`.
    """
    mailing = required(context.part(Mailing))
    for signed in mail.signed:
        if signed.purpose is Purpose.BOUNCE:
            return _bounced(context, mailing, replies, signed, mail)
    if mail.automatic:
        return MailOutcome.AUTOMATIC
    # Look the sender up once: a stranger's mail may name very many addresses.
    senders = context.people.by_email(mail.sender) if mail.authenticated and mail.signed else ()
    for signed in mail.signed:
        for agent in senders:
            if replies.is_of(signed, agent.id):
                return _of_agent(context, mailing, agent, signed, mail)
    return MailOutcome.STRANGER


def _of_agent(
    context: AnswerContext,
    mailing: Mailing,
    agent: Agent,
    signed: SignedAddress,
    mail: IncomingMail,
) -> MailOutcome:
    """Process an agent's mail to the address made for them, and queue a note on the outcome."""
    if agent.departed(context.today()):
        return MailOutcome.GONE
    # Each copy of a mail has the same answer, and so the same id.
    named = "\0".join((signed.subject_id, agent.id, mail.key))
    answer_id = hashlib.sha256(named.encode()).hexdigest()[:32]
    outcome = _published(context, agent, signed, mail, answer_id)
    # If the answer is stored already, the process may have died before the note.
    noted = _with_files(mail) if outcome is MailOutcome.AGAIN else outcome
    if noted in NOTES:
        mailing.store.queue_note(agent.id, noted.value, signed.subject_id)
    return outcome


def _published(
    context: AnswerContext, agent: Agent, signed: SignedAddress, mail: IncomingMail, answer_id: str
) -> MailOutcome:
    """Publish the answer; return the outcome."""
    asking, consent = required(context.part(Asking)), context.consent
    reader = asking.reader_of(agent.id)
    if reader.agent_id is None:
        return MailOutcome.GONE
    if consent is None or consent.has_withdrawn(agent.id):
        return MailOutcome.WITHDRAWN
    try:
        thread = readable_thread(context, reader, signed.subject_id)
    except NotFound:
        return MailOutcome.UNKNOWN
    if any(one.id == answer_id for one in thread.answers):
        asking.publish()
        return MailOutcome.AGAIN
    if signed.until < context.today():
        return MailOutcome.EXPIRED
    requests = asking.questions.requests.of_question(signed.subject_id)
    if not any(one.agent_id == agent.id and one.state in UNDECIDED for one in requests):
        return MailOutcome.NOT_ASKED
    if refused := _unusable(mail):
        return refused
    text, moment = storable(mail.text), asking.questions.now()
    try:
        keep_answer(asking, GivenAnswer(answer_id, signed.subject_id, agent.id, text, moment))
    except TooManyAnswers:
        return MailOutcome.TOO_MANY
    asking.publish()
    return _with_files(mail)


def _unusable(mail: IncomingMail) -> MailOutcome | None:
    if not mail.whole:
        return MailOutcome.TOO_LARGE
    if not has_words(mail.text):
        return MailOutcome.EMPTY
    return MailOutcome.TOO_LONG if len(mail.text) > MOST_TEXT else None


def _with_files(mail: IncomingMail) -> MailOutcome:
    return MailOutcome.PUBLISHED_WITHOUT_FILES if mail.files else MailOutcome.PUBLISHED


def _bounced(
    context: AnswerContext,
    mailing: Mailing,
    replies: ReplyAddresses,
    signed: SignedAddress,
    mail: IncomingMail,
) -> MailOutcome:
    """Note that a message bounced, and that its address is bad if that is the cause.

    Only the agent's present address in the directory can be marked: if it has changed, the bounce
    does not concern it.
    """
    sent = mailing.store.queued(signed.subject_id)
    if sent is None or not replies.is_of(signed, sent.agent_id):
        return MailOutcome.STRANGER
    if not mail.failed:  # a delay or an absence: it was or may still be delivered
        return MailOutcome.AUTOMATIC
    agent = context.people.as_read(sent.agent_id)
    address = agent.email if agent else ""
    failed = next(
        (one for one in mail.failed if one.of_address and address.lower() in one.addresses), None
    )
    code = (failed or mail.failed[0]).code
    mailing.store.bounced(sent, code, address if failed else "")
    return MailOutcome.BOUNCED
