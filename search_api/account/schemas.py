"""API schemas of what is stored about the reader."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from connectors.values import ContactVia
from expertise.consent import PreferenceKind, RecordedPreference
from search_api.account.service import OwnData
from search_api.bodies import Body, Joined
from search_api.favourites.storage import SubjectKind
from search_api.following.schemas import OwnFollowsBody
from search_api.people.agents import StoredData
from search_api.people.schemas import ProfileBody
from search_api.questions.schemas import OwnAskingBody
from search_api.verification.schemas import OwnVerificationsBody


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


Day = Annotated[date, BeforeValidator(_day)]
"""A date in UTC. The value that is validated is a time in seconds since 1970."""


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
)
"""Data about the reader that is stored elsewhere and is not in this response."""


class MissionBody(Body):
    """A mission, in force or not; `last` is null if it has no end."""

    topic: str = Field(description="as in the directory")
    first: date
    last: date | None


class RowBody(Body):
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


class ContributionsBody(Body):
    """Number of documents of a source that the reader contributed to and may read."""

    source: str
    documents: int


class MentionCountBody(Body):
    """Number of distinct askers who were shown the reader in a period: five or more."""

    topic_id: str = Field(description="empty: questions that name no topic of the list")
    start: date
    askers: int


class SessionBody(Body):
    """An open session, with days instead of times. Its secret is not stored."""

    begun: Day = Field(validation_alias="begun_s")
    last_used: Day = Field(validation_alias="seen_s")


class TokenBody(Body):
    """A valid personal token, with days instead of times. Its secret is not stored."""

    label: str
    made: date
    ends: date
    last_used: date | None
    assistant: bool = Field(False, description="it opens the tools of assistants alone")
    sources: list[str] | None = Field(None, description="the only ones that it opens; null: all")
    spaces: list[str] | None = Field(None, description="the same for spaces")


class WishBody(Body):
    """A wish of the reader, and since when it applies."""

    parts_of_answer = ("preference",)
    kind: PreferenceKind = Field(
        description="`removed`: an animator decided it, because of `reason`; `invited`: the day on "
        "which you were told that a community invites you"
    )
    subject: str = Field(
        description="a source (empty: the finder as a whole), a topic's id, or a document's "
        "(empty if you may not see it any more)"
    )
    said: list[str]
    since: datetime
    by: str = Field("", description="the id of the animator who decided it, if known")
    reason: str = ""


class FavouriteBody(Body):
    """A favourite of the reader."""

    kind: SubjectKind
    subject: str | None = Field(description="an id; null if you may not see it any more")
    title: str = Field(description="of the document or topic, or the agent's name")
    since: datetime


class WishRequest(Body):
    """A wish to apply."""

    kind: PreferenceKind = Field(description="any kind but `removed` and `invited`")
    subject: str = Field("", max_length=4_000)
    way: str = Field("", max_length=20, description="for `contact`")


class MeBody(Body):
    """The data stored about the reader, and the places of further data."""

    purpose: str
    directory: RowBody
    accounts: list[str] = Field(description="your accounts by the directory, each `source:name`")
    joined_by: dict[str, Literal["uid", "email", "directory"]] = Field(
        description="for each account: the source's rule (it has your id, or your address), or "
        "the directory itself"
    )
    groups: list[str] = Field(description="principals of the directory's groups")
    contributions: list[ContributionsBody]
    profile: ProfileBody = Field(
        description="the topics for which you are proposed, with the evidence"
    )
    wishes: list[WishBody]
    noted: bool = Field(
        description="whether all your wishes are in the register that a restored backup replays; "
        "false: they apply, and are not yet in the register of deletions"
    )
    brought_up: list[MentionCountBody] | None = Field(description="null if it is not counted")
    favourites: list[FavouriteBody]
    asking: OwnAskingBody | None = Field(description="null if no question is asked here")
    following: OwnFollowsBody | None = Field(description="null if nothing is followed here")
    verifications: OwnVerificationsBody | None = Field(
        None, description="null if authors are asked about no document"
    )
    sessions: list[SessionBody] = Field(description="open ones: «Mes accès» ends them")
    tokens: list[TokenBody] = Field(description="personal tokens")
    not_held: list[str]
    held_elsewhere: list[str]


def my_data_body(own: OwnData) -> MeBody:
    """Return the response body for the reader's own data."""
    held = own.held
    sources = sorted(held.contributions.items())
    answer = Joined(
        held,
        purpose=PURPOSE,
        directory=held.row,
        joined_by={name: by.value if by else "directory" for name, by in held.joined_by.items()},
        contributions=[Joined(source=name, documents=count) for name, count in sources],
        wishes=[_wish(held, one) for one in held.wishes],
        brought_up=held.mention_counts,
        favourites=[
            *(Joined(item, item.favourite) for item in own.favourites.shown),
            *(Joined(item, subject=None, title="") for item in own.favourites.hidden),
        ],
        asking=own.asked,
        following=OwnFollowsBody.of(own.followed) if own.followed else None,
        verifications=own.checked,
        not_held=NOT_HELD,
        held_elsewhere=HELD_ELSEWHERE,
    )
    return MeBody.model_validate(answer)


def _wish(held: StoredData, wish: RecordedPreference) -> Joined:
    """Return a wish, without the id of a disowned document that the agent may no longer see."""
    kind, subject = wish.preference.kind, wish.preference.subject
    hidden = kind is PreferenceKind.DISOWN and subject not in held.disowned
    return Joined(wish, preference=wish.preference, subject="" if hidden else subject)
