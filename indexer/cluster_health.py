"""How a cluster stands that keeps an index on several nodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """Counted over the indexes of one alias, documents and lists; `nodes` over all.

    `lost` are shards without any copy, `missing` copies that stand nowhere; `moving` are being
    made or moved. `replicas` is the most copies that an index asks for beside the primary one.
    `shut_without_leader`: a node that has lost the others answers no search.
    """

    nodes: int
    data_nodes: int
    shards: int
    lost: int
    missing: int
    moving: int
    replicas: int
    shut_without_leader: bool
