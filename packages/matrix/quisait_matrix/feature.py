"""Declares the bot that answers in Matrix rooms: its settings and its thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart

if TYPE_CHECKING:
    from threading import Event

    from quisait.application.assembly import Application
    from quisait.settings import Settings


def _require(settings: Settings) -> None:
    """Require a Matrix source and the pages' address for the bot."""
    from quisait_matrix.bot_settings import BotSettings

    bot = settings.table(BotSettings)
    if not bot.source:
        return
    if bot.source not in {source.name for source in settings.sources if source.kind == "matrix"}:
        raise ValueError("[bot] source ne nomme aucune source « matrix »")
    if not settings.sign_on.address:
        raise ValueError("[bot] source demande [sign_on] address : ses liens y mènent")


def _threads(application: Application) -> Mapping[str, Callable[[Event], object]]:
    from quisait_matrix.bot_settings import BotSettings

    if not application.settings.table(BotSettings).source:
        return {}
    from quisait_matrix.bot import run_bot

    return {"bot": partial(run_bot, application)}  # unanswered messages wait


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_matrix.bot_settings import BotSettings

    source = settings.table(BotSettings).source
    if not source:
        return {"off": ("Réponses dans les salons : éteintes.",)}
    return {
        "data": (
            "Demandes dans les salons : lues pour y répondre, ni gardées ni journalisées ; un "
            "message auquel il est répondu n'est pas indexé.",
        ),
        "transfers": (
            f"Salons de la source « {source} » où le service est appelé : titres et adresses de "
            "documents, noms et coordonnées de collègues, que tous leurs membres peuvent lire, et "
            "en privé celui qui demande ; les serveurs Matrix des membres les gardent.",
        ),
        "periods": (
            "Réponses dans les salons : le temps que les serveurs Matrix gardent leurs messages ; "
            "rien n'en est gardé ici.",
        ),
    }


FEATURE = Feature(
    name="bot",
    settings=(SettingsPart("bot", "quisait_matrix.bot_settings:BotSettings"),),
    require=_require,
    threads=_threads,
    report=_report,
)
