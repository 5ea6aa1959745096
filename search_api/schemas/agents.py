"""API schemas of an agent: the profile that others see, and the agent's own data."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.values import ContactVia
from expertise.consent import Preference, PreferenceKind
from expertise.peers import AgentProfile, Skill
from search_api.answers.agents import StoredData
from search_api.answers.feedback import OwnFeedback, ShownFeedback
from search_api.answers.following import OwnFollows
from search_api.answers.mail import OwnMail
from search_api.asking.values import OwnAsking
from search_api.feedback import Aspect, Feedback, SubjectKind
from search_api.schemas.asking import OwnAskingBody, own_asking_body
from search_api.schemas.following import OwnFollowsBody, own_follows_body
from search_api.schemas.mail import OwnMailBody, own_mail_body
from search_api.schemas.search import AgentBody
from search_api.schemas.search_responses import agent_body
from search_api.schemas.topics import (
    BuildBody,
    CommunityBody,
    OwnTopicBody,
    PeerBody,
    build_body,
    community_body,
    own_topic_body,
    peer_body,
)
from search_api.schemas.verification import OwnVerificationsBody, own_verifications_body
from search_api.verification import OwnVerifications


class SkillBody(BaseModel):
    """A skill in the directory."""

    model_config = ConfigDict(frozen=True)

    label: str
    renew: bool = Field(description="declared over a year ago, and shown by no document")


class ProfileBody(BaseModel):
    """An agent's profile; demonstrated, confirmed and declared skills are kept apart."""

    model_config = ConfigDict(frozen=True)

    build: BuildBody = Field(description="topics, peers and communities come from it")
    agent: AgentBody
    metier: OwnTopicBody | None = Field(description="the métier, where it is one of the list")
    by_metier: list[OwnTopicBody] = Field(description="topics that the métier is about")
    by_mission: list[OwnTopicBody] = Field(description="topics of missions in force")
    demonstrated: list[OwnTopicBody] = Field(description="by label; evidence newest first")
    confirmed: list[SkillBody] = Field(description="somebody else vouches for them")
    declared: list[SkillBody] = Field(description="the agent's own word")
    peers: list[PeerBody]
    communities: list[CommunityBody]


def profile_body(found: AgentProfile) -> ProfileBody:
    """Return the response body for an agent's profile."""
    return ProfileBody(
        build=build_body(found.build),
        agent=agent_body(found.agent),
        metier=own_topic_body(found.metier) if found.metier else None,
        by_metier=list(map(own_topic_body, found.by_metier)),
        by_mission=list(map(own_topic_body, found.by_mission)),
        demonstrated=list(map(own_topic_body, found.shown)),
        confirmed=list(map(_skill_body, found.confirmed)),
        declared=list(map(_skill_body, found.declared)),
        peers=list(map(peer_body, found.peers)),
        communities=list(map(community_body, found.communities)),
    )


def _skill_body(one: Skill) -> SkillBody:
    return SkillBody(label=one.label, renew=one.renew)


PURPOSE = (
    "Aider à trouver de l’aide : proposer, à qui cherche, des collègues qui ont écrit sur le "
    "sujet. Jamais évaluer, comparer ni classer des agents."
)
NOT_HELD = (
    "Vos recherches : si un journal des questions est tenu, il ne dit pas par qui.",
    "Ce que vous ouvrez : aucun clic n’est suivi.",
    "Aucune note, aucun classement de vous.",
)

HELD_ELSEWHERE = (
    (
        "Le registre des consultations privilégiées : les pages qu’un rôle ouvre, qui "
        "les a ouvertes ou s’est vu les refuser, au sujet de qui. La personne chargée "
        "de la protection des données le lit : demandez-lui ce qui vous y concerne."
    ),
    (
        "Le registre des suppressions : vos demandes et vos effacements faits ici, pour qu’une "
        "sauvegarde restaurée ne les défasse pas."
    ),
    (
        "Les avis « utile » ou « pas utile » de collègues à qui vous avez été proposé : ils "
        "portent sur la proposition. Personne ne peut les lire à votre sujet ; ils ne sont "
        "additionnés que par sujet, à partir de cinq avis et de trois personnes proposées. Un "
        "retrait complet les efface."
    ),
)
"""Data about the reader that is stored elsewhere and is not in this response."""


class _MyDataSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class MissionBody(_MyDataSchema):
    """A mission, in force or not; `last` is null if it has no end."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    topic: str = Field(description="as the directory writes it")
    first: date
    last: date | None


class RowBody(_MyDataSchema):
    """The agent's row in the directory, as last read."""

    id: str
    given_name: str
    family_name: str
    metier: str
    entity: str
    office: str
    departement: str
    email: str
    arrival: date | None
    departure: date | None
    skills: list[str]
    skills_confirmed: list[str]
    skills_declared: date | None
    missions: list[MissionBody]
    listed: bool
    contact_via: ContactVia
    contact: str


class ContributionsBody(_MyDataSchema):
    """Number of documents of a source that the reader contributed to and may read."""

    source: str
    documents: int


class MentionCountBody(_MyDataSchema):
    """Number of distinct askers who were shown the reader in a period: five or more."""

    topic_id: str = Field(description="empty: questions that name no topic of the list")
    start: date
    askers: int


class SessionBody(_MyDataSchema):
    """An open session, with days instead of times. Its secret is not stored."""

    begun: date
    last_used: date


class TokenBody(_MyDataSchema):
    """A valid personal token, with days instead of times. Its secret is not stored."""

    label: str
    made: date
    ends: date
    last_used: date | None


class WishBody(_MyDataSchema):
    """A wish of the reader, and since when it applies."""

    kind: PreferenceKind = Field(
        description="`removed`: an animator decided it, for `reason`; `invited`: the day on which "
        "you were told that a community invites you"
    )
    subject: str = Field(
        description="a source (empty: the finder as a whole), a topic's id, or a document's "
        "(empty: one that you may not see any more)"
    )
    said: list[str]
    since: datetime
    by: str = Field("", description="the id of the animator who decided it, if known")
    reason: str = ""


class FeedbackBody(_MyDataSchema):
    """An opinion or a favourite of the reader."""

    kind: SubjectKind
    subject: str | None = Field(description="an id; null where you may not see it any more")
    title: str = Field(description="of the document or topic, or the agent's name")
    topic_id: str = Field(description="of the question that proposed an agent")
    useful: bool | None = Field(description="null for a favourite")
    since: datetime


class WishRequest(_MyDataSchema):
    """A wish to apply."""

    kind: PreferenceKind = Field(description="any but `removed` and `invited`")
    subject: str = Field("", max_length=4_000)
    way: str = Field("", max_length=20, description="for `contact`")


class MeBody(_MyDataSchema):
    """What is stored about the reader, and where other data is."""

    purpose: str
    directory: RowBody
    accounts: list[str] = Field(description="joined to you by the directory, each `source:name`")
    joined_by: dict[str, Literal["uid", "email", "directory"]] = Field(
        description="for each account: the source's rule (it bears your id, or your address), "
        "or the directory's own word"
    )
    groups: list[str] = Field(description="principals of the directory's groups")
    contributions: list[ContributionsBody]
    profile: ProfileBody = Field(description="what you are proposed for, with the evidence")
    wishes: list[WishBody]
    noted: bool = Field(
        description="whether a backup that is restored now would be told all that you asked; "
        "false: it acts, and is not yet in the register of deletions"
    )
    brought_up: list[MentionCountBody] | None = Field(description="null where it is not counted")
    opinions: list[FeedbackBody] = Field(description="«utile» or «pas utile», seen by you alone")
    favourites: list[FeedbackBody]
    asking: OwnAskingBody | None = Field(description="null where no question is asked here")
    mail: OwnMailBody | None = Field(description="null where no mail is sent")
    following: OwnFollowsBody | None = Field(description="null where nothing is followed here")
    verifications: OwnVerificationsBody | None = Field(
        None, description="null where authors are asked about no document"
    )
    sessions: list[SessionBody] = Field(description="open ones: «Mes accès» ends them")
    tokens: list[TokenBody] = Field(description="personal tokens")
    not_held: list[str]
    held_elsewhere: list[str]


def my_data_body(
    held: StoredData,
    said: OwnFeedback,
    asked: OwnAsking | None = None,
    followed: OwnFollows | None = None,
    mail: OwnMail | None = None,
    checked: OwnVerifications | None = None,
) -> MeBody:
    """Return the response body for the reader's own data."""
    row = {name: getattr(held.row, name) for name in RowBody.model_fields}
    return MeBody(
        purpose=PURPOSE,
        directory=RowBody(**row),
        accounts=list(held.accounts),
        joined_by={name: by.value if by else "directory" for name, by in held.joined_by.items()},
        groups=list(held.groups),
        contributions=[
            ContributionsBody(source=source, documents=count)
            for source, count in sorted(held.contributions.items())
        ],
        profile=profile_body(held.profile),
        wishes=[
            WishBody(
                kind=one.preference.kind,
                subject=_shown_subject(held, one.preference),
                said=list(one.preference.said),
                since=one.since,
                by=one.preference.by,
                reason=one.preference.reason,
            )
            for one in held.wishes
        ],
        noted=held.noted,
        brought_up=None
        if held.mention_counts is None
        else [
            MentionCountBody(topic_id=one.topic_id, start=one.start, askers=one.askers)
            for one in held.mention_counts
        ],
        opinions=_feedback_bodies(said.opinions, said.hidden, Aspect.OPINION),
        favourites=_feedback_bodies(said.favourites, said.hidden, Aspect.FAVOURITE),
        asking=own_asking_body(asked) if asked else None,
        following=own_follows_body(followed) if followed else None,
        mail=own_mail_body(mail) if mail else None,
        verifications=own_verifications_body(checked) if checked else None,
        sessions=[
            SessionBody(begun=_day(one.begun_s), last_used=_day(one.seen_s))
            for one in held.sessions
        ],
        tokens=[
            TokenBody(label=one.label, made=one.made, ends=one.ends, last_used=one.last_used)
            for one in held.tokens
        ],
        not_held=list(NOT_HELD),
        held_elsewhere=list(HELD_ELSEWHERE),
    )


def _shown_subject(held: StoredData, wish: Preference) -> str:
    hidden = wish.kind is PreferenceKind.DISOWN and wish.subject not in held.disowned
    return "" if hidden else wish.subject


def _feedback_bodies(
    shown: Sequence[ShownFeedback], hidden: Sequence[Feedback], aspect: Aspect
) -> list[FeedbackBody]:
    """Return the bodies of an aspect; hidden subjects have only a date, no id and no title."""
    found = [
        FeedbackBody(
            kind=one.said.subject.kind,
            subject=one.said.subject.id,
            title=_title(one),
            topic_id=one.said.subject.topic_id,
            useful=one.said.useful,
            since=one.said.since,
        )
        for one in shown
    ]
    return found + [
        FeedbackBody(
            kind=one.subject.kind,
            subject=None,
            title="",
            topic_id="",
            useful=one.useful,
            since=one.since,
        )
        for one in hidden
        if one.aspect is aspect
    ]


def _title(one: ShownFeedback) -> str:
    if one.document:
        return one.document.title
    if one.agent:
        return one.agent.name
    return one.topic.label if one.topic else ""


def _day(seconds: int) -> date:
    """Return the day, in UTC, of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date()
