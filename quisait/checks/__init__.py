"""`quisait check`: test settings and engines, with one line and one remedy per check."""

from collections.abc import Iterator
from functools import partial

from quisait.application.database import opened_database
from quisait.application.opening import Opening
from quisait.checks.attempt import Check, attempt
from quisait.checks.index import check_ranker, index_checks
from quisait.checks.machine import machine_checks
from quisait.checks.people import people_checks
from quisait.checks.privacy import privacy_checks
from quisait.checks.references import reference_checks
from quisait.checks.sign_on import check_identity
from quisait.checks.sources import source_checks
from quisait.settings import Settings
from quisait.settings.files import private_files


def run_checks(settings: Settings) -> Iterator[Check]:
    """Test each part in the same way as crawls and searches use it.

    Nothing is written except the folder, an empty state, and test data that is removed again.
    """
    with private_files():
        yield from machine_checks(settings)
        yield from index_checks(settings)
        yield from privacy_checks(settings)
        yield from people_checks(settings)
        yield attempt("classement", partial(check_ranker, settings))
        yield from reference_checks(settings)
        yield from source_checks(settings)
        yield from _mail_and_webhook_checks(settings)
        yield attempt("identité", partial(check_identity, settings))


def _mail_and_webhook_checks(settings: Settings) -> Iterator[Check]:
    # Imported here: they take a moment to load, and most settings name none of them.
    if settings.mail.host:
        from quisait.work.mail import check_server

        yield attempt("courriel", partial(check_server, settings))
    if settings.mailbox.host:
        from quisait.work.mailbox import check_mailbox

        yield attempt("boîte des réponses", partial(check_mailbox, settings))
    if settings.webhooks:
        from quisait.work.webhooks import webhooks_state

        def check_webhooks() -> str:
            with opened_database(settings, Opening.READ) as database:
                return webhooks_state(settings, database)

        yield attempt("webhooks", check_webhooks)
