"""A batch of writes as `_bulk` requests, sent with back-off behind a write fence.

A request whose answer never came may be applied at any time, over what was written since.
So writes name an alias of their own (the write fence), that is replaced before anything else is
written: the engine refuses what names the former one (`require_alias`), and what it had begun is
waited for. What stands by then is what counts.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
"""So long may the engine work on what it had begun."""
_LOOKS_EVERY_S = 0.05


class WriteFence:
    """The present name for writes behind an alias, `{alias}-epoch-…`.

    Several writers share it; one that finds it replaced goes on by the new one. Every method
    raises `IndexUnreachable` or `IndexRefused`.
    """

    def __init__(self, client: OpenSearch, alias: str) -> None:
        self._client, self._alias = client, alias
        self._name = ""
        self._changing = threading.Lock()

    def name(self) -> str:
        """The present name; a new one where this writer has none, or is in doubt."""
        return self._name or self.begin()

    def doubt(self) -> None:
        """Something was sent, and no answer came: what is written next needs a new name."""
        self._name = ""

    def begin(self) -> str:
        """A new name: whatever was sent by a former one is kept by now, or never will be."""
        with self._changing, engine_faults():
            index, former = self._standing()
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
        """Go by the name that another writer began. Raises `IndexRefused` where all is gone."""
        with self._changing, engine_faults():
            _, present = self._standing()
            self._name = min(present, default="")

    def _standing(self) -> tuple[str, list[str]]:
        """The index behind the alias, and the names for writes that it has."""
        found = self._client.indices.get_alias(name=self._alias, ignore=404)
        indexes = [index for index, held in found.items() if isinstance(held, dict)]
        if "status" in found or len(indexes) != 1:
            raise IndexRefused("L'alias de l'index a disparu : relancez « quisait crawl --full ».")
        aliases = self._client.indices.get_alias(index=indexes[0])[indexes[0]]["aliases"]
        return indexes[0], [alias for alias in aliases if alias.startswith(f"{self._alias}-epoch-")]

    def _let_end(self) -> None:
        """Wait for the writes that the engine had begun; those that come now name the new one."""
        begun = self._under_way()
        deadline = time.monotonic() + MAX_WAIT_S
        while begun and (begun := begun & self._under_way()):
            if time.monotonic() > deadline:
                raise IndexUnreachable(
                    "OpenSearch travaille encore à une écriture d'avant : relancez plus tard."
                )
            time.sleep(_LOOKS_EVERY_S)

    def _under_way(self) -> set[str]:
        """The writes that every node is at. One that does not tell is waited for, or gone."""
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


def put_line(indexed: IndexedDocument, access_list: str) -> BulkAction:
    """Keep a document whole, under the rights of that list."""
    document_id = indexed.document.id
    return index_line(document_id, engine_id(document_id), document_source(indexed, access_list))


def move_line(document_id: str, access_list: str) -> BulkAction:
    """Let a kept document name another list."""
    update = {**_target(engine_id(document_id)), "retry_on_conflict": 3}
    return _line(document_id, {"update": update}, {"doc": {"access_list": access_list}})


def remove_line(document_id: str) -> BulkAction:
    """Forget a document."""
    return _line(document_id, {"delete": _target(engine_id(document_id))})


def index_line(subject: str, kept_as: str, source: Body) -> BulkAction:
    """Keep this under that `_id` of the engine."""
    return _line(subject, {"index": _target(kept_as)}, source)


def forget_line(kept_as: str) -> BulkAction:
    """Forget what is kept under that `_id` of the engine."""
    return _line(kept_as, {"delete": _target(kept_as)})


def _target(kept_as: str) -> Body:
    """Name what is written to. An alias that is gone is never made an index."""
    return {"_id": kept_as, "require_alias": True}


def _line(subject: str, *lines: Body) -> BulkAction:
    return BulkAction(subject, b"".join(map(_encoded, lines)))


def _encoded(line: Body) -> bytes:
    """One line of JSON. Half a surrogate pair, which orjson refuses, is kept escaped."""
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(line, separators=(",", ":"), default=np.ndarray.tolist).encode() + b"\n"


def chunks(
    lines: Iterable[BulkAction], limit_bytes: int = CHUNK_BYTES
) -> Iterator[list[BulkAction]]:
    """Make requests of at most that size, or of one larger operation."""
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
    """Send one request until each line is taken or refused; gives (subject → reason).

    Raises `IndexUnreachable` when lines are still turned away after `TRIES` tries. What was
    sent without an answer is never applied after this returned, nor after what is sent next.
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
    """(lines to send again, subject → reason of those refused)."""
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
    """What the engine says to one request, sent once: the client would send it again itself."""
    transport = client.transport
    connection = transport.get_connection()
    try:
        _, headers, content = connection.perform_request(
            "POST", f"/{name}/_bulk", None, body, headers=SENT
        )
    except NoConnection:
        transport.mark_dead(connection)  # what is sent next goes to another node
        raise
    transport.connection_pool.mark_live(connection)
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type")
    answer: Body = transport.deserializer.loads(content, kind)
    return answer


def _sorted_out(
    chunk: list[BulkAction], items: list[Body]
) -> tuple[list[BulkAction], dict[str, str], bool]:
    """(lines to send again, subject → reason of those refused, whether the name was replaced)."""
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
