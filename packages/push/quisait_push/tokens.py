"""Push tokens of applications: each gives access to one source; only its hash is stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from connectors.values import assume_utc
from quisait_push.documents import metadata
from quisait_push.items import TOKEN_PREFIX

_TOKEN = re.compile(TOKEN_PREFIX + r"([0-9a-f]{8})_[A-Za-z0-9_-]{43}")

push_tokens = sa.Table(
    "push_tokens",
    metadata,
    sa.Column("id", sa.String(8), primary_key=True),
    sa.Column("source", sa.String(200), nullable=False, index=True),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    info={"gives_access": "push_tokens"},
)

# In a table of its own, since older databases already have `push_tokens`.
push_token_validity = sa.Table(
    "push_token_lives",
    metadata,
    sa.Column("id", sa.String(8), primary_key=True),
    sa.Column("ends", sa.DateTime(timezone=True), info={"gives_access": "push_tokens"}),
    sa.Column("used", sa.Date),
    info={"gives_access": "push_tokens"},
)
"""The end of a token's validity, if it expires, and the last day on which it was used."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """The part of a token that may be shown, never the token itself."""

    id: str
    label: str
    created: datetime
    ends: datetime | None = None
    used: date | None = None


class PushTokens:
    """Creates, lists, rotates, revokes and checks tokens."""

    def __init__(
        self, engine: sa.Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine, self._now = engine, now

    def add(self, source: str, label: str) -> str:
        """Create a token with 256 random bits and return it; it cannot be shown again."""
        name = secrets.token_hex(4)
        token = f"{TOKEN_PREFIX}{name}_{secrets.token_urlsafe(32)}"
        row = {"id": name, "source": source, "label": label, "digest": _digest(token)}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(push_tokens).values(**row, created=datetime.now(UTC)))
        return token

    def of(self, source: str) -> tuple[TokenRow, ...]:
        """Return the tokens of a source, oldest first."""
        columns = (push_tokens.c.id, push_tokens.c.label, push_tokens.c.created)
        query = sa.select(*columns, *_VALIDITY).select_from(_TOKENS_WITH_VALIDITY)
        query = query.where(push_tokens.c.source == source)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(push_tokens.c.created, push_tokens.c.id))
            return tuple(TokenRow(*row[:3], _with_zone(row.ends), row.used) for row in rows)

    def rotate(self, source: str, token_id: str, overlap: timedelta) -> str | None:
        """Return a new token. The old token expires after `overlap`, or at its own earlier end.

        Returns None if there is no such token.
        """
        before = next((row for row in self.of(source) if row.id == token_id), None)
        if before is None:
            return None
        ends = self._now() + overlap
        if before.ends is None or ends < before.ends:
            self._set_validity(token_id, ends=ends)
        return self.add(source, before.label)

    def revoke(self, source: str, token_id: str) -> bool:
        """Revoke a token; return whether it existed."""
        own = (push_tokens.c.source == source) & (push_tokens.c.id == token_id)
        with self._engine.begin() as connection:
            if not connection.execute(sa.delete(push_tokens).where(own)).rowcount:
                return False
            own_validity = push_token_validity.c.id == token_id
            connection.execute(sa.delete(push_token_validity).where(own_validity))
            return True

    def source_of(self, token: str) -> str | None:
        """Return the source that a token gives access to, or None for an invalid token.

        The token's id, which is looked up, is not secret; digests are compared in constant time.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        columns = (push_tokens.c.source, push_tokens.c.digest, *_VALIDITY)
        query = sa.select(*columns).select_from(_TOKENS_WITH_VALIDITY)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(push_tokens.c.id == match[1])).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(token)):
            return None
        ends = _with_zone(row.ends)
        if ends is not None and ends <= self._now():
            return None
        if row.used != (today := self._now().date()):
            self._set_validity(match[1], used=today)
        return str(row.source)

    def _set_validity(self, token_id: str, **values: object) -> None:
        update = sa.update(push_token_validity).where(push_token_validity.c.id == token_id)
        with self._engine.begin() as connection:
            if not connection.execute(update.values(**values)).rowcount:
                with suppress(sa.exc.IntegrityError), connection.begin_nested():
                    connection.execute(sa.insert(push_token_validity).values(id=token_id))
                connection.execute(update.values(**values))


_VALIDITY = (push_token_validity.c.ends, push_token_validity.c.used)
_TOKENS_WITH_VALIDITY = push_tokens.outerjoin(
    push_token_validity, push_tokens.c.id == push_token_validity.c.id
)


def _with_zone(moment: datetime | None) -> datetime | None:
    """Return the moment in UTC: SQLite does not store the time zone."""
    return assume_utc(moment) if moment else None


def _digest(token: str) -> str:
    """Return the SHA-256: a fast hash is enough, since 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
