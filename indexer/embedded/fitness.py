"""What can be kept: documents are looked at and analysed before anything is written."""

from collections.abc import Sequence

import numpy as np

from indexer.embedded.rows import document_row
from indexer.embedded.store import StoreWrite
from indexer.errors import IndexRefused
from indexer.values import IndexedDocument, Put, Vectors, Write


def prepared_writes(
    batch: Sequence[Write], dimension: int
) -> tuple[list[StoreWrite], list[tuple[str, str]]]:
    """(what to write, (id, reason) of what cannot be): the transaction then is short.

    Raises `IndexRefused` for vectors of another dimension.
    """
    prepared: list[StoreWrite] = []
    failed = []
    for write in batch:
        document_id = write.indexed.document.id if isinstance(write, Put) else write.document_id
        reason = _unfit(write.indexed, dimension) if isinstance(write, Put) else ""
        if not encodable(document_id):
            reason = "son identifiant n'est pas un texte valide"
        if reason:
            failed.append((document_id, reason))
        elif isinstance(write, Put):
            prepared.append((document_row(write.indexed), write.indexed.document.access))
        else:
            prepared.append(write)
    return prepared, failed


def check_dimension(vector: Vectors, dimension: int) -> None:
    """Raise `IndexRefused` for a vector of another shape than (dimension,)."""
    if vector.shape != (dimension,):
        raise IndexRefused(
            f"L'encodeur donne {vector.shape[-1]} nombres, l'index en tient {dimension}. "
            "Réglez l'encodeur avec lequel il a été fait, ou un autre « folder »."
        )


def encodable(text: str) -> bool:
    """Whether SQLite can keep it: half a surrogate pair is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unfit(indexed: IndexedDocument, dimension: int) -> str:
    """Say why a document cannot be kept, or nothing."""
    if len(indexed.passages) != len(indexed.vectors):
        return "il n'a pas autant de vecteurs que de passages"
    if len(indexed.vectors):
        check_dimension(indexed.vectors[0], dimension)
    if not np.isfinite(indexed.vectors).all():
        return "ses vecteurs contiennent autre chose que des nombres"
    hashes = (indexed.document.source, indexed.content_hash, indexed.record_hash)
    sound = all(map(encodable, hashes))
    return "" if sound else "sa source ou son empreinte n'est pas un texte valide"
