"""The audit's table: rows are added, and each database itself refuses anything else.

Who owns the table can take the triggers away; the chain of digests then shows what was
changed, and a head kept elsewhere what was cut off at the end.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

YOUNGEST_GOING_DAYS = 365
"""The database lets an entry go after so many days, and not before."""

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    # In UTC, as ISO 8601 writes it: it is a part of what the digest covers.
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("reading", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)

_REFUSED = "the audit is append-only"

_SQLITE = (
    f"""create trigger audit_entries_kept before update on audit_entries
    begin select raise(abort, '{_REFUSED}'); end""",
    f"""create trigger audit_entries_not_deleted before delete on audit_entries
    when old.moment > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-{YOUNGEST_GOING_DAYS} days')
    begin select raise(abort, '{_REFUSED}'); end""",
)
_POSTGRESQL = (
    f"""create function audit_entries_kept() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' and old.moment <= to_char(
        (now() at time zone 'utc') - interval '{YOUNGEST_GOING_DAYS} days',
        'YYYY-MM-DD"T"HH24:MI:SS') then
        return old;
      end if;
      raise exception '{_REFUSED}';
    end $$""",
    """create trigger audit_entries_kept before update or delete on audit_entries
    for each row execute function audit_entries_kept()""",
    """create trigger audit_entries_not_emptied before truncate on audit_entries
    for each statement execute function audit_entries_kept()""",
)


def _guard(_table: sa.Table, connection: sa.Connection, **_: object) -> None:
    if connection.dialect.name == "sqlite":
        statements: tuple[str, ...] = _SQLITE
    else:
        connection.exec_driver_sql("drop function if exists audit_entries_kept() cascade")
        statements = _POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement)


sa.event.listen(audit_entries, "after_create", _guard)
