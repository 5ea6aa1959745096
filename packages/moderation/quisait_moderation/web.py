"""Declares the routes, templates, notices and audit descriptions of moderation."""

from pathlib import Path

from quisait_moderation.routes import api_router, router
from search_api.features import WebFeature

_DESK = "questions signalées, masquées ou en attente"
_DECISION = "décision sur une question"


def moderation_web() -> WebFeature:
    """Return the routes, the blocks of quisait's pages and the texts of logs and notices."""
    return WebFeature(
        routers=(api_router, router),
        templates=Path(__file__).parent / "templates",
        blocks={
            "preferences.erase": "moderation_preferences.html",
            "question.text": "moderation_report.html",
            "questions.lists": "moderation_link.html",
        },
        accesses={
            "GET /animation/questions": _DESK,
            "POST /animation/questions/{question_id}": _DECISION,
            "question hide": "texte d’une question masqué",
            "question show": "texte d’une question montré de nouveau",
            "question dismiss": "signalement d’une question écarté",
            "question classify": "sujet donné à une question",
        },
        notices={
            "report.sent": "Signalé à qui anime le sujet. Merci. Vous pouvez annuler tant que rien "
            "n’est décidé, ici ou dans « Préférences ».",
            "report.doubt": "C’est dit à qui l’a écrite et à qui anime le sujet, sans votre nom. "
            "Merci.",
            "report.taken_back": "Votre signalement est repris.",
            "moderation.hide": "Le texte est masqué. Son auteur lit votre raison.",
            "moderation.show": "Le texte est de nouveau montré.",
            "moderation.dismiss": "Le texte est laissé tel quel : le signalement est traité.",
            "moderation.classify": "La question a son sujet.",
        },
    )
