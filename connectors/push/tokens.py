"""Tokens with which applications push: each gives access to one source; only its hash is stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from connectors.push.documents import metadata

_TOKEN = re.compile(r"qsp_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")

push_tokens = sa.Table(
    "push_tokens",
    metadata,
    sa.Column("id", sa.String(8), primary_key=True),
    sa.Column("source", sa.String(200), nullable=False, index=True),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
)

# Beside the tokens and not in their table, which older databases have already.
push_token_validity = sa.Table(
    "push_token_lives",
    metadata,
    sa.Column("id", sa.String(8), primary_key=True),
    sa.Column("ends", sa.DateTime(timezone=True)),
    sa.Column("used", sa.Date),
)
"""Until when a token opens, where that is set, and the last day on which it did."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What can be shown of a token: never the token."""

    id: str
    label: str
    created: datetime
    ends: datetime | None = None
    used: date | None = None


class PushTokens:
    """Make, list and revoke tokens, and tell which source one opens."""

    def __init__(
        self, engine: sa.Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine, self._now = engine, now
        metadata.create_all(engine)

    def add(self, source: str, label: str) -> str:
        """A new token with 256 random bits, shown this once."""
        name = secrets.token_hex(4)
        token = f"qsp_{name}_{secrets.token_urlsafe(32)}"
        row = {"id": name, "source": source, "label": label, "digest": _digest(token)}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(push_tokens).values(**row, created=datetime.now(UTC)))
        return token

    def of(self, source: str) -> tuple[TokenRow, ...]:
        """The tokens of a source, oldest first."""
        columns = (push_tokens.c.id, push_tokens.c.label, push_tokens.c.created)
        lives = (push_token_validity.c.ends, push_token_validity.c.used)
        query = sa.select(*columns, *lives).select_from(_TOKENS_WITH_VALIDITY)
        query = query.where(push_tokens.c.source == source)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(push_tokens.c.created, push_tokens.c.id))
            return tuple(TokenRow(*row[:3], _aware(row.ends), row.used) for row in rows)

    def rotate(self, source: str, token_id: str, overlap: timedelta) -> str | None:
        """A new token beside that one, which ends after `overlap`; None where there is no such.

        An end that is nearer already stays.
        """
        before = next((row for row in self.of(source) if row.id == token_id), None)
        if before is None:
            return None
        ends = self._now() + overlap
        if before.ends is None or ends < before.ends:
            self._lives(token_id, ends=ends)
        return self.add(source, before.label)

    def revoke(self, source: str, token_id: str) -> bool:
        """Whether there was such a token; from now on it opens nothing."""
        own = (push_tokens.c.source == source) & (push_tokens.c.id == token_id)
        with self._engine.begin() as connection:
            if not connection.execute(sa.delete(push_tokens).where(own)).rowcount:
                return False
            of_it = push_token_validity.c.id == token_id
            connection.execute(sa.delete(push_token_validity).where(of_it))
            return True

    def source_of(self, token: str) -> str | None:
        """The source that a token opens, None for a token that is none of ours.

        The digests are compared in constant time: what is looked up is not the secret.
        """
        named = _TOKEN.fullmatch(token)
        if named is None:
            return None
        lives = (push_token_validity.c.ends, push_token_validity.c.used)
        query = sa.select(push_tokens.c.source, push_tokens.c.digest, *lives).select_from(
            _TOKENS_WITH_VALIDITY
        )
        with self._engine.connect() as connection:
            row = connection.execute(query.where(push_tokens.c.id == named[1])).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(token)):
            return None
        ends = _aware(row.ends)
        if ends is not None and ends <= self._now():
            return None
        if row.used != (today := self._now().date()):
            self._lives(named[1], used=today)
        return str(row.source)

    def _lives(self, token_id: str, **said: object) -> None:
        of_it = push_token_validity.c.id == token_id
        with self._engine.begin() as connection:
            if connection.execute(
                sa.update(push_token_validity).where(of_it).values(**said)
            ).rowcount:
                return
            with suppress(sa.exc.IntegrityError), connection.begin_nested():
                connection.execute(sa.insert(push_token_validity).values(id=token_id, **said))


_TOKENS_WITH_VALIDITY = push_tokens.outerjoin(
    push_token_validity, push_tokens.c.id == push_token_validity.c.id
)


def _aware(moment: datetime | None) -> datetime | None:
    """SQLite forgets the zone."""
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def _digest(token: str) -> str:
    """Enough for 256 random bits: there is nothing to guess, so nothing to slow down."""
    return hashlib.sha256(token.encode()).hexdigest()
