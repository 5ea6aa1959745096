"""A batch of writes to the bodies of `_bulk` requests, and their sending with back-off."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson
from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import SerializationError, TransportError

from indexer.errors import IndexUnreachable
from indexer.opensearch.epoch import Epoch
from indexer.opensearch.faults import (
    CLOSED_TO_WRITES,
    TOO_MANY_REQUESTS,
    engine_faults,
    passing,
    reason,
    refuse,
)
from indexer.opensearch.schema import Body, document_source, engine_id
from indexer.values import IndexedDocument, Put, PutAccess, Remove, Write

log = logging.getLogger(__name__)

CHUNK_BYTES = 8_000_000
TRIES = 6
TOO_LARGE = 413
NOT_FOUND = 404
SENT = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Line:
    """One operation, encoded; `subject` is the document or list that it is about."""

    subject: str
    encoded: bytes


def document_id_of(write: Write) -> str:
    """Whom a write is about."""
    return write.indexed.document.id if isinstance(write, Put) else write.document_id


def last_words(batch: Sequence[Write]) -> Mapping[str, Write]:
    """One write per document, to the effect of the whole batch in its order.

    With two of them in a request, a rejected first one, sent again, would win.
    """
    last: dict[str, Write] = {}
    for write in batch:
        document_id = document_id_of(write)
        former = last.get(document_id)
        if isinstance(write, PutAccess) and isinstance(former, Put):
            document = replace(former.indexed.document, access=write.access)
            last[document_id] = Put(replace(former.indexed, document=document))
        elif not (isinstance(write, PutAccess) and isinstance(former, Remove)):
            last[document_id] = write
    return last


def put_line(indexed: IndexedDocument, access_list: str) -> Line:
    """Keep a document whole, under the rights of that list."""
    document_id = indexed.document.id
    return index_line(document_id, engine_id(document_id), document_source(indexed, access_list))


def move_line(document_id: str, access_list: str) -> Line:
    """Let a kept document name another list."""
    update = {**_target(engine_id(document_id)), "retry_on_conflict": 3}
    return _line(document_id, {"update": update}, {"doc": {"access_list": access_list}})


def remove_line(document_id: str) -> Line:
    """Forget a document."""
    return _line(document_id, {"delete": _target(engine_id(document_id))})


def index_line(subject: str, kept_as: str, source: Body) -> Line:
    """Keep this under that `_id` of the engine."""
    return _line(subject, {"index": _target(kept_as)}, source)


def forget_line(kept_as: str) -> Line:
    """Forget what is kept under that `_id` of the engine."""
    return _line(kept_as, {"delete": _target(kept_as)})


def _target(kept_as: str) -> Body:
    """Name what is written to. An alias that is gone is never made an index."""
    return {"_id": kept_as, "require_alias": True}


def _line(subject: str, *lines: Body) -> Line:
    return Line(subject, b"".join(map(_encoded, lines)))


def _encoded(line: Body) -> bytes:
    """One line of JSON. Half a surrogate pair, which orjson refuses, is kept escaped."""
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(line, separators=(",", ":"), default=np.ndarray.tolist).encode() + b"\n"


def chunks(lines: Iterable[Line], limit_bytes: int = CHUNK_BYTES) -> Iterator[list[Line]]:
    """Make requests of at most that size, or of one larger operation."""
    chunk: list[Line] = []
    size = 0
    for line in lines:
        if chunk and size + len(line.encoded) > limit_bytes:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line.encoded)
    if chunk:
        yield chunk


def send(client: OpenSearch, epoch: Epoch, chunk: list[Line], pause_s: float) -> dict[str, str]:
    """Send one request until each line is taken or refused; gives (subject → reason).

    Raises `IndexUnreachable` when lines are still turned away after `TRIES` tries. What was
    sent without an answer is never applied after this returned, nor after what is sent next.
    """
    failed: dict[str, str] = {}
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            chunk, refused = _sent_once(client, epoch, chunk)
        except IndexUnreachable:
            if attempt == TRIES - 1:
                raise
            continue
        failed |= refused
        if not chunk:
            return failed
        log.warning("bulk lines turned away", extra={"lines": len(chunk), "attempt": attempt + 1})
    raise IndexUnreachable(
        f"OpenSearch, débordé, a refusé {TRIES} fois {len(chunk)} écritures : relancez plus tard."
    )


def _sent_once(
    client: OpenSearch, epoch: Epoch, chunk: list[Line]
) -> tuple[list[Line], dict[str, str]]:
    """(lines to send again, subject → reason of those refused)."""
    body, name = b"".join(line.encoded for line in chunk), epoch.name()
    try:
        answer = _answer(client, name, body)
    except (NoConnection, SerializationError):
        epoch.doubt()
        return chunk, {}
    except TransportError as fault:
        if passing(int(fault.status_code)):
            if fault.status_code != TOO_MANY_REQUESTS:
                epoch.doubt()  # a proxy may have given up before the engine did
            return chunk, {}
        if fault.status_code == TOO_LARGE and len(chunk) == 1:
            return [], {chunk[0].subject: f"{len(body)} octets : trop gros pour OpenSearch"}
        with engine_faults():
            raise
    again, refused, replaced = _sorted_out(chunk, answer["items"])
    if replaced:
        epoch.replaced()
    return again, refused


def _answer(client: OpenSearch, name: str, body: bytes) -> Body:
    """What the engine says to one request, sent once: the client would send it again itself."""
    connection = client.transport.get_connection()
    _, headers, said = connection.perform_request(
        "POST", f"/{name}/_bulk", None, body, headers=SENT
    )
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type")
    answer: Body = client.transport.deserializer.loads(said, kind)
    return answer


def _sorted_out(chunk: list[Line], items: list[Body]) -> tuple[list[Line], dict[str, str], bool]:
    """(lines to send again, subject → reason of those refused, whether the name was replaced)."""
    again: list[Line] = []
    refused: dict[str, str] = {}
    replaced = False
    for line, item in zip(chunk, items, strict=True):
        ((operation, outcome),) = item.items()
        error = outcome.get("error")
        if error and error["type"] == CLOSED_TO_WRITES:
            refuse(outcome["status"], CLOSED_TO_WRITES)
        absent = bool(error) and error["type"] == "index_not_found_exception"
        replaced = replaced or absent
        if absent or (error and passing(outcome["status"])):
            again.append(line)
        elif error and not (operation == "update" and outcome["status"] == NOT_FOUND):
            refused[line.subject] = reason(error)
    return again, refused, replaced
