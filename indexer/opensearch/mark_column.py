"""A document's mark as one column: what arranges a hit is read at once, without its source."""

import json
from base64 import b64encode
from binascii import a2b_base64

from indexer.marks import Mark, dated_of
from indexer.opensearch.client import QuickSerializer
from indexer.twins import signature
from indexer.values import IndexedDocument

_READER = QuickSerializer()


def mark_column(indexed: IndexedDocument) -> str:
    """Base64 of a line of JSON, a zero byte and the twins; such a line has no zero byte."""
    document = indexed.document
    said = [
        document.source,
        dated_of(document),
        document.valid_from and document.valid_from.isoformat(),
        document.valid_until and document.valid_until.isoformat(),
        document.replaces,
    ]
    return b64encode(json.dumps(said).encode() + b"\0" + signature(indexed.passages)).decode()


def mark_of(column: str) -> Mark:
    """Decode it; the engine leaves the padding out."""
    line, _, twins = a2b_base64(column + "==").partition(b"\0")
    source, dated, begins, ends, replaces = _READER.loads(line.decode())
    return Mark(source, dated, begins, ends, tuple(replaces), twins)
