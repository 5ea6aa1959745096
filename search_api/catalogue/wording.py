"""Values as readers see them: dates, roles, counts, posts and addresses in French."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connectors.geography import DEPARTEMENTS, REGIONS, area_name
from connectors.values import Agent, ContactVia, ContributorRole
from expertise.holders import Basis, IsolationScope
from expertise.names import Reason
from indexer.values import Passage
from search_api.catalogue.texts import _, grouped, marked
from search_api.questions.query_parser import QueryPartKind

_MONTHS = [
    marked("janvier"),
    marked("février"),
    marked("mars"),
    marked("avril"),
    marked("mai"),
    marked("juin"),
    marked("juillet"),
    marked("août"),
    marked("septembre"),
    marked("octobre"),
    marked("novembre"),
    marked("décembre"),
]
_WEB = re.compile(r"https?://[^\s\x00-\x1f\\]+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

# Nouns of what was done, which fit everybody.
ROLES: dict[ContributorRole, str] = {
    ContributorRole.AUTHOR: marked("rédaction"),
    ContributorRole.EDITOR: marked("mise à jour"),
    ContributorRole.ANSWERER: marked("réponse"),
    ContributorRole.ACCEPTED_ANSWERER: marked("réponse retenue"),
    ContributorRole.COMMENTER: marked("commentaire"),
    ContributorRole.REVIEWER: marked("relecture"),
    ContributorRole.ASKER: marked("question"),
    ContributorRole.UPLOADER: marked("dépôt"),
    ContributorRole.FORWARDER: marked("transmission"),
    ContributorRole.BOT: marked("programme"),
}


SCOPES: dict[IsolationScope, str] = {
    IsolationScope.NONE: "",
    IsolationScope.DEPARTEMENT: marked("département"),
    IsolationScope.REGION: marked("région"),
    IsolationScope.COUNTRY: marked("France entière"),
}

BASES: dict[Basis, str] = {
    Basis.DEMONSTRATED: marked("contributions"),
    Basis.METIER: marked("métier"),
    Basis.CONFIRMED: marked("compétence confirmée"),
    Basis.DECLARED: marked("compétence déclarée"),
}

RISKS: dict[str, str] = {
    "one_holder": marked("repose sur une personne"),
    "nobody": marked("plus personne de connu"),
    "open_questions": marked("questions sans réponse"),
    "leaving": marked("départ prévu"),
}


EVERYWHERE = marked("France entière")


def area_label(code: str) -> str:
    """The name of `22`, `r53`, or of everywhere."""
    if code.startswith("r"):
        return REGIONS.get(code[1:], code)
    return DEPARTEMENTS.get(code, code) if code else _(EVERYWHERE)


def kilometres(value: float | None) -> str:
    """`120 km`, or nothing where the distance is unknown."""
    return "" if value is None else _("%(number)s\u00a0km", number=number(round(value)))


CONTACTS = {
    ContactVia.SERVICE: marked("par la boîte du service\u00a0:"),
    ContactVia.HEAD: marked("par le chef de service\u00a0:"),
}
REASONS: dict[Reason, str] = {
    Reason.NAME: marked("son nom"),
    Reason.METIER: marked("son métier"),
    Reason.PLACE: marked("son lieu de poste"),
    Reason.CONFIRMED: marked("une compétence confirmée"),
    Reason.DECLARED: marked("une compétence déclarée"),
    Reason.RENEW: marked("une compétence déclarée il y a plus d’un an, à renouveler"),
}


def day(value: date | datetime | str | None) -> str:
    """`1er mars 2024`; an ISO text is read as its date, anything else stays as it is."""
    known = _date(value)
    if known is None:
        return str(value or "")
    first = _("1er") if known.day == 1 else str(known.day)
    return f"{first} {_(_MONTHS[known.month - 1])} {known.year}"


@dataclass(frozen=True, slots=True)
class ContactLine:
    """How to reach somebody: words before the address, which may be empty."""

    words: str
    address: str


def contact(agent: Agent) -> ContactLine:
    """As their entity wishes: their own address shows only where that is the way."""
    if agent.contact_via is ContactVia.NONE:
        return ContactLine("", "")
    if agent.contact_via is ContactVia.DIRECT:
        return ContactLine("", agent.contact or agent.email)
    return ContactLine(f"{_(CONTACTS[agent.contact_via])} ", agent.contact)


def reasons(values: Sequence[Reason]) -> str:
    """Why the directory names somebody: `Son métier et son lieu de poste`."""
    words = [_(REASONS[value]) for value in values]
    joined = words[-1] if words else ""
    if len(words) > 1:
        joined = _("%(several)s et %(last)s", several=", ".join(words[:-1]), last=joined)
    return joined[:1].upper() + joined[1:]


def month(value: date | datetime | str | None) -> str:
    """`mars 2024`."""
    known = _date(value)
    return f"{_(_MONTHS[known.month - 1])} {known.year}" if known else ""


def day_of(moment_s: float) -> str:
    """The day (UTC) of a moment in seconds since 1970."""
    return day(datetime.fromtimestamp(moment_s, UTC))


def day_after(value: date | str) -> str:
    """The day from which something valid until then is no longer."""
    known = _date(value)
    if known is None or known == date.max:
        return day(value)
    return day(known + timedelta(days=1))


def iso(value: date | datetime | str | None) -> str:
    """`2024-03-01`, for machines."""
    known = _date(value)
    return known.isoformat() if known else ""


UNDERSTOOD: dict[QueryPartKind, str] = {
    QueryPartKind.AUTHOR: marked("Auteur"),
    QueryPartKind.SINCE: marked("À partir du"),
    QueryPartKind.BEFORE: marked("Avant le"),
    QueryPartKind.ENTITY: marked("Service"),
    QueryPartKind.KIND: marked("Nature"),
    QueryPartKind.SOURCE: marked("Source"),
    QueryPartKind.SPACE: marked("Espace"),
    QueryPartKind.ANY_OF: marked("Au moins"),
    QueryPartKind.WORDS: marked("Cherché comme des mots"),
}


def valid_on(today: date, valid_from: str | None, valid_until: str | None) -> bool:
    """Whether a document is in force; both ends are days on which it is."""
    first, last = _date(valid_from), _date(valid_until)
    return (first is None or first <= today) and (last is None or today <= last)


def _date(value: date | datetime | str | None) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return None
    return value


def number(value: int) -> str:
    """`12 345`, its thousands held together."""
    return grouped(value)


def understood(said: QueryPartKind) -> str:
    """What a part of the question was taken for."""
    return _(UNDERSTOOD[said])


def scope(value: IsolationScope) -> str:
    """The area in which somebody is alone; empty where they are not."""
    return _(SCOPES[value]) if SCOPES[value] else ""


def basis(value: Basis) -> str:
    """By what somebody holds a topic."""
    return _(BASES[value])


def role(value: ContributorRole) -> str:
    """What was done, as a noun."""
    return _(ROLES[value])


VOICES: dict[ContributorRole, str] = {
    ContributorRole.ASKER: marked("question de %(name)s"),
    ContributorRole.ACCEPTED_ANSWERER: marked("réponse retenue de %(name)s"),
    ContributorRole.ANSWERER: marked("réponse de %(name)s"),
    ContributorRole.COMMENTER: marked("commentaire de %(name)s"),
}


def voice(value: ContributorRole, name: str) -> str:
    """Who speaks in a conversation: `réponse retenue de Claire`."""
    return _(VOICES[value], name=name)


_SLIDES = (".ppt", ".pptx", ".pptm", ".odp", ".key")


def place(passage: Passage, url: str) -> str:
    """Where in its file a passage stands: `page 3`, `diapositive 3`, or nothing."""
    if passage.page is None:
        return ""
    file = (passage.path or url.partition("?")[0].partition("#")[0]).lower()
    if file.endswith(_SLIDES):
        return _("diapositive\u00a0%(page)s", page=passage.page)
    return _("page\u00a0%(page)s", page=passage.page)


def post(agent: Agent) -> str:
    """Métier, entity, office and département, as far as they are known."""
    area = f"{area_name(agent.departement)} ({agent.departement})" if agent.departement else ""
    return " · ".join(part for part in (agent.metier, agent.entity, agent.office, area) if part)


def brief_post(agent: Agent) -> str:
    """Métier, the last name of the entity, département: what tells one colleague from another."""
    area = f"{area_name(agent.departement)} ({agent.departement})" if agent.departement else ""
    return " · ".join(part for part in (agent.metier, last_name(agent.entity), area) if part)


def last_name(entity: str) -> str:
    """`SIP Guingamp` of `DGFiP/DDFiP 22/SIP Guingamp`."""
    return entity.rstrip("/").rpartition("/")[2]


def web_address(url: str) -> str | None:
    """The address, if it may become a link: a source may say `javascript:`."""
    return url if _WEB.fullmatch(url) else None


def mail_address(email: str) -> str | None:
    """The address, if it may become a `mailto:` link."""
    return email if _EMAIL.fullmatch(email) else None
