"""The tables of pushed documents, and one row of them as a value."""

from dataclasses import dataclass

import sqlalchemy as sa

from connectors.records.schema import RecordLine

metadata = sa.MetaData()

push_sources = sa.Table(
    "push_sources",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("applied_seq", sa.BigInteger, nullable=False),
)
"""`last_seq` is taken under the row's lock: what has a higher number was accepted later."""

push_documents = sa.Table(
    "push_documents",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # Of the id, which is too long for an index where its letters are.
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("access_seq", sa.BigInteger, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("line", sa.Text),
    sa.Column("gone", sa.JSON, nullable=False),
    sa.Column("version", sa.String(200), nullable=False),
    sa.Column("version_digest", sa.String(32), nullable=False),
    sa.Column("digest", sa.String(32), nullable=False),
    sa.Column("received", sa.DateTime(timezone=True), nullable=False),
    sa.Index("push_documents_seq", "source", "seq"),
    sa.Index("push_documents_access", "source", "access_seq"),
)


@dataclass(frozen=True, slots=True)
class PushedDocument:
    """The last word about one document.

    `line` is the record with its present readers, None for a tombstone. `access_seq` is
    the number of the last change of readers of a document that may be kept already.
    `gone` are the names of attachments that it no longer has. `version_digest` is of the
    item that brought `version`, `digest` of the last one, with or without a version.
    """

    id: str
    seq: int = 0
    access_seq: int = 0
    line: str | None = None
    gone: tuple[str, ...] = ()
    version: str = ""
    version_digest: str = ""
    digest: str = ""

    def record(self) -> RecordLine | None:
        """The record, None for a tombstone. Raises `pydantic.ValidationError`, a `ValueError`."""
        return None if self.line is None else RecordLine.model_validate_json(self.line)


COLUMNS = (
    push_documents.c.id,
    push_documents.c.seq,
    push_documents.c.access_seq,
    push_documents.c.line,
    push_documents.c.gone,
    push_documents.c.version,
    push_documents.c.version_digest,
    push_documents.c.digest,
)


def pushed(row: sa.RowMapping) -> PushedDocument:
    """A row of `COLUMNS` as a value."""
    values = dict(row) | {"gone": tuple(row["gone"])}
    return PushedDocument(**values)
