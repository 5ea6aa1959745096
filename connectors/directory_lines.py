"""What a directory's table or entry says of an agent or a group, checked at the border."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from connectors.values import RESERVED, ContactVia, authority_of


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split("|") if part.strip()]


def _unsaid(value: object) -> object:
    return None if value == "" else value


def _yes_or_no(value: object) -> object:
    words = {"": True, "oui": True, "non": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


def _direct(value: object) -> object:
    return value or ContactVia.DIRECT


Key = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
Text = Annotated[str, Field(max_length=2000)]
Day = Annotated[date | None, BeforeValidator(_unsaid)]
Keys = Annotated[tuple[Key, ...], BeforeValidator(_split)]
Account = Annotated[str, Field(pattern=r"^[^:\s]+:\S.*$")]


class Line(BaseModel):
    """A row: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class AgentLine(Line):
    """A row of the agents' table."""

    id: Key
    given_name: Text = ""
    family_name: Text = ""
    metier: Text = ""
    entity: Text = ""
    office: Text = ""
    departement: Text = ""
    email: Text = ""
    arrival: Day = None
    departure: Day = None
    skills: Keys = ()
    accounts: Annotated[tuple[Account, ...], BeforeValidator(_split)] = ()
    listed: Annotated[bool, BeforeValidator(_yes_or_no)] = True
    skills_declared: Day = None
    skills_confirmed: Keys = ()
    contact_via: Annotated[ContactVia, BeforeValidator(_direct)] = ContactVia.DIRECT
    contact: Text = ""


def _no_reader_of_ours(principal: str) -> str:
    if authority_of(principal) in RESERVED:
        raise ValueError("everyone and agent are nobody's groups")
    return principal


class GroupLine(Line):
    """A row of the groups' table."""

    principal: Annotated[
        str, Field(pattern=r"^[^:\s]+:[^:\s]+:\S.*$"), AfterValidator(_no_reader_of_ours)
    ]
    label: Text = ""
    members: Keys = ()


class AccountLine(Line):
    """A row of the accounts' table: an account that a person gave to an agent."""

    account: Account
    agent: Key
