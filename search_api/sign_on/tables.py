"""Where sessions and personal tokens are kept: by digest, so that a copy of them opens nothing.

A plain digest will do: these secrets are 256 random bits, which no dictionary holds.
Moments are whole seconds since 1970.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("begun_s", sa.BigInteger, nullable=False),
    sa.Column("seen_s", sa.BigInteger, nullable=False),
    sa.Column("ends_s", sa.BigInteger, nullable=False),
    sa.Column("id_token", sa.Text, nullable=False),
)
at_provider = sa.Table(
    "sessions_at_provider",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("subject_key", sa.String(64), nullable=False, index=True),
    sa.Column("session_key", sa.String(64), nullable=False, index=True),
)
"""Of which of the provider's sessions each of ours is, by digests; empty: it did not say."""
logout_tokens = sa.Table(
    "logout_tokens",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("until_s", sa.BigInteger, nullable=False),
)
"""Logout tokens that were believed, as long as they could be shown again."""
personal_tokens = sa.Table(
    "personal_tokens",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("made", sa.Date, nullable=False),
    sa.Column("ends_s", sa.BigInteger, nullable=False),
    sa.Column("last_used", sa.Date),
)

SHORT = 12
"""Characters of a digest by which a person names one of their own."""
