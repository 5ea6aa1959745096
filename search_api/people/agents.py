"""An agent's profile, and everything stored about the reader («Moi»)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.account_linking import LinkBy
from connectors.values import Agent, ContactVia
from expertise.answer_values import BuildStatus, Peers
from expertise.consent import (
    NARROWER_CONTACTS,
    OF_OTHERS,
    OPPOSITES,
    WHOLE_SERVICE,
    Preference,
    PreferenceKind,
    RecordedPreference,
)
from expertise.peers import AgentProfile, peers_of, profile_of
from expertise.topics import Topic, TopicKind
from expertise.visibility import may_be_shown
from expertise.votes import counting_contributions
from indexer.access import Reader, access_filter
from indexer.values import Card
from search_api.context import AnswerContext, InvalidParameter, NotFound, required
from search_api.following.storage import SqlFollowing
from search_api.query_log.counts import MentionCount
from search_api.sign_on.sessions import PersonalToken, Session
from search_api.topics.service import community_topic


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """The profile of an agent, as a reader may see it. `own`: the agent is the reader."""

    profile: AgentProfile
    own: bool


@dataclass(frozen=True, slots=True)
class PeersAnswer:
    """Agents who share an agent's topics. `own`: the agent is the reader."""

    build: BuildStatus
    peers: Peers
    own: bool


def agent_profile(context: AnswerContext, reader: Reader, agent_id: str) -> ProfileAnswer:
    """Return topics with evidence, skills confirmed or declared, communities and peers.

    Without a build, only the directory is used. Only the agent themselves sees the strength of a
    topic. Raises `NotFound` for an agent who may not be shown, and `IndexUnreachable`.
    """
    agent = shown_agent(context, reader, agent_id)
    own = agent.id == reader.agent_id
    access, today = access_filter(reader), context.today()
    return ProfileAnswer(profile_of(context.build(), agent, access, today, to_self=own), own)


def agent_peers(
    context: AnswerContext, reader: Reader, agent_id: str = "", offset: int = 0
) -> PeersAnswer:
    """Return agents who share an agent's topics, from `offset`.

    Without `agent_id`, the agent is the reader. Raises `NotFound` for an agent who may not be
    shown, `NoBuild`, and `IndexUnreachable`.
    """
    agent = shown_agent(context, reader, agent_id or reader.agent_id or "")
    own = agent.id == reader.agent_id
    build = context.required_build()
    found = peers_of(build, agent, access_filter(reader), to_self=own, offset=offset)
    return PeersAnswer(build.status, found, own)


def shown_agent(context: AnswerContext, reader: Reader, agent_id: str) -> Agent:
    """Return the reader, or an agent who may be shown. Raises `NotFound` for any other id.

    An agent who is not listed or has left gets the same answer as an unknown id, except for the
    agent themselves.
    """
    agent = context.people.agent(agent_id)
    if agent is None or not may_be_shown(agent, context.today(), reader.agent_id):
        raise NotFound("Aucun agent de ce nom ne peut être montré.")
    return agent


@dataclass(frozen=True, slots=True)
class StoredData:
    """Everything stored about one agent.

    `row` is the directory's entry. `profile` is the profile that others may see, with the strengths
    and evidence that the agent may see. `contributions`: number of documents by source. `sessions`
    are the open sessions, `tokens` the personal tokens. `mention_counts` is None if mentions are
    not counted. `joined_by`: for each account, the rule that links it, or None if the directory
    links it. `noted`: whether every wish is in the register that a restored backup replays.
    `disowned`: readable documents that the agent disowned, by id.
    """

    row: Agent
    profile: AgentProfile
    accounts: Sequence[str]
    groups: Sequence[str]
    contributions: Mapping[str, int]
    wishes: Sequence[RecordedPreference]
    topics: Sequence[Topic]
    ways: Sequence[ContactVia]
    sessions: Sequence[Session] = ()
    tokens: Sequence[PersonalToken] = ()
    mention_counts: Sequence[MentionCount] | None = None
    joined_by: Mapping[str, LinkBy | None] = field(default_factory=dict)
    noted: bool = True
    disowned: Mapping[str, Card] = field(default_factory=dict)

    @property
    def sources(self) -> list[str]:
        """Sources that the agent may withdraw from, or has withdrawn from."""
        left = (one.preference.subject for one in self.of_kind(PreferenceKind.WITHDRAW))
        return sorted({*(_source(one) for one in self.accounts), *left, *self.contributions} - {""})

    @property
    def withdrawn(self) -> frozenset[str]:
        """Sources that the agent withdrew from; `WHOLE_SERVICE` for all of them."""
        return frozenset(one.preference.subject for one in self.of_kind(PreferenceKind.WITHDRAW))

    def of_kind(self, kind: PreferenceKind) -> list[RecordedPreference]:
        """Return the wishes of one kind."""
        return [one for one in self.wishes if one.preference.kind == kind]


def stored_about(context: AnswerContext, reader: Reader) -> StoredData:
    """Return what is stored about the reader. Raises `NotFound`, `IndexUnreachable`."""
    agent_id, people = reader.agent_id or "", context.people
    row, agent = people.as_read(agent_id), people.agent(agent_id)
    if row is None or agent is None:
        raise NotFound("L’annuaire ne vous connaît pas.")
    accounts, sign_on = sorted(people.accounts_of(agent_id)), context.sign_on
    tokens = sign_on and sign_on.tokens
    wishes = required(context.consent).of(agent_id)
    return StoredData(
        row=row,
        profile=profile_of(
            context.build(), agent, access_filter(reader), context.today(), to_self=True
        ),
        accounts=accounts,
        groups=sorted(people.groups_of(agent_id)),
        joined_by={one: _joined_by(context, row, one) for one in accounts},
        contributions=context.search.contributed(accounts, reader),
        wishes=wishes,
        disowned=context.search.cards(sorted(agent.disowned), reader),
        noted=required(context.consent).noted(agent_id),
        topics=context.listed_topics(),
        ways=NARROWER_CONTACTS[row.contact_via],
        mention_counts=(
            context.mention_counts(agent_id, context.today()) if context.mention_counts else None
        ),
        sessions=sign_on.sessions.of(agent_id) if sign_on else (),
        tokens=tokens.of(agent_id) if tokens else (),
    )


def ask_wish(
    context: AnswerContext, reader: Reader, kind: PreferenceKind, subject: str, way: str = ""
) -> None:
    """Apply a wish of the reader about themselves, from the next answer on.

    Raises `InvalidParameter` for an impossible wish, `NotFound`, `IndexUnreachable`.
    """
    wish = _wish(context, reader, kind, subject, way)
    required(context.consent).ask(wish)
    following = context.part(SqlFollowing)
    if following and (wish.kind, wish.subject) == (PreferenceKind.WITHDRAW, WHOLE_SERVICE):
        following.unfollow_all(wish.agent_id)


def take_back_wish(
    context: AnswerContext, reader: Reader, kind: PreferenceKind, subject: str = ""
) -> None:
    """Take back a wish of the reader, or all disowned documents without a subject.

    Raises `InvalidParameter` for a decision of others, `NotFound` if wishes are not stored.
    """
    _check_own(kind)
    consent, agent_id = required(context.consent), reader.agent_id or ""
    held = [one.preference for one in consent.of(agent_id) if one.preference.kind is kind]
    if kind is PreferenceKind.JOIN:  # else agents who were invited before would still be shown
        for joined in (one for one in held if one.subject == subject):
            consent.ask(replace(joined, kind=PreferenceKind.LEAVE))
        return
    every = kind is PreferenceKind.DISOWN and not subject
    for one in [one.subject for one in held] if every else [subject]:
        consent.take_back(Preference(agent_id, kind, one))


@dataclass(frozen=True, slots=True)
class WishBefore:
    """The state of a wish before it is changed, from which « Annuler » restores it.

    `way` is the chosen way of contact; it is empty for other kinds of wishes.
    """

    in_force: bool
    kind: PreferenceKind
    way: str = ""


def wish_before(
    context: AnswerContext, reader: Reader, kind: PreferenceKind, subject: str
) -> WishBefore | None:
    """Return the wish that a wish of this kind would replace; `in_force` is false without one.

    Returns None if one wish could not restore the state: for a withdrawal from the whole service,
    which also ends follows and opinions, and for all disowned documents at once.
    """
    if not subject and kind is not PreferenceKind.CONTACT:
        return None
    for one in (one.preference for one in required(context.consent).of(reader.agent_id or "")):
        if one.subject == subject and one.kind in (kind, OPPOSITES.get(kind)):
            way = one.said[0] if kind is PreferenceKind.CONTACT else ""
            return WishBefore(True, one.kind, way)
    return WishBefore(False, kind)


def _check_own(kind: PreferenceKind) -> None:
    if kind in OF_OTHERS:
        raise InvalidParameter("Cela ne se demande pas : d’autres que vous en décident.")


def _wish(
    context: AnswerContext, reader: Reader, kind: PreferenceKind, subject: str, way: str
) -> Preference:
    """Return the wish, checked. Raises `InvalidParameter` for an impossible wish."""
    _check_own(kind)
    held = stored_about(context, reader)
    said: tuple[str, ...] = ()
    if kind is PreferenceKind.WITHDRAW and subject not in {WHOLE_SERVICE, *held.sources}:
        raise InvalidParameter("Vous n’avez ni compte ni contribution dans cette source.")
    if kind in (PreferenceKind.REFUSE, PreferenceKind.DECLARE):
        said = _labels(held, kind, subject)
    if kind is PreferenceKind.DISOWN and not _contributed(context, reader, held, subject):
        raise InvalidParameter("Ce document ne dit rien de vous, ou ne vous est pas ouvert.")
    if kind in (PreferenceKind.JOIN, PreferenceKind.LEAVE):
        topic = community_topic(context, subject)
        if kind is PreferenceKind.JOIN and topic.id in context.closed_communities():
            raise InvalidParameter("Cette communauté est close : on ne la rejoint plus.")
        said = topic.labels
    if kind is PreferenceKind.CONTACT:
        if way not in held.ways:
            raise InvalidParameter(
                "Choisissez l’une des façons de vous joindre que la page propose."
            )
        subject, said = "", (way,)
    return Preference(reader.agent_id or "", kind, subject, said)


def _labels(held: StoredData, kind: PreferenceKind, topic_id: str) -> tuple[str, ...]:
    topic = next((one for one in held.topics if one.id == topic_id), None)
    if topic is None:
        raise InvalidParameter("Ce sujet n’est pas dans la liste.")
    if kind is PreferenceKind.DECLARE and topic.kind is not TopicKind.TOPIC:
        raise InvalidParameter("Un métier vient de l’annuaire : il ne se déclare pas ici.")
    return topic.labels


def _contributed(
    context: AnswerContext, reader: Reader, held: StoredData, document_id: str
) -> bool:
    """Return whether the reader may read the document, and the document counts as theirs."""
    card = context.search.cards((document_id,), reader).get(document_id)
    accounts = {row.account for row in counting_contributions(card)} if card else set()
    return not accounts.isdisjoint(held.accounts)


def _joined_by(context: AnswerContext, row: Agent, account: str) -> LinkBy | None:
    found = (one.matched_by(row, account) for one in context.join_rules())
    return next(filter(None, found), None)


def _source(account: str) -> str:
    return account.partition(":")[0]
