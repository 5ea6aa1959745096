"""Open the verification of documents by their authors."""

import sqlalchemy as sa

from indexer.register import NO_REGISTER, Register
from quisait.settings import Settings
from search_api.context import VerificationRules, Verifying
from search_api.verification.storage import SqlVerifications


def open_verifying(
    settings: Settings, database: sa.Engine, register: Register = NO_REGISTER
) -> Verifying | None:
    """Return the verification service with the rules of the settings; None if it is disabled."""
    said = settings.verification
    if not said.enabled:
        return None
    rules = VerificationRules(
        said.old_days, said.per_month, said.marked_per_day, said.much_opened, said.opened_days
    )
    return Verifying(SqlVerifications(database, register), rules)
