"""Reads the health of OpenSearch's nodes and of an alias's indexes. Changes nothing."""

from collections.abc import Mapping
from typing import Any

from opensearchpy import OpenSearch

from indexer.cluster_health import ClusterHealth
from indexer.opensearch.client import engine_faults

_BLOCKS = ("no_cluster_manager_block", "no_master_block")


def node_of(client: OpenSearch) -> tuple[str, str]:
    """Return (name, version) of the node that answers.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    with engine_faults():
        info = client.info()
    return str(info["name"]), str(info["version"]["number"])


def cluster_health(client: OpenSearch, alias: str) -> ClusterHealth:
    """Return the current health. Raises `IndexUnreachable` or `IndexRefused`."""
    pattern = f"{alias}-*"
    with engine_faults():
        health = client.cluster.health(index=pattern, params={"level": "shards"})
        settings = client.indices.get_settings(index=pattern)
        cluster = client.cluster.get_settings(params={"include_defaults": "true"})
    shards = [
        shard
        for name, index in health.get("indices", {}).items()
        if name in settings
        for shard in index["shards"].values()
    ]
    lost = [shard for shard in shards if not shard["primary_active"]]
    unassigned = sum(shard["unassigned_shards"] for shard in shards)
    return ClusterHealth(
        nodes=int(health["number_of_nodes"]),
        data_nodes=int(health["number_of_data_nodes"]),
        shards=len(shards),
        lost=len(lost),
        missing=unassigned - sum(bool(shard["unassigned_shards"]) for shard in lost),
        moving=sum(s["initializing_shards"] + s["relocating_shards"] for s in shards),
        replicas=max(
            (int(index["settings"]["index"]["number_of_replicas"]) for index in settings.values()),
            default=0,
        ),
        shut_without_leader=_block(cluster) == "all",
    )


def _block(settings: Mapping[str, Any]) -> str:
    """Return the setting that tells which requests an isolated node refuses, by either name."""
    for level in ("transient", "persistent", "defaults"):
        blocks: Any = settings.get(level, {}).get("cluster", {})
        for name in _BLOCKS:
            if isinstance(blocks, Mapping) and name in blocks:
                return str(blocks[name])
    return ""
