"""The embedded engine's one translation of the access filter, and rows read through it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.embedded.rows import access_of
from indexer.embedded.store import Store


def readable_lists(lists: Mapping[int, Access], access: AccessFilter) -> NDArray[np.bool_]:
    """Tell for each distinct access list whether it admits the reader: bool (highest id + 1,).

    Documents name their list by its id, so that `readable_lists(...)[list ids]` is the
    mask of what may be read; many documents share few lists.
    """
    # Asked about once for all lists: `admits` would ask for each.
    strangers = access.strangers({one for listed in lists.values() for one in listed.denied})
    otherwise = replace(access, known=None)
    readable = np.zeros(max(lists, default=0) + 1, dtype=np.bool_)
    for list_id, listed in lists.items():
        readable[list_id] = otherwise.admits(listed) and strangers.isdisjoint(listed.denied)
    return readable


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
