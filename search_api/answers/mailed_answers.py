"""Answers that come in by mail, and bounces: what becomes of each.

An answer is published where the mail is from the agent's own address, was sent to the address that
was made for them, and the question still waits for them. Who wrote to an address of theirs is told
why theirs was not; nobody else is told anything, and no mail that a program wrote is answered.
"""

import hashlib
from enum import StrEnum

from connectors.values import Agent
from expertise.consent import has_withdrawn
from indexer.state import storable
from search_api.answers.asking import TooManyAnswers, keep_answer
from search_api.answers.context import AnswerContext, Asking, Mailing, NotFound
from search_api.answers.questions_read import asking_of, has_words, readable_thread
from search_api.asking.values import MOST_TEXT, UNDECIDED, GivenAnswer
from search_api.mail.incoming import IncomingMail
from search_api.mail.reply_addresses import Purpose, ReplyAddresses, SignedAddress


class MailOutcome(StrEnum):
    """What became of a mail that came in.

    `unreadable`: it cannot be taken apart. `again`: its answer is there already. `automatic`: no
    person wrote it. `stranger`: it is of nobody for whom its address was made. `gone`: of who left.
    Those of `NOTES` are told.
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
        """Whether an answer stands on the question's page by it."""
        return self in (MailOutcome.PUBLISHED, MailOutcome.PUBLISHED_WITHOUT_FILES)


NOTES: dict[MailOutcome, str] = {
    MailOutcome.PUBLISHED: "Votre réponse est publiée. Relisez-la : vous pouvez la corriger ou la "
    "supprimer sur la page de la question.",
    MailOutcome.PUBLISHED_WITHOUT_FILES: "Votre réponse est publiée, sans ses pièces jointes : "
    "elles ne sont pas gardées. Relisez-la : vous pouvez la corriger ou la supprimer sur la page "
    "de la question.",
    MailOutcome.WITHDRAWN: "Votre réponse n’est pas publiée : vous vous êtes retiré du service. "
    "Vos choix sont dans « Mes données ».",
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
"""What who wrote is told, by mail, under the rights of its sending."""


def receive_mail(context: AnswerContext, mail: IncomingMail) -> MailOutcome:
    """Publish an answer, note a bounce, or neither; the same mail a second time changes nothing.

    Raises `NotFound` where no mailbox is read here, `IndexUnreachable`.
    """
    mailing, replies = _replies(context)
    for signed in mail.signed:
        if signed.purpose is Purpose.BOUNCE:
            return _bounced(context, mailing, replies, signed, mail)
    if mail.automatic:
        return MailOutcome.AUTOMATIC
    # Looked up once: a stranger may write to as many addresses as a mail has room for.
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
    """The agent's mail, to the address that was made for them."""
    if agent.departed(context.today()):
        return MailOutcome.GONE
    answer_id = _answer_id(signed, agent, mail)
    outcome = _published(context, agent, signed, mail, answer_id)
    noted = outcome
    if outcome is MailOutcome.AGAIN:  # who published it may have died before it said so
        noted = _with_files(mail)
    if noted in NOTES:
        mailing.store.queue_note(agent.id, noted.value, signed.subject_id)
    return outcome


def _published(
    context: AnswerContext,
    agent: Agent,
    signed: SignedAddress,
    mail: IncomingMail,
    answer_id: str,
) -> MailOutcome:
    """Publish it, or why not."""
    asking, consent = asking_of(context), context.consent
    reader = asking.reader_of(agent.id)
    if reader.agent_id is None:
        return MailOutcome.GONE
    if consent is None or has_withdrawn(consent, agent.id):
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
    requests = asking.questions.requests_of(signed.subject_id)
    if not any(one.agent_id == agent.id and one.state in UNDECIDED for one in requests):
        return MailOutcome.NOT_ASKED
    return _unusable(mail) or _kept(asking, agent, signed, mail, answer_id)


def _unusable(mail: IncomingMail) -> MailOutcome | None:
    if not mail.whole:
        return MailOutcome.TOO_LARGE
    if not has_words(mail.text):
        return MailOutcome.EMPTY
    return MailOutcome.TOO_LONG if len(mail.text) > MOST_TEXT else None


def _kept(
    asking: Asking, agent: Agent, signed: SignedAddress, mail: IncomingMail, answer_id: str
) -> MailOutcome:
    text, moment = storable(mail.text), asking.questions.now()
    try:
        keep_answer(asking, GivenAnswer(answer_id, signed.subject_id, agent.id, text, moment))
    except TooManyAnswers:
        return MailOutcome.TOO_MANY
    asking.publish()
    return _with_files(mail)


def _with_files(mail: IncomingMail) -> MailOutcome:
    return MailOutcome.PUBLISHED_WITHOUT_FILES if mail.files else MailOutcome.PUBLISHED


def _answer_id(signed: SignedAddress, agent: Agent, mail: IncomingMail) -> str:
    """The same for a copy of the same mail."""
    named = "\0".join((signed.subject_id, agent.id, mail.key))
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _bounced(
    context: AnswerContext,
    mailing: Mailing,
    replies: ReplyAddresses,
    signed: SignedAddress,
    mail: IncomingMail,
) -> MailOutcome:
    """Note that a message came back; its agent's address too, where it is because of that.

    The address is the one that the directory has now: where the agent has another since, the bounce
    says nothing of it.
    """
    sent = mailing.store.queued(signed.subject_id)
    if sent is None or not replies.is_of(signed, sent.agent_id):
        return MailOutcome.STRANGER
    if not mail.failed:  # delayed, or an absence: it was delivered, or may be yet
        return MailOutcome.AUTOMATIC
    agent = context.people.as_read(sent.agent_id)
    address = agent.email if agent else ""
    failed = next(
        (one for one in mail.failed if one.of_address and address.lower() in one.addresses), None
    )
    code = (failed or mail.failed[0]).code
    mailing.store.bounced(sent, code, address if failed else "")
    return MailOutcome.BOUNCED


def _replies(context: AnswerContext) -> tuple[Mailing, ReplyAddresses]:
    if context.mail is None or context.mail.replies is None:
        raise NotFound("")
    return context.mail, context.mail.replies
