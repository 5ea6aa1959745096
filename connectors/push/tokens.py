"""The tokens with which applications push: each opens one source, and only its hash is kept."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from connectors.push.tables import metadata

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


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What can be shown of a token: never the token."""

    id: str
    label: str
    created: datetime


class PushTokens:
    """Make, list and revoke tokens, and tell which source one opens."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
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
        query = sa.select(*columns).where(push_tokens.c.source == source)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(push_tokens.c.created, push_tokens.c.id))
            return tuple(TokenRow(*row) for row in rows)

    def revoke(self, source: str, token_id: str) -> bool:
        """Whether there was such a token; from now on it opens nothing."""
        own = (push_tokens.c.source == source) & (push_tokens.c.id == token_id)
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(push_tokens).where(own)).rowcount > 0

    def source_of(self, token: str) -> str | None:
        """The source that a token opens, None for a token that is none of ours.

        The digests are compared in constant time: what is looked up is not the secret.
        """
        named = _TOKEN.fullmatch(token)
        if named is None:
            return None
        query = sa.select(push_tokens.c.source, push_tokens.c.digest)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(push_tokens.c.id == named[1])).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(token)):
            return None
        return str(row.source)


def _digest(token: str) -> str:
    """Enough for 256 random bits: there is nothing to guess, so nothing to slow down."""
    return hashlib.sha256(token.encode()).hexdigest()
