"""What a house keeps for and about its agents' privacy, in the state's database."""

from dataclasses import dataclass

import sqlalchemy as sa

from expertise.sql_consent import SqlConsent
from quisait.journaling import now
from quisait.role_settings import grant_of
from quisait.settings import Settings
from search_api.grants import Grants
from search_api.sql_audit import SqlAudit


@dataclass(frozen=True, slots=True)
class Privacy:
    """Who holds which role, the audit of what they read by it, and what agents ask."""

    grants: Grants
    audit: SqlAudit
    consent: SqlConsent


def open_privacy(settings: Settings, database: sa.Engine) -> Privacy:
    """As the settings say."""
    grants = Grants(tuple(map(grant_of, settings.roles)))
    audit = SqlAudit(database, now, settings.privacy.audit_days)
    return Privacy(grants, audit, SqlConsent(database, now))
