"""Health of a cluster that stores an index on several nodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """Numbers of nodes of the cluster, and of shards of an alias's indexes.

    `lost`: shards without any copy. `missing`: copies not assigned to a node. `moving`: copies that
    are being made or moved. `replicas`: largest number of replicas that an index requires.
    `shut_without_leader`: whether a node that is cut off from the other nodes refuses searches.
    """

    nodes: int
    data_nodes: int
    shards: int
    lost: int
    missing: int
    moving: int
    replicas: int
    shut_without_leader: bool
