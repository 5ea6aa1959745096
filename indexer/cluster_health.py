"""Health of a cluster that stores an index on several nodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """Counts over the indexes (documents and access lists) of an alias; nodes of the cluster.

    `lost`: shards without any copy. `missing`: copies not assigned to a node. `moving`: copies
    being made or moved. `replicas`: largest number of replicas that an index asks for.
    `shut_without_leader`: whether a node cut off from the others refuses searches.
    """

    nodes: int
    data_nodes: int
    shards: int
    lost: int
    missing: int
    moving: int
    replicas: int
    shut_without_leader: bool
