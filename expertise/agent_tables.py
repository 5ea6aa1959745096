"""The directory's tables, as it was last read."""

import sqlalchemy as sa

from expertise.author_names import author_words
from expertise.directory_words import said_words

metadata = sa.MetaData()

# Keys are digests: PostgreSQL refuses an index of values beyond some 2 700 bytes.
agents = sa.Table(
    "agents",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("given_name", sa.Text, nullable=False),
    sa.Column("family_name", sa.Text, nullable=False),
    sa.Column("metier", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("office", sa.Text, nullable=False),
    sa.Column("departement", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("arrival", sa.Date),
    sa.Column("departure", sa.Date),
    sa.Column("skills", sa.JSON, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("skills_declared", sa.Date),
    sa.Column("skills_confirmed", sa.JSON, nullable=False),
    sa.Column("contact_via", sa.String(20), nullable=False),
    sa.Column("contact", sa.Text, nullable=False),
)
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
)
readings = sa.Table(
    "directory_readings", metadata, sa.Column("token", sa.String(32), primary_key=True)
)
"""Other rows whenever agents or their accounts change: see `account_memory`."""
memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("principal_key", sa.String(64), primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
)
groups = sa.Table(
    "groups",
    metadata,
    sa.Column("principal_key", sa.String(64), primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
)
"""Every group, also without members: what is denied to it is not denied to nobody known."""
once_known = sa.Table(
    "once_known",
    metadata,
    sa.Column("principal_key", sa.String(64), primary_key=True),
)
"""Agents and accounts that a document denies and that the directory has had: see `principals`."""
agent_words = sa.Table(
    "agent_words",
    metadata,
    sa.Column("word", sa.String(200), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
)
said = said_words(metadata)
authors = author_words(metadata)
