"""What authors say of their documents: opened as the settings say."""

import sqlalchemy as sa

from quisait.settings import Settings
from search_api.answers.context import VerificationRules, Verifying
from search_api.verification import SqlVerifications, VerificationRegister


def open_verifying(
    settings: Settings, database: sa.Engine, register: VerificationRegister | None = None
) -> Verifying | None:
    """None where the settings ask authors about no document."""
    said = settings.verification
    if not said.enabled:
        return None
    rules = VerificationRules(
        said.old_days, said.per_month, said.marked_per_day, said.much_opened, said.opened_days
    )
    return Verifying(SqlVerifications(database, register), rules)
