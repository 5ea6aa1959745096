"""Mail to agents: their choices, and the content of a message when it is sent.

A message is written under its reader's rights at that moment. Content is not sent if it is deleted,
or if the reader may not read it or does not want it any more. No message contains a restricted
title, unless the settings allow it for its entity, because mail is forwarded and kept by others.
"""

from dataclasses import dataclass, replace

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.peers import NOTICE_DAYS
from indexer.access import Reader, access_filter
from quisait_mail.links import unsubscribe_address
from quisait_mail.shown_mails import ShownMail
from quisait_mail.storage import ANSWERED_PER_WEEK, Mailing
from quisait_mail.values import (
    DigestPace,
    KeptMail,
    MailContent,
    MailKind,
    MailLine,
    MailPreferences,
    MailSection,
    QueuedMail,
)
from search_api.addresses import community_address, question_address
from search_api.communities.service import invitations
from search_api.context import AnswerContext, NotFound, required
from search_api.following.service import News, NewsItem, NewsKind, ShownFollow, news
from search_api.following.storage import FollowKind
from search_api.questions.service import own_load
from search_api.questions.storage import Asking
from search_api.questions.values import AskedQuestion, ReaderScope, RequestState
from search_api.questions.wording import questions_this_week
from search_api.wording import day, plural

_Words = tuple[str, str, tuple[MailSection, ...], str]
"""The text of a message: its subject, its first paragraph, its sections, and why it is sent."""
_UNNAMED = "(titre réservé à ses lecteurs : voyez la page)"
SHOWN_OF_EACH = 10
"""Maximum number of items of one follow in a digest."""
KINDS: dict[MailKind, str] = {
    MailKind.ASKED: "les questions qui vous sont posées",
    MailKind.ANSWERED: "les réponses à vos questions",
    MailKind.INVITED: "les invitations des communautés",
    MailKind.DIGEST: "le résumé de ce que vous suivez",
    MailKind.RECEIVED: "la suite de vos réponses par courriel",
}
"""Content of each kind of mail, in words."""


@dataclass(frozen=True, slots=True)
class OwnMail:
    """The reader's choices, their address in the directory (may be empty), and kept messages."""

    preferences: MailPreferences
    address: str
    kept: tuple[KeptMail, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """The kind of mail that a signed link ends."""

    link: str
    said: str


def own_mail(context: AnswerContext, agent_id: str) -> OwnMail | None:
    """Return an agent's choices; None if no mail is sent here."""
    agent = context.people.as_read(agent_id) if agent_id else None
    mailing = context.part(Mailing)
    if mailing is None or agent is None:
        return None
    store = mailing.store
    return OwnMail(store.preferences(agent.id, agent.email), agent.email, store.kept_of(agent.id))


def shown_mails(context: AnswerContext, reader: Reader) -> tuple[ShownMail, ...]:
    """Return the mails that the demo shows its reader instead of sending them, newest first.

    Raises `NotFound` if mails are sent, or if mail is off.
    """
    shown = required(required(context.part(Mailing)).shown)
    agent = context.people.as_read(reader.agent_id or "")
    return shown.of(agent.email) if agent and agent.email else ()


def set_mail_preferences(context: AnswerContext, reader: Reader, said: MailPreferences) -> None:
    """Store the reader's choices. Raises `NotFound`."""
    mail = required(context.part(Mailing))
    if reader.agent_id is None or context.people.as_read(reader.agent_id) is None:
        raise NotFound("L’annuaire ne vous connaît pas.")
    mail.store.choose(reader.agent_id, said)


def unsubscription(context: AnswerContext, link: str) -> Unsubscription:
    """Return the subscription that a link would end, without ending it.

    Raises `NotFound` for an invalid link.
    """
    _, kind = _read(context, link)
    return Unsubscription(link, KINDS[kind])


def unsubscribe(context: AnswerContext, link: str) -> Unsubscription:
    """End a kind of mail for the agent of a signed link, without a login. Raises `NotFound`."""
    agent_id, kind = _read(context, link)
    store = required(context.part(Mailing)).store
    said = store.preferences(agent_id)
    ended = {
        MailKind.ASKED: replace(said, asked=False),
        MailKind.ANSWERED: replace(said, answered=False),
        MailKind.INVITED: replace(said, invited=False),
        MailKind.DIGEST: replace(said, digest=DigestPace.OFF),
        MailKind.RECEIVED: replace(said, asked=False),  # then no mail remains to answer
    }[kind]
    if ended != said:
        store.choose(agent_id, ended)
    return Unsubscription(link, KINDS[kind])


def mail_content(context: AnswerContext, queued: QueuedMail) -> MailContent | None:
    """Return the present content of a message, or None if it must not be sent.

    If it raises `IndexUnreachable`, the message waits.
    """
    mail, agent = required(context.part(Mailing)), _recipient(context, queued)
    asking = context.part(Asking)
    if agent is None or asking is None:
        return None
    reader = asking.reader_of(agent.id)
    words_of = {
        MailKind.ASKED: _asked,
        MailKind.ANSWERED: _answered,
        MailKind.INVITED: _invited,
        MailKind.DIGEST: _digest,
        MailKind.RECEIVED: _received,
    }[queued.kind]
    words = words_of(context, mail, reader, agent, queued) if reader.agent_id else None
    if words is None:
        return None
    subject, lead, sections, why = words
    content = MailContent(
        to=agent.email,
        subject=f"Qui sait ? {subject}",
        lead=lead,
        sections=sections,
        why=why,
        unsubscribe=mail.rules.site + unsubscribe_address(mail.links.make(agent.id, queued.kind)),
        choices=f"{mail.rules.site}/preferences#courriels",
    )
    for addition in mail.additions:
        content = addition.complete(content, queued, agent, context.today())
    return content


def _recipient(context: AnswerContext, queued: QueuedMail) -> Agent | None:
    """Return the recipient if they are in post, take part, want the mail and can receive it."""
    agent = context.people.as_read(queued.agent_id)
    if agent is None or agent.departed(context.today()) or not agent.email:
        return None
    consent = context.consent
    withdrawn = consent is None or consent.has_withdrawn(agent.id)
    if withdrawn and queued.kind is not MailKind.RECEIVED:  # senders are still told the outcome
        return None
    said = required(context.part(Mailing)).store.preferences(agent.id, agent.email)
    return agent if said.wants(queued.kind) and not said.refused else None


def _asked(
    context: AnswerContext, mail: Mailing, reader: Reader, agent: Agent, queued: QueuedMail
) -> _Words | None:
    question = _readable(context, reader, queued.subject)
    waits = any(
        one.agent_id == agent.id and one.state is RequestState.WAITING
        for one in required(context.part(Asking)).questions.requests.of_question(queued.subject)
    )
    if question is None or not waits:
        return None
    lead = "Une question vous est posée. Vous pouvez y répondre, passer la main ou décliner."
    return (
        "Une question vous est posée",
        lead,
        (MailSection("La question", (_line(mail, question),)),),
        f"{questions_this_week(own_load(context, agent))} Chacune vous est annoncée par courriel, "
        "sauf si vous y mettez fin.",
    )


def _answered(
    context: AnswerContext, mail: Mailing, reader: Reader, agent: Agent, queued: QueuedMail
) -> _Words | None:
    found = [
        thread.question.id
        for thread in required(context.part(Asking)).questions.of_asker(agent.id)
        for one in thread.answers
        # An asker who accepted it or gave thanks has read it.
        if one.id == queued.subject and not (one.accepted or one.thanked)
    ]
    question = _readable(context, reader, found[0]) if found else None
    if question is None:
        return None
    return (
        "Votre question a une réponse",
        "Votre question a une réponse. Dites sur sa page si elle vous a aidé, ou ce qui manque.",
        (MailSection("Votre question", (_line(mail, question),)),),
        "Les réponses à vos questions vous sont annoncées par courriel, "
        f"{ANSWERED_PER_WEEK} fois par semaine au plus, sauf si vous y mettez fin.",
    )


def _invited(
    context: AnswerContext, mail: Mailing, reader: Reader, _agent: Agent, _queued: QueuedMail
) -> _Words | None:
    """Return the invitations that the agent has not read on a page yet."""
    unread = [one.topic for one in invitations(context, reader) if not one.told]
    if not unread:
        return None
    subject = plural("Une communauté vous invite", "{num} communautés vous invitent", len(unread))
    lead = (
        "Une communauté réunit des collègues de plusieurs régions, souvent seuls à connaître un "
        "sujet près de chez eux. Acceptez sur sa page, et votre nom y est montré à tous les "
        f"agents ; refusez, et il n’y figure pas. Sans réponse, il l’est {NOTICE_DAYS} jours après "
        "que vous y avez lu l’invitation."
    )
    lines = tuple(
        MailLine(f"Communauté « {one.label} »", f"{mail.rules.site}{community_address(one)}")
        for one in unread
    )
    why = (
        "Les invitations des communautés vous sont annoncées par courriel, une fois par semaine "
        "au plus, sauf si vous y mettez fin."
    )
    return subject, lead, (MailSection("Pour répondre", lines),), why


def _received(
    context: AnswerContext, mail: Mailing, reader: Reader, _agent: Agent, queued: QueuedMail
) -> _Words | None:
    """Return a feature's note, such as the outcome of an answer by mail.

    The question is left out if the recipient may not read it. There is no note if its feature was
    disabled since.
    """
    name, _, question_id = queued.subject.partition(":")
    note = next((add.notes[name] for add in mail.additions if name in add.notes), None)
    if note is None:
        return None
    question = _readable(context, reader, question_id)
    shown = (MailSection("La question", (_line(mail, question),)),) if question else ()
    return note.subject, note.text, shown, "Vous avez répondu par courriel à une question."


def _digest(
    context: AnswerContext, mail: Mailing, reader: Reader, _agent: Agent, queued: QueuedMail
) -> _Words | None:
    found = news(context, reader, after=queued.begins, until=queued.queued, with_topics=False)
    if not found.count:
        return None
    subject = plural(
        "{num} nouveauté dans ce que vous suivez",
        "{num} nouveautés dans ce que vous suivez",
        found.count,
    )
    since = day(queued.begins.date()) if queued.begins else ""
    lead = f"Ce qui est nouveau depuis le {since} dans ce que vous suivez, et que vous pouvez lire."
    why = "Vous avez choisi, dans « Préférences », de recevoir ce résumé par courriel."
    return subject, lead, _sections(context, mail, found), why


def _sections(context: AnswerContext, mail: Mailing, found: News) -> tuple[MailSection, ...]:
    items = [item for one in found.found for item in one.items]
    titled = _may_be_titled(context, mail, items)
    sections = []
    for one in found.found:
        shown = one.items[:SHOWN_OF_EACH]
        named = [item for item in shown if item.document_id in titled]
        lines = tuple(
            MailLine(item.title, f"{mail.rules.site}{item.address}", _SAID[item.kind])
            for item in named
        )
        left = len(one.items) - len(named)
        more = "Et d’autres encore, à voir sur le site." if one.more else ""
        if left and not one.more:
            more = plural(
                "Et {num} autre, à voir sur le site.", "Et {num} autres, à voir sur le site.", left
            )
        sections.append(MailSection(_heading(one.shown), lines, more))
    return tuple(sections)


def _heading(one: ShownFollow) -> str:
    """Return a heading that names a topic, but no question's title and no search's words."""
    since = day(one.follow.since.date())
    if one.follow.kind is FollowKind.QUESTION:
        return "Une question suivie"
    if one.follow.kind is FollowKind.SEARCH:
        return f"Une recherche enregistrée le {since}"
    return one.title


_SAID = {
    NewsKind.DOCUMENT: "document",
    NewsKind.WAITING: "question sans réponse",
    NewsKind.ANSWER: "nouvelle réponse",
}


def _may_be_titled(context: AnswerContext, mail: Mailing, items: list[NewsItem]) -> frozenset[str]:
    """Return the documents that every agent may read, or whose entity allows their titles.

    Without a build, no document counts as open to all agents.
    """
    ids = list(dict.fromkeys(item.document_id for item in items))
    build = context.build()
    opened = () if isinstance(build, BuildStatus) else build.revalidation.readable_by_all(ids)
    allowed = {item.document_id for item in items if mail.rules.may_title(item.entity)}
    return frozenset({*opened, *allowed})


def _line(mail: Mailing, question: AskedQuestion) -> MailLine:
    entity = question.scope_id if question.scope is ReaderScope.ENTITY else ""
    opened = question.scope is ReaderScope.EVERYBODY or mail.rules.may_title(entity)
    title = question.title if opened else _UNNAMED
    return MailLine(title, f"{mail.rules.site}{question_address(question.id)}")


def _readable(context: AnswerContext, reader: Reader, question_id: str) -> AskedQuestion | None:
    thread = required(context.part(Asking)).questions.one(question_id)
    if thread is None or not access_filter(reader).admits(thread.question.access):
        return None
    return thread.question


def _read(context: AnswerContext, link: str) -> tuple[str, MailKind]:
    found = required(context.part(Mailing)).links.read(link)
    if found is None:
        raise NotFound("Ce lien n’est pas un lien de désinscription d’ici, ou il est incomplet.")
    return found
