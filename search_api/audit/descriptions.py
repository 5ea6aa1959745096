"""Describe an audit entry in French: the page or command, and the subject."""

from collections.abc import Mapping

from search_api.audit.port import AuditEntry
from search_api.audit.sql import FORGOTTEN

_API = "/api/v1/"
_COMMAND = "quisait "

ANY_AGENT = "as:*"
"""The subject of an access with the rights of any agent, chosen freely."""

_AUDIT = "registre des consultations"
_RISKS = "sujets à surveiller"
_PROPOSALS = "sujets proposés"
_TAKEN_BACK = "retrait d’une décision"
_COMMUNITIES = "communautés proposées et décidées"
_ADOPTED = "adoption d’un sujet proposé"
_MERGED = "réunion d’un sujet proposé à un autre"
_REFUSED = "refus d’un sujet proposé"
_COMMUNITY_PAGE = "page d’une communauté"
_TABLE = "glossaire ou sujets, à modifier"
_MARKED = "documents qui ne sont peut-être plus justes"

OPENED: dict[str, str] = {
    "GET /audit": _AUDIT,
    "quisait audit": _AUDIT,
    FORGOTTEN: "retrait des entrées anciennes du registre",
    "GET /administration": (
        "bureau de l’administration\u00a0: sources, moteurs, questions sans réponse"
    ),
    "POST /administration/sources/{source}": "demande de lecture d’une source",
    "POST /administration/sources/{source}/again": "demande de relecture d’une source",
    "source folder": "dossier d’une source à relire",
    "GET /administration/files/{name}": _TABLE,
    "POST /administration/files/{name}": f"{_TABLE}\u00a0: ce qui est demandé",
    "entry add": "entrée ajoutée",
    "entry change": "entrée modifiée",
    "entry remove": "entrée retirée",
    "quisait search": "recherche de documents",
    "quisait experts": "recherche de collègues qui savent",
    "quisait profile": "page d’un agent",
    "quisait tune": "réglage du classement sur des questions jugées",
    "quisait peers": "pairs d’un agent",
    "quisait isolation": "agents seuls sur un sujet",
    "quisait topics show": "page d’un sujet",
    "quisait serve": "pages servies en démonstration",
    "quisait demo": "questions de la démonstration",
    "quisait token": "jeton qui désigne un agent",
    "quisait directory": "annuaire et comptes sans agent",
    "quisait journal": "questions fréquentes et sans réponse",
    "quisait expected export": "questions attendues de tous les documents",
    "quisait sessions list": "sessions ouvertes et jetons personnels",
    "GET /animation": "bureau de l’animation\u00a0: sujets à surveiller et proposés",
    "GET /animation/risks": _RISKS,
    "quisait topics risks": _RISKS,
    "GET /animation/proposals": _PROPOSALS,
    "POST /animation/proposals/{proposal_id}": "décision sur un sujet proposé",
    "proposal accept": _ADOPTED,
    "proposal merge": _MERGED,
    "proposal refuse": _REFUSED,
    "DELETE /animation/decisions/{decision_id}": _TAKEN_BACK,
    "POST /animation/decisions/{decision_id}/forget": _TAKEN_BACK,
    "GET /animation/communities": _COMMUNITIES,
    "POST /animation/communities/{topic_id:path}": "décision sur une communauté",
    "POST /animation/community-pages/{topic_id:path}": _COMMUNITY_PAGE,
    "GET /animation/holders": "personnes retirées d’un sujet",
    "POST /animation/holders/{topic_id:path}": "décision sur une personne d’un sujet",
    "holder remove": "personne retirée d’un sujet",
    "holder restore": "personne rendue à un sujet",
    "community pin": "document épinglé à une communauté",
    "community unpin": "document retiré d’une communauté",
    "community close": "communauté close",
    "community reopen": "communauté rouverte",
    "GET /animation/documents": _MARKED,
    "POST /animation/documents": "décision sur un document signalé",
    "document wrong": "document dit n’être plus juste",
    "document dismiss": "signalement d’un document écarté",
    "expected add": "question attendue ajoutée à un document",
    "expected confirm": "question attendue d’un document confirmée",
    "expected remove": "question attendue d’un document retirée",
    "expected pin": "question attendue épinglée",
    "expected unpin": "question attendue désépinglée",
}
"""French descriptions of the accesses that need a role, by the `reading` of their entry.

A page and the API's route of the same path have the same description.
"""

_ABOUT: dict[str, str] = {
    "agent": "agent {name}",
    "as": "au nom de l’agent {name}",
    "proposal": "proposition {name}",
    "proposal_id": "proposition {name}",
    "decision_id": "décision {name}",
    "topic_id": "sujet {name}",
    "question_id": "question {name}",
    "document_id": "document {name}",
    "name": "fichier {name}",
    "entry": "{name}",
    "source": "source {name}",
}


def opened(entry: AuditEntry, accesses: Mapping[str, str] = OPENED) -> str:
    """Return the description of the page or command that was opened or refused, in French."""
    return accesses.get(entry.asked.replace(_API, "/"), "page ou commande d’une autre version")


def way(entry: AuditEntry) -> str:
    """Return whether the API or the command line was used, in French; empty for a page."""
    if _API in entry.asked:
        return "par l’API"
    return "en ligne de commande" if entry.asked.startswith(_COMMAND) else ""


def about(entry: AuditEntry) -> str:
    """Return the subject of the access, in French; empty if it has none."""
    if entry.reading == FORGOTTEN:
        return f"jusqu’à l’entrée {entry.subject.partition(' ')[0]}"
    if entry.subject == ANY_AGENT:
        return "au nom de tout agent que l’on choisit"
    kind, _colon, name = entry.subject.partition(":")
    return _ABOUT[kind].format(name=name) if name and kind in _ABOUT else entry.subject
