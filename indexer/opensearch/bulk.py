"""Sends writes as `_bulk` requests, with back-off, behind a write fence.

A request whose answer never came may be applied at any time, over newer writes. Therefore writes
name a special alias (the write fence). After a request without an answer, this alias is replaced
before anything else is written: the engine then refuses requests that name the former alias
(`require_alias`), and the writer waits for requests that the engine had begun. After that, no
earlier write can change the index any more.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import SerializationError, TransportError

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.opensearch.client import (
    CLOSED_TO_WRITES,
    TOO_MANY_REQUESTS,
    engine_faults,
    passing,
    reason,
    refuse,
)
from indexer.opensearch.schema import Body, document_source, engine_id
from indexer.values import IndexedDocument, Put, PutAccess, Remove, Write

BULK = "indices:data/write/bulk*"
MAX_WAIT_S = 60.0
"""How long to wait for writes that the engine had begun, in seconds."""
_LOOKS_EVERY_S = 0.05


class WriteFence:
    """The current alias for writes to an index, `{alias}-epoch-…`.

    Several writers share it; a writer that finds it replaced uses the new one. Every method raises
    `IndexUnreachable` or `IndexRefused`.
    """

    def __init__(self, client: OpenSearch, alias: str) -> None:
        self._client, self._alias = client, alias
        self._name = ""
        self._changing = threading.Lock()

    def name(self) -> str:
        """Return the current alias; a new alias if this writer has none, or had no answer."""
        return self._name or self.begin()

    def doubt(self) -> None:
        """Note that a request got no answer, so that the next write gets a new alias."""
        self._name = ""

    def begin(self) -> str:
        """Begin a new alias. Writes to former aliases are then applied, or never will be."""
        with self._changing, engine_faults():
            index, former = self._current_aliases()
            name = f"{self._alias}-epoch-{secrets.token_hex(8)}"
            gone = [
                {"remove": {"index": index, "alias": alias, "must_exist": False}}
                for alias in former
            ]
            added = {"add": {"index": index, "alias": name, "is_hidden": True}}
            done = self._client.indices.update_aliases(body={"actions": [*gone, added]})
            if not done["acknowledged"]:
                raise IndexUnreachable(
                    "Un nœud d'OpenSearch ne suit pas les autres, et pourrait encore prendre une "
                    "écriture d'avant : relancez plus tard."
                )
            self._let_end()
            self._name = name
        return name

    def replaced(self) -> None:
        """Use the alias that another writer began. Raises `IndexRefused` if the index is gone."""
        with self._changing, engine_faults():
            _, present = self._current_aliases()
            self._name = min(present, default="")

    def _current_aliases(self) -> tuple[str, list[str]]:
        """Return the index behind the alias, and its current aliases for writes."""
        answer = self._client.indices.get_alias(name=self._alias, ignore=404)
        indexes = [index for index, held in answer.items() if isinstance(held, dict)]
        if "status" in answer or len(indexes) != 1:
            raise IndexRefused("L'alias de l'index a disparu : relancez « quisait crawl --full ».")
        aliases = self._client.indices.get_alias(index=indexes[0])[indexes[0]]["aliases"]
        return indexes[0], [alias for alias in aliases if alias.startswith(f"{self._alias}-epoch-")]

    def _let_end(self) -> None:
        """Wait for writes that the engine had begun; later writes already name the new alias."""
        begun = self._under_way()
        deadline = time.monotonic() + MAX_WAIT_S
        while begun and (begun := begun & self._under_way()):
            if time.monotonic() > deadline:
                raise IndexUnreachable(
                    "OpenSearch travaille encore à une écriture d'avant : relancez plus tard."
                )
            time.sleep(_LOOKS_EVERY_S)

    def _under_way(self) -> set[str]:
        """Return the running writes of all nodes; wait for nodes that do not answer."""
        deadline = time.monotonic() + MAX_WAIT_S
        while True:
            listed: dict[str, Any] = self._client.tasks.list(actions=BULK)
            if not listed.get("node_failures"):
                return {task for node in listed["nodes"].values() for task in node["tasks"]}
            if time.monotonic() > deadline:
                raise IndexUnreachable(
                    "Un nœud d'OpenSearch ne dit pas à quelles écritures il travaille : relancez "
                    "plus tard."
                )
            time.sleep(_LOOKS_EVERY_S)


log = logging.getLogger(__name__)

CHUNK_BYTES = 8_000_000
TRIES = 6
TOO_LARGE = 413
NOT_FOUND = 404
SENT = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An encoded operation; `subject` is its document or list."""

    subject: str
    encoded: bytes


def last_words(batch: Sequence[Write]) -> Mapping[str, Write]:
    """Return one write per document, with the effect of the whole batch in its order.

    If a request contained two writes of a document and the engine rejected the first, it would be
    sent again and override the second.
    """
    last: dict[str, Write] = {}
    for write in batch:
        document_id = write.document_id
        former = last.get(document_id)
        if isinstance(write, PutAccess) and isinstance(former, Put):
            document = replace(former.indexed.document, access=write.access)
            last[document_id] = Put(replace(former.indexed, document=document))
        elif not (isinstance(write, PutAccess) and isinstance(former, Remove)):
            last[document_id] = write
    return last


def put_line(
    indexed: IndexedDocument, access_list: str, lacking: Collection[str] = ()
) -> BulkAction:
    """Return the operation that writes a document with this access list.

    Fields that the index lacks are left out: its mapping would refuse the whole document.
    """
    document_id = indexed.document.id
    source = document_source(indexed, access_list)
    source = {name: value for name, value in source.items() if name not in lacking}
    return index_line(document_id, engine_id(document_id), source)


def move_line(document_id: str, access_list: str) -> BulkAction:
    """Return the operation that gives an indexed document another list."""
    update = {**_target(engine_id(document_id)), "retry_on_conflict": 3}
    return _line(document_id, {"update": update}, {"doc": {"access_list": access_list}})


def remove_line(document_id: str) -> BulkAction:
    """Return the operation that deletes a document."""
    return _line(document_id, {"delete": _target(engine_id(document_id))})


def index_line(subject: str, kept_as: str, source: Body) -> BulkAction:
    """Return the operation that writes a source under an `_id` of the engine."""
    return _line(subject, {"index": _target(kept_as)}, source)


def forget_line(kept_as: str) -> BulkAction:
    """Return the operation that deletes an `_id` of the engine."""
    return _line(kept_as, {"delete": _target(kept_as)})


def _target(kept_as: str) -> Body:
    """Return the target of an operation; the engine must not create an index for a lost alias."""
    return {"_id": kept_as, "require_alias": True}


def _line(subject: str, *lines: Body) -> BulkAction:
    return BulkAction(subject, b"".join(map(_encoded, lines)))


def _encoded(line: Body) -> bytes:
    """Return a line of JSON; lone surrogates, which orjson refuses, are escaped."""
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(line, separators=(",", ":"), default=np.ndarray.tolist).encode() + b"\n"


def chunks(
    lines: Iterable[BulkAction], limit_bytes: int = CHUNK_BYTES
) -> Iterator[list[BulkAction]]:
    """Yield requests of at most `limit_bytes`, or of a single larger operation."""
    chunk: list[BulkAction] = []
    size = 0
    for line in lines:
        if chunk and size + len(line.encoded) > limit_bytes:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line.encoded)
    if chunk:
        yield chunk


def send(
    client: OpenSearch, fence: WriteFence, chunk: list[BulkAction], pause_s: float
) -> dict[str, str]:
    """Send a request until each line is accepted or refused; return (subject → reason).

    Raises `IndexUnreachable` if lines are still rejected after `TRIES` tries. Requests without an
    answer are never applied after this returns, nor after the next request.
    """
    failed: dict[str, str] = {}
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            chunk, refused = _sent_once(client, fence, chunk)
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
    client: OpenSearch, fence: WriteFence, chunk: list[BulkAction]
) -> tuple[list[BulkAction], dict[str, str]]:
    """Return the lines to send again, and (subject → reason) of refused lines."""
    body, name = b"".join(line.encoded for line in chunk), fence.name()
    try:
        answer = _answer(client, name, body)
    except (NoConnection, SerializationError):
        fence.doubt()
        return chunk, {}
    except TransportError as fault:
        if passing(int(fault.status_code)):
            if fault.status_code != TOO_MANY_REQUESTS:
                fence.doubt()  # a proxy may have given up before the engine did
            return chunk, {}
        if fault.status_code == TOO_LARGE and len(chunk) == 1:
            return [], {chunk[0].subject: f"{len(body)} octets : trop gros pour OpenSearch"}
        with engine_faults():
            raise
    again, refused, replaced = _sorted_out(chunk, answer["items"])
    if replaced:
        fence.replaced()
    return again, refused


def _answer(client: OpenSearch, name: str, body: bytes) -> Body:
    """Return the answer to one request, without the client's automatic retries."""
    transport = client.transport
    connection = transport.get_connection()
    try:
        _, headers, content = connection.perform_request(
            "POST", f"/{name}/_bulk", None, body, headers=SENT
        )
    except NoConnection:
        transport.mark_dead(connection)  # the next request goes to another node
        raise
    transport.connection_pool.mark_live(connection)
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type")
    answer: Body = transport.deserializer.loads(content, kind)
    return answer


def _sorted_out(
    chunk: list[BulkAction], items: list[Body]
) -> tuple[list[BulkAction], dict[str, str], bool]:
    """Return lines to send again, (subject → reason) of refused lines, and if the alias changed."""
    again: list[BulkAction] = []
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
