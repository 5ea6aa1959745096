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
        "FROM documents d LEFT JOIN contents c USING (seq) JOIN access a ON a.id = d.access"
        " WHERE d.id IN (SELECT value FROM json_each(?))"
    )
    with store.reading() as connection:
        lists = connection.execute(f"SELECT DISTINCT a.id, a.key {chosen}", (wanted,))
        readable = readable_lists({number: access_of(key) for number, key in lists}, access)
        rows = connection.execute(f"SELECT d.access, d.source, d.id, {columns} {chosen}", (wanted,))
        return [row[2:] for row in rows if readable[row[0]] and access.reaches(row[1])]
