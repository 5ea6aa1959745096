"""Rows of the store that a reader may read, as it has them now."""

import json
from collections.abc import Iterable
from typing import Any

from indexer.access import AccessFilter
from indexer.embedded.access import readable_lists
from indexer.embedded.rows import access_of
from indexer.embedded.store import Store


def readable_rows(
    store: Store, columns: str, access: AccessFilter, document_ids: Iterable[str]
) -> list[tuple[Any, ...]]:
    """(id, columns…) of those documents that the reader may read."""
    wanted = json.dumps(list(document_ids))
    chosen = (
        "FROM documents LEFT JOIN contents USING (seq) WHERE id IN (SELECT value FROM json_each(?))"
    )
    with store.reading() as connection:
        found = connection.execute(f"SELECT access, source, id, {columns} {chosen}", (wanted,))
        rows = found.fetchall()
        named = json.dumps(sorted({row[0] for row in rows}))
        lists = connection.execute(
            "SELECT id, key FROM access WHERE id IN (SELECT value FROM json_each(?))", (named,)
        ).fetchall()
    # Out of the transaction: whether denials name somebody may be asked of this very store.
    readable = readable_lists({number: access_of(key) for number, key in lists}, access)
    return [row[2:] for row in rows if readable[row[0]] and access.reaches(row[1])]
