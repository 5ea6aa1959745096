"""Questions to those who know: their documents, at once, and the steps that time brings."""

import logging
from threading import Event

from connectors.ports import SourceError
from indexer.errors import IndexerError
from quisait.application.assembly import Application, open_crawl_dependencies, open_overview
from quisait.application.locks import hold_source_lock
from quisait.clock import now, today
from quisait.settings import QUESTIONS_SOURCE
from quisait.work.crawl import crawl_with_lock
from quisait.work.runs import CrawlOptions
from search_api.answers.asking import move_questions_on
from search_api.answers.context import AnswerContext, Asking
from search_api.answers.moderation import waiting_reports
from search_api.asking.limits import DailyActs
from search_api.asking.values import AskingRules
from search_api.community_pages import SqlCommunityPages
from search_api.following import SqlFollowing
from search_api.identity.readers import reader_of
from search_api.wording import day

log = logging.getLogger(__name__)

PUBLISH_WAIT_S = 5.0
"""How long who writes waits for another reading of the same source: most last a moment."""


def open_asking(application: Application) -> Asking | None:
    """What questions need; None where the settings have none asked."""
    settings = application.settings.questions
    if not settings.enabled:
        return None
    rules = AskingRules(
        settings.answer_days,
        settings.per_week,
        settings.asked_per_day,
        settings.hidden_names,
        tuple(settings.hidden_names_entities),
        settings.answered_per_day,
        settings.reported_per_day,
        settings.found_per_day,
    )
    return Asking(
        application.questions,
        rules,
        lambda: publish_questions(application),
        lambda agent_id: application.authorities.complete(
            reader_of(agent_id, application.book, today())
        ),
        DailyActs(now),
    )


def open_following(application: Application) -> SqlFollowing | None:
    """What agents follow; None where the settings have no questions asked."""
    if not application.settings.questions.enabled:
        return None
    return SqlFollowing(application.database, now, application.privacy.register)


def publish_questions(application: Application) -> bool:
    """Bring the documents of questions up to what is kept, by the ordinary way of a source.

    False where that cannot be now: a worker reads the source as soon as it can.
    """
    (source,) = (one for one in application.settings.sources if one.name == QUESTIONS_SOURCE)
    try:
        with (
            open_crawl_dependencies(application) as dependencies,
            hold_source_lock(application.locks, source.name, PUBLISH_WAIT_S) as held,
        ):
            asked = CrawlOptions(accept_deletions=True, quiet=True, stop=Event())
            crawl_with_lock(application, dependencies, source, held, asked)
    except (SourceError, IndexerError) as error:
        log.warning("questions not indexed yet", extra={"error": type(error).__name__})
        application.state.request_run(source.name)
        return False
    return True


def move_on(application: Application) -> int:
    """Move questions on whose time has passed; returns how many. Raises `IndexUnreachable`."""
    return move_questions_on(_context(application))


def reports_state(application: Application) -> str:
    """How many reported texts wait. Raises `ValueError` where someone has to see to it.

    A report waits for nobody where no role of the settings fits it; it is late once it has waited
    for longer than an agent has to answer.
    """
    if not application.settings.questions.enabled:
        return "éteint"
    found = waiting_reports(_context(application))
    if not found.texts or found.oldest is None:
        return "aucun n'attend"
    said = f"textes signalés qui attendent : {found.texts}, depuis le {day(found.oldest)}"
    if found.nobodys:
        raise ValueError(
            f"{said} ; que personne ne peut modérer : {found.nobodys}. Donnez le rôle « animator » "
            "sur leur sujet ou leur service ([[roles]]) à quelqu'un qui peut les lire"
        )
    if found.late:
        raise ValueError(
            f"{said} ; depuis trop longtemps : {found.late}. Prévenez qui anime leur sujet, ou "
            "donnez ce rôle à quelqu'un d'autre ([[roles]])"
        )
    return said


def _context(application: Application) -> AnswerContext:
    return AnswerContext(
        application.search,
        application.book,
        today=today,
        overview=open_overview(application),
        grants=application.privacy.grants,
        asking=open_asking(application),
        community_pages=SqlCommunityPages(application.database, now),
    )
