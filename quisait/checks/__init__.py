"""`quisait check`: test settings and engines, with one line and one remedy per check."""

from collections.abc import Callable, Iterator
from functools import partial

import sqlalchemy as sa

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
from quisait.features import installed_features
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
        for feature in installed_features():
            for name, check in feature.checks(settings).items():
                yield attempt(name, check)
            for name, state in feature.states(settings).items():
                yield attempt(name, partial(_state_of_feature, settings, state))
        yield attempt("identité", partial(check_identity, settings))


def _state_of_feature(settings: Settings, state: Callable[[sa.Engine], str]) -> str:
    with opened_database(settings, Opening.READ) as database:
        return state(database)
