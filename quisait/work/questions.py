"""Questions to colleagues: publish them at once as documents, and move them on as time passes."""

import logging
from threading import Event

from connectors.ports import SourceError
from indexer.errors import IndexerError
from quisait.application.assembly import Application, open_crawl_dependencies, open_overview
from quisait.application.locks import hold_source_lock
from quisait.clock import now, today
from quisait.features import installed_features
from quisait.settings import QUESTIONS_SOURCE
from quisait.work.crawl import crawl_with_lock
from quisait.work.runs import CrawlOptions
from search_api.communities.storage import SqlCommunityPages
from search_api.context import AnswerContext
from search_api.following.storage import SqlFollowing
from search_api.questions.delivery import move_questions_on
from search_api.questions.limits import DailyActs
from search_api.questions.storage import Asking
from search_api.questions.values import AskingRules
from search_api.search.service import experts_to_ask
from search_api.verification.service import note_opening
from search_api.verification.storage import SqlVerifications, VerificationRules, Verifying

log = logging.getLogger(__name__)

PUBLISH_WAIT_S = 5.0
"""Maximum time that an author waits for another reading of the source, in seconds."""


def open_asking(application: Application) -> Asking | None:
    """Return the services for asking questions; None if the settings disable them."""
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
        application.reader,
        experts_to_ask,
        note_opening,
        DailyActs(now),
    )


def open_following(application: Application) -> SqlFollowing | None:
    """Return the store of follows; None if the settings disable questions."""
    if not application.settings.questions.enabled:
        return None
    return SqlFollowing(application.database, now, application.privacy.register)


def open_verifying(application: Application) -> Verifying | None:
    """Return the verification of documents by their authors; None if the settings disable it."""
    said = application.settings.verification
    if not said.enabled:
        return None
    rules = VerificationRules(
        said.old_days, said.per_month, said.marked_per_day, said.much_opened, said.opened_days
    )
    return Verifying(SqlVerifications(application.database, application.privacy.register), rules)


def publish_questions(application: Application) -> bool:
    """Crawl the source of questions, so that their documents are up to date.

    Returns False if that fails now: a worker then reads the source as soon as it can.
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
    """Move questions whose time has passed to the next agent; return how many.

    Raises `IndexUnreachable`.
    """
    return move_questions_on(answer_context(application))


def answer_parts(application: Application) -> tuple[object, ...]:
    """Return the parts of answers that commands and pages need; None for what is off."""
    return (
        open_asking(application),
        open_following(application),
        open_verifying(application),
        application.expected,
        *(part for feature in installed_features() for part in feature.parts(application)),
    )


def answer_context(application: Application) -> AnswerContext:
    """Return the context for answers outside of a server."""
    privacy = application.privacy
    return AnswerContext(
        application.search,
        application.book,
        today=today,
        overview=open_overview(application),
        grants=privacy.grants,
        audit=privacy.audit,
        consent=privacy.consent,
        closed_communities=SqlCommunityPages(application.database, now).closed,
        scans=application.scans,
        parts=answer_parts(application),
    )
