"""The name that writes go by: a request that came late names a former one, and is refused.

A request whose answer never came may be applied at any time, over what was written since.
So writes name an alias of their own, that is replaced before anything else is written: the
engine refuses what names the former one (`require_alias`), and what it had begun is waited
for. What stands by then is what counts.
"""

import secrets
import threading
import time
from typing import Any

from opensearchpy import OpenSearch

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.opensearch.faults import engine_faults

BULK = "indices:data/write/bulk*"
MOST_WAIT_S = 60.0
"""So long may the engine work on what it had begun."""
_LOOKS_EVERY_S = 0.05


class Epoch:
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
                {"remove": {"index": index, "alias": one, "must_exist": False}} for one in former
            ]
            added = {"add": {"index": index, "alias": name, "is_hidden": True}}
            self._client.indices.update_aliases(body={"actions": [*gone, added]})
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
        return indexes[0], [one for one in aliases if one.startswith(f"{self._alias}-epoch-")]

    def _let_end(self) -> None:
        """Wait for the writes that the engine had begun; those that come now name the new one."""
        begun = self._under_way()
        deadline = time.monotonic() + MOST_WAIT_S
        while begun and (begun := begun & self._under_way()):
            if time.monotonic() > deadline:
                raise IndexUnreachable(
                    "OpenSearch travaille encore à une écriture d'avant : relancez plus tard."
                )
            time.sleep(_LOOKS_EVERY_S)

    def _under_way(self) -> set[str]:
        told: dict[str, Any] = self._client.tasks.list(actions=BULK)
        return {task for node in told["nodes"].values() for task in node["tasks"]}
