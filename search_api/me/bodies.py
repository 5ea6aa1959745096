"""The API's answer about oneself: everything, as one JSON."""

from datetime import UTC, date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.values import ContactVia
from expertise.consent import Kind
from search_api.agents.bodies import ProfileBody, profile_answer
from search_api.catalogue.texts import marked
from search_api.me.held import HeldData

PURPOSE = marked(
    "Aider à trouver de l’aide : proposer, à qui cherche, des collègues qui ont écrit sur le "
    "sujet. Jamais évaluer, comparer ni classer des agents."
)
NOT_HELD = (
    marked("Vos questions : si un journal des questions est tenu, il ne dit pas par qui."),
    marked("Ce que vous ouvrez : aucun clic n’est suivi."),
    marked("Aucune note, aucune appréciation, aucun classement de vous."),
)

HELD_ELSEWHERE = (
    marked(
        "Le registre des consultations privilégiées : les pages qu’un rôle ouvre, qui "
        "les a ouvertes ou s’est vu les refuser, au sujet de qui. La personne chargée "
        "de la protection des données le lit : demandez-lui ce qui vous y concerne."
    ),
    marked(
        "Le registre des suppressions : vos demandes faites ici, pour qu’une "
        "sauvegarde restaurée ne les défasse pas."
    ),
)
"""What this answer does not show of the one who asks."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class RowBody(_Body):
    """The directory's row, as it was last read."""

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
    listed: bool
    contact_via: ContactVia
    contact: str


class ContributionsBody(_Body):
    """Documents that one contributed to, and may read."""

    source: str
    documents: int


class BroughtUpBody(_Body):
    """In a period, by how many distinct askers answers brought one up: five or more."""

    topic_id: str = Field(description="empty: questions that name no topic of the list")
    start: date
    askers: int


class SessionBody(_Body):
    """An open session, by days. What opens it is not held."""

    begun: date
    last_used: date


class TokenBody(_Body):
    """A personal token that is not over, by days. What opens it is not held."""

    label: str
    made: date
    ends: date
    last_used: date | None


class WishBody(_Body):
    """Something asked, in force since a moment."""

    kind: Kind
    subject: str = Field(description="a source (empty: the finder as a whole), or a topic's id")
    said: list[str]
    since: datetime


class AskedBody(_Body):
    """What is asked, or taken back."""

    kind: Kind
    subject: str = Field("", max_length=200)
    way: str = Field("", max_length=20, description="for `contact`")


class MeBody(_Body):
    """What is held about the one who asks, and where the rest is."""

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
    brought_up: list[BroughtUpBody] | None = Field(description="null where it is not counted")
    sessions: list[SessionBody] = Field(description="open ones: «Mes accès» ends them")
    tokens: list[TokenBody] = Field(description="personal tokens")
    not_held: list[str]
    held_elsewhere: list[str]


def me_answer(held: HeldData) -> MeBody:
    """The body."""
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
        profile=profile_answer(held.profile),
        wishes=[
            WishBody(
                kind=one.wish.kind,
                subject=one.wish.subject,
                said=list(one.wish.said),
                since=one.since,
            )
            for one in held.wishes
        ],
        noted=held.noted,
        brought_up=None
        if held.brought_up is None
        else [
            BroughtUpBody(topic_id=one.topic_id, start=one.start, askers=one.askers)
            for one in held.brought_up
        ],
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


def _day(seconds: int) -> date:
    """The day, in UTC, of a moment in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date()
