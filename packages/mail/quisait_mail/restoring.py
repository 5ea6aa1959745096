"""End mails in a restored database that agents had ended after its backup."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from indexer import sql
from quisait.clock import now
from quisait.privacy.register import RegisterLine
from quisait_mail.storage import SqlMail, mail_preferences
from quisait_mail.values import NO_MAIL, DigestPace, MailPreferences


def apply_choice(database: sa.Engine, line: RegisterLine) -> None:
    """Apply a line of the kind `mail`: `said` has asked, answered, pace of the digest, invited."""
    moment = datetime.fromisoformat(line["at"])
    chosen = _preferences(*line["said"])
    SqlMail(database, lambda: moment, "").choose(line["agent"], chosen)


def _preferences(asked: bool, answered: bool, digest: str, *invited: bool) -> MailPreferences:
    # Older lines do not have `invited`: agents who had ended both kinds of mail get no invitations.
    want = invited[0] if invited else asked or answered
    return MailPreferences(asked, answered, DigestPace(digest), invited=want)


def end_all_mail(database: sa.Engine, agent_ids: Iterable[str]) -> None:
    """End the mail of these agents, and of every agent who chose any."""
    mail = SqlMail(database, now, "")
    chosen = sql.scalars(database, sa.select(mail_preferences.c.agent_id))
    for agent_id in {*agent_ids, *chosen}:
        mail.choose(agent_id, NO_MAIL)
