"""An audit entry in words: what was opened, how, and about whom."""

from search_api.audit.port import AuditEntry
from search_api.audit.sql import FORGOTTEN
from search_api.catalogue.texts import _, marked

_API = "/api/v1/"
_COMMAND = "quisait "

ANY_AGENT = "as:*"
"""The subject of a reading where whoever reads chooses as which agent."""

_AUDIT = marked("registre des consultations")
_RISKS = marked("sujets à surveiller")
_PROPOSALS = marked("sujets proposés")
_DECIDED = marked("décision sur un sujet proposé")
_TAKEN_BACK = marked("retrait d’une décision")
_COMMUNITIES = marked("communautés proposées et décidées")
_COMMUNITY = marked("décision sur une communauté")
_ADOPTED = marked("adoption d’un sujet proposé")
_MERGED = marked("réunion d’un sujet proposé à un autre")
_REFUSED = marked("refus d’un sujet proposé")

OPENED: dict[str, str] = {
    "GET /audit": _AUDIT,
    "GET /api/v1/audit": _AUDIT,
    "quisait audit": _AUDIT,
    FORGOTTEN: marked("retrait des entrées anciennes du registre"),
    "GET /administration": marked(
        "bureau de l’administration\u00a0: sources, moteurs, questions sans réponse"
    ),
    "quisait search": marked("recherche de documents"),
    "quisait experts": marked("recherche de collègues qui savent"),
    "quisait profile": marked("page d’un agent"),
    "quisait peers": marked("pairs d’un agent"),
    "quisait isolation": marked("agents seuls sur un sujet"),
    "quisait topics show": marked("page d’un sujet"),
    "quisait serve": marked("pages servies en démonstration"),
    "quisait demo": marked("questions de la démonstration"),
    "quisait token": marked("jeton qui désigne un agent"),
    "quisait directory": marked("annuaire et comptes sans agent"),
    "quisait journal": marked("questions fréquentes et sans réponse"),
    "quisait sessions list": marked("sessions ouvertes et jetons personnels"),
    "GET /animation": marked("bureau de l’animation\u00a0: sujets à surveiller et proposés"),
    "GET /api/v1/animation/risks": _RISKS,
    "quisait topics risks": _RISKS,
    "GET /api/v1/animation/proposals": _PROPOSALS,
    "quisait topics proposals list": _PROPOSALS,
    "POST /api/v1/animation/proposals/{proposal_id}": _DECIDED,
    "POST /animation/proposals/{proposal_id}": _DECIDED,
    "proposal accept": _ADOPTED,
    "quisait topics proposals accept": _ADOPTED,
    "proposal merge": _MERGED,
    "quisait topics proposals merge": _MERGED,
    "proposal refuse": _REFUSED,
    "quisait topics proposals refuse": _REFUSED,
    "quisait topics proposals decisions": marked("décisions prises"),
    "DELETE /api/v1/animation/decisions/{decision_id}": _TAKEN_BACK,
    "POST /animation/decisions/{decision_id}/forget": _TAKEN_BACK,
    "quisait topics proposals forget": _TAKEN_BACK,
    "GET /api/v1/animation/communities": _COMMUNITIES,
    "quisait topics communities list": _COMMUNITIES,
    "POST /api/v1/animation/communities/{topic_id:path}": _COMMUNITY,
    "POST /animation/communities/{topic_id:path}": _COMMUNITY,
    "quisait topics communities accept": marked("acceptation d’une communauté"),
    "quisait topics communities refuse": marked("refus d’une communauté"),
    "quisait topics communities forget": _TAKEN_BACK,
}
"""By reading, as the audit keeps it. Nothing that a role opens may lack here."""

_ABOUT: dict[str, str] = {
    "agent": marked("agent %(name)s"),
    "as": marked("au nom de l’agent %(name)s"),
    "proposal": marked("proposition %(name)s"),
    "proposal_id": marked("proposition %(name)s"),
    "decision_id": marked("décision %(name)s"),
    "topic_id": marked("sujet %(name)s"),
}


def opened(entry: AuditEntry) -> str:
    """What was opened or, if it was refused, would have been."""
    known = OPENED.get(entry.asked)
    return _(known) if known else _("page ou commande d’une autre version")


def way(entry: AuditEntry) -> str:
    """How, where it was not a page."""
    if _API in entry.asked:
        return _("par l’API")
    return _("en ligne de commande") if entry.asked.startswith(_COMMAND) else ""


def about(entry: AuditEntry) -> str:
    """Whom or what it was about; empty for nothing in particular."""
    if entry.reading == FORGOTTEN:
        return _("jusqu’à l’entrée %(number)s", number=entry.subject.partition(" ")[0])
    if entry.subject == ANY_AGENT:
        return _("au nom de tout agent que l’on choisit")
    kind, _colon, name = entry.subject.partition(":")
    return _(_ABOUT[kind], name=name) if name and kind in _ABOUT else entry.subject
