"""Values in the French of readers: dates, roles, counts, posts and addresses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from markupsafe import Markup

from connectors.geography import area_name
from connectors.values import Agent, ContactVia, ContributorRole, Mission
from expertise.answer_values import AloneDegree, Unclaimed
from expertise.holders import Basis, IsolationScope
from expertise.names import Reason
from expertise.places import AskedPlace
from expertise.values import Candidate, Degree
from indexer.french.analysis import fold
from indexer.values import Card, Passage
from search_api.plain_text import number as number
from search_api.plain_text import plural as plural
from search_api.plain_text import safe_spans as safe_spans
from search_api.plain_text import safe_text as safe_text
from search_api.query.query import QueryPartKind

_MONTHS = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
_WEB = re.compile(r"https?://[^\s\x00-\x1f\\]+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

# Nouns for contributions, which need no gender.
ROLES: dict[ContributorRole, str] = {
    ContributorRole.AUTHOR: "rédaction",
    ContributorRole.EDITOR: "mise à jour",
    ContributorRole.ANSWERER: "réponse",
    ContributorRole.ACCEPTED_ANSWERER: "réponse acceptée",
    ContributorRole.COMMENTER: "commentaire",
    ContributorRole.REVIEWER: "relecture",
    ContributorRole.ASKER: "question",
    ContributorRole.UPLOADER: "dépôt",
    ContributorRole.FORWARDER: "transmission",
    ContributorRole.BOT: "programme",
}


ALONE_IN: dict[IsolationScope, str] = {
    IsolationScope.DEPARTEMENT: "dans le département",
    IsolationScope.REGION: "dans la région",
    IsolationScope.COUNTRY: "en France",
}
SCOPES: dict[IsolationScope, str] = {
    IsolationScope.NONE: "",
    IsolationScope.DEPARTEMENT: "département",
    IsolationScope.REGION: "région",
    IsolationScope.COUNTRY: "France entière",
}

BASES: dict[Basis, str] = {
    Basis.DEMONSTRATED: "contributions",
    Basis.METIER: "métier",
    Basis.MISSION: "mission",
    Basis.CONFIRMED: "compétence confirmée",
    Basis.DECLARED: "compétence déclarée",
}

RISKS: dict[str, str] = {
    "one_holder": "une seule personne connue",
    "nobody": "personne de connu",
    "left": "plus personne de connu",
    "open_questions": "questions sans réponse",
    "leaving": "départ prévu",
}


EVERYWHERE = "France entière"
DEPARTED = "parti(e)"
"""Stands after the name of an author who left the organisation, whose gender is not known."""


def area_label(code: str) -> str:
    """Return the name of an area: `22`, `r53`, or empty for everywhere."""
    return area_name(code) if code else EVERYWHERE


def place_label(place: AskedPlace) -> str:
    """Return the whole name of a place; of a commune, with its département."""
    if not place.code or _is_area(place):
        return area_label(place.code) if place.code else place.label
    return f"{place.label} ({area_label(place.code)})"


def _is_area(place: AskedPlace) -> bool:
    return fold(place.label.lower()) == fold(area_label(place.code).lower())


def distance(value: float | None, place: AskedPlace | None) -> str:
    """Return `à 40 km de Lorient`, the place that was asked; without a place, `à 40 km de vous`.

    A département or a region is not named again, as `de` would need its gender. Empty at no
    distance, or if it is unknown.
    """
    if not value or value == float("inf"):
        return ""
    if place is None:
        whence = "de vous"
    elif not place.code or _is_area(place) or ", " in place.label:
        whence = "de là"
    elif place.label.startswith(("Le ", "Les ")):
        article, _, name = place.label.partition(" ")
        whence = f"{'du' if article == 'Le' else 'des'} {name}"
    else:
        whence = of(place.label)
    return f"à {kilometres(value)} {whence}"


def kilometres(value: float | None) -> str:
    """Return `120 km`, or an empty text if the distance is unknown."""
    return "" if value is None else f"{number(round(value))}\u00a0km"


CONTACTS = {
    ContactVia.SERVICE: "par la boîte du service\u00a0:",
    ContactVia.HEAD: "par le chef de service\u00a0:",
}
REASONS: dict[Reason, str] = {
    Reason.NAME: "son nom",
    Reason.METIER: "son métier",
    Reason.PLACE: "son lieu de poste",
    Reason.MISSION: "une mission",
    Reason.CONFIRMED: "une compétence confirmée",
    Reason.DECLARED: "une compétence déclarée",
    Reason.RENEW: "une compétence déclarée il y a plus d’un an, à renouveler",
}


def day(value: date | datetime | str | None) -> str:
    """Return `1er mars 2024`; an ISO text is read as its date, other texts stay as they are."""
    known = _date(value)
    if known is None:
        return str(value or "")
    first = "1er" if known.day == 1 else str(known.day)
    return f"{first} {_MONTHS[known.month - 1]} {known.year}"


@dataclass(frozen=True, slots=True)
class ContactLine:
    """How to reach an agent: words, then an address, which may be empty."""

    words: str
    address: str


def contact(agent: Agent) -> ContactLine:
    """Return how to reach an agent, as their entity wishes; their own address only if direct."""
    if agent.contact_via is ContactVia.NONE:
        return ContactLine("", "")
    if agent.contact_via is ContactVia.DIRECT:
        return ContactLine("", agent.contact or agent.email)
    return ContactLine(f"{CONTACTS[agent.contact_via]} ", agent.contact)


def reasons(values: Sequence[Reason]) -> str:
    """Return why the directory names an agent: `Son métier et son lieu de poste`."""
    words = [REASONS[value] for value in values]
    joined = words[-1] if words else ""
    if len(words) > 1:
        joined = f"{', '.join(words[:-1])} et {joined}"
    return joined[:1].upper() + joined[1:]


def month(value: date | datetime | str | None) -> str:
    """Return `mars 2024`."""
    known = _date(value)
    return f"{_MONTHS[known.month - 1]} {known.year}" if known else ""


_ELIDED = re.compile(r"[aeiouàâéèêëîïôùûœh]|y(?![aeiouéè])", re.IGNORECASE)
"""Matches the beginning of a word before which `de` loses its vowel: « d’Yves », but « de Youssef
».
"""


def of(name: str) -> str:
    """Return `d’octobre 2025` or `de mars 2024`, with elision (`_ELIDED`).

    If `name` is a link, as Markup, so is the result.
    """
    words = name.striptags() if isinstance(name, Markup) else name
    return ("d’" if _ELIDED.match(words) else "de ") + name


def day_of(moment_s: float) -> str:
    """Return the day (UTC) of a time in seconds since 1970."""
    return day(datetime.fromtimestamp(moment_s, UTC))


def minute_of(moment_s: float) -> str:
    """Return the day and the minute (UTC) of a time in seconds since 1970."""
    moment = datetime.fromtimestamp(moment_s, UTC)
    return f"{day(moment)}, {moment:%H:%M}\u00a0UTC"


def day_after(value: date | str) -> str:
    """Return the first day on which something valid until `value` is no longer valid."""
    known = _date(value)
    if known is None or known == date.max:
        return day(value)
    return day(known + timedelta(days=1))


def iso(value: date | datetime | str | None) -> str:
    """Return `2024-03-01`, for machines."""
    known = _date(value)
    return known.isoformat() if known else ""


UNDERSTOOD: dict[QueryPartKind, str] = {
    QueryPartKind.AUTHOR: "Auteur",
    QueryPartKind.SINCE: "À partir du",
    QueryPartKind.BEFORE: "Avant le",
    QueryPartKind.ENTITY: "Service",
    QueryPartKind.KIND: "Nature",
    QueryPartKind.SOURCE: "Source",
    QueryPartKind.SPACE: "Espace",
    QueryPartKind.ANY_OF: "Au moins",
    QueryPartKind.WORDS: "Cherché comme des mots",
}


def recognised_text(confidence: int) -> str:
    """Return the note on text recognised on a scan; `confidence` is from 0 to 100."""
    return f"Texte reconnu sur une numérisation (confiance {confidence} %)"


def in_force(card: Card, today: date) -> bool:
    """Return whether a document is in force; both its first and last day count."""
    first, last = _date(card.valid_from), _date(card.valid_until)
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


def alone(value: AloneDegree, area: IsolationScope) -> str:
    """Return in which area an agent is the only one, as known here or by the directory."""
    if value is AloneDegree.METIER:
        return f"Seule personne de ce métier {ALONE_IN[area]}, d’après l’annuaire"
    if value is AloneDegree.MISSION:
        return f"Seule personne en mission sur ce sujet {ALONE_IN[area]}, d’après l’annuaire"
    return f"Seule personne connue ici sur ce sujet {ALONE_IN[area]}"


ALONE_DEGREES: dict[AloneDegree, str] = {
    AloneDegree.KNOWN: "seul à être connu ici",
    AloneDegree.METIER: "seul du métier, d’après l’annuaire",
    AloneDegree.MISSION: "seul en mission sur ce sujet, d’après l’annuaire",
}


def unclaimed(value: Unclaimed, *, one: bool) -> str:
    """Return a French sentence: for which reason no agent is called the only expert on topics.

    `one`: for the page of a single topic. Empty if the reason applies to no topic.
    """
    if not value.topics:
        return ""
    share = f"{round(100 * value.share)}\u00a0%{'' if one else ' au plus'}"
    on = (
        "Sur ce sujet, personne n’est dit seul"
        if one
        else f"Sur {len(value.topics)} sujets de {value.of}, personne n’est dit seul"
    )
    return (
        f"{on}\u00a0: trop peu des personnes concernées se voient ici (environ {share}), ou "
        "l’annuaire confirme trop peu de celles que montrent les documents."
    )


def basis(value: Basis, mission_since: date | None = None) -> str:
    """Return the basis on which an agent holds a topic, with their mission on it, if any."""
    if mission_since is None:
        return BASES[value]
    said = f"en mission sur ce sujet depuis {month(mission_since)}, d’après l’annuaire"
    return said if value is Basis.MISSION else f"{BASES[value]}, et {said}"


def mission(value: Mission) -> str:
    """Return a mission of the directory with its days."""
    until = f" au {day(value.last)}" if value.last else ""
    return f"{value.topic}, {'du' if value.last else 'depuis le'} {day(value.first)}{until}"


VOICES: dict[ContributorRole, str] = {
    ContributorRole.ASKER: "question {name}",
    ContributorRole.ACCEPTED_ANSWERER: "réponse acceptée {name}",
    ContributorRole.ANSWERER: "réponse {name}",
    ContributorRole.COMMENTER: "commentaire {name}",
}


def quote_label(accepted: bool, title: str, older: bool = False) -> str:
    """Return the words that introduce a quote of the direct answer, from a document of this title.

    Whose answer was accepted, its title is the question that was asked: readers see whether it is
    theirs.
    """
    if older:
        return "Un texte plus ancien dit autre chose\u00a0:"
    if accepted:
        return f"Réponse acceptée à « {title or 'Sans titre'} »"
    return "D’après un document en vigueur"


_SLIDES = (".ppt", ".pptx", ".pptm", ".odp", ".key")


def place(passage: Passage, url: str) -> str:
    """Return the place of a passage in its file: `page 3`, `diapositive 3`, or empty."""
    if passage.page is None:
        return ""
    file = (passage.path or url.partition("?")[0].partition("#")[0]).lower()
    if file.endswith(_SLIDES):
        return f"diapositive\u00a0{passage.page}"
    return f"page\u00a0{passage.page}"


_FORMATS = {
    ".pdf": ("PDF", "text"),
    ".doc": ("Word", "text"),
    ".docx": ("Word", "text"),
    ".odt": ("ODT", "text"),
    ".rtf": ("RTF", "text"),
    ".xls": ("Excel", "table"),
    ".xlsx": ("Excel", "table"),
    ".ods": ("ODS", "table"),
    ".csv": ("CSV", "table"),
    ".ppt": ("PowerPoint", "slides"),
    ".pptx": ("PowerPoint", "slides"),
    ".odp": ("ODP", "slides"),
    ".eml": ("courriel", "mail"),
    ".msg": ("courriel", "mail"),
}
"""Name and icon of a file format."""
_KIND_ICONS = {
    "fil": "talk",
    "question": "talk",
    "discussion": "talk",
    "courriel": "mail",
    "message": "mail",
    "page": "page",
    "fiche": "page",
    "tableau": "table",
    "diaporama": "slides",
}


def file_format(card: Card) -> str:
    """Return the format of a file, such as `PDF`; empty if the document's kind says it already."""
    said = _format(card)[0]
    return "" if said == card.kind else said


_ENGLISH_KINDS = {"thread": "fil", "post": "billet"}


def kind_label(kind: str) -> str:
    """Return the name of a kind of document; some connectors give it in English."""
    return _ENGLISH_KINDS.get(kind, kind)


def source_label(name: str) -> str:
    """Return the name of a source of the settings as a label: `Notes`."""
    return name[:1].upper() + name[1:]


def space_label(space: str) -> str:
    """Return the name of a space; for a folder's path, its last part: `Secteur local`."""
    last = last_name(space)
    return space if last == space else source_label(last.replace("-", " ").replace("_", " "))


def source_and_space(card: Card) -> str:
    """Return the source and space of a document: `Wiki, Guides métier`.

    A folder's path is left out.
    """
    space = "" if "/" in card.space else card.space
    return ", ".join(part for part in (source_label(card.source), space) if part)


def facet_label(value: str, facet: str) -> str:
    """Return the label of a facet's value."""
    label = {
        "area": area_name,
        "kind": kind_label,
        "source": source_label,
        "space": space_label,
    }.get(facet)
    return label(value) if label else value


def icon(card: Card) -> str:
    """Return the name of the icon of a document's kind, which the page also says in words."""
    return _format(card)[1] or _KIND_ICONS.get(card.kind, "text")


def _format(card: Card) -> tuple[str, str]:
    path = (card.url or card.document_id).partition("?")[0].partition("#")[0].lower()
    return _FORMATS.get(f".{path.rpartition('.')[2]}", ("", ""))


def post(agent: Agent) -> str:
    """Return a post: `agent de SIP · SIP Guingamp · Côtes-d'Armor (22)`.

    The town is added only if the service's name does not contain it.
    """
    service = last_name(agent.entity)
    town = "" if agent.office.lower() in service.lower() else agent.office
    return " · ".join(part for part in (agent.metier, service, town, _area(agent)) if part)


def _area(agent: Agent) -> str:
    return f"{area_name(agent.departement)} ({agent.departement})" if agent.departement else ""


def brief_post(agent: Agent) -> str:
    """Return métier, last part of the entity and département, to tell colleagues apart."""
    return " · ".join(
        part for part in (agent.metier, last_name(agent.entity), _area(agent)) if part
    )


def initials(agent: Agent) -> str:
    """Return the initials: `ML` for Maëlle Le Goff."""
    return "".join(name[:1] for name in (agent.given_name, agent.family_name)).upper()


def workplace(agent: Agent) -> str:
    """Return service, town and département: `SIP Guingamp, Côtes-d’Armor (22)`."""
    service = last_name(agent.entity)
    town = "" if agent.office.casefold() in service.casefold() else agent.office
    return ", ".join(part for part in (service, town, _area(agent)) if part)


CONTRIBUTIONS: dict[ContributorRole, str] = {
    ContributorRole.AUTHOR: "Rédaction de",
    ContributorRole.EDITOR: "Mise à jour de",
    ContributorRole.ANSWERER: "Réponse dans",
    ContributorRole.ACCEPTED_ANSWERER: "Réponse acceptée dans",
    ContributorRole.COMMENTER: "Commentaire dans",
    ContributorRole.REVIEWER: "Relecture de",
    ContributorRole.ASKER: "Question posée dans",
    ContributorRole.UPLOADER: "Dépôt de",
    ContributorRole.FORWARDER: "Transmission de",
    ContributorRole.BOT: "Traitement de",
}


DEGREES: dict[Degree, str] = {
    Degree.ANSWERED: "a répondu à cette question",
    Degree.NEIGHBOUR: "a répondu à une question voisine",
    Degree.WROTE: "a écrit sur ce sujet",
    Degree.NEAR: "proche du sujet",
}


def degree(candidate: Candidate) -> str:
    """Return the finding from the evidence: `a écrit sur ce sujet`; empty without evidence."""
    return DEGREES[candidate.degree] if candidate.degree else ""


def first_question(topic: str) -> str:
    """Return a proposed first question to a community."""
    return f"Comment vous organisez-vous, chez vous, sur « {topic} » ?"


def cut_at(most: int) -> str:
    """Return the sentence that says how many entries of a list are shown at most."""
    return f"Une liste montre {number(most)} éléments au plus."


def last_name(entity: str) -> str:
    """Return the last part of an entity's path: `SIP Guingamp` of `DGFiP/DDFiP 22/SIP Guingamp`."""
    return entity.rstrip("/").rpartition("/")[2]


def web_address(url: str) -> str | None:
    """Return the address if it may become a link, else None: a source may say `javascript:`."""
    return url if _WEB.fullmatch(url) else None


def mail_address(email: str) -> str | None:
    """Return the address if it may become a `mailto:` link, else None."""
    return email if _EMAIL.fullmatch(email) else None


def areas_by_name(areas: Mapping[str, str], prefix: str = "") -> list[tuple[str, str]]:
    """Return (code, name) pairs in alphabetical order, ignoring accents."""
    return sorted(
        ((prefix + code, name) for code, name in areas.items()),
        key=lambda area: fold(area[1].lower()),
    )
