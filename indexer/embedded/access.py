"""The embedded engine's one translation of the access filter."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from connectors.values import Access
from indexer.access import AccessFilter


def readable_lists(lists: Mapping[int, Access], access: AccessFilter) -> NDArray[np.bool_]:
    """Tell for each distinct access list whether it admits the reader: bool (highest id + 1,).

    Documents name their list by its id, so that `readable_lists(...)[list ids]` is the
    mask of what may be read; many documents share few lists.
    """
    # Asked about once for all lists: `admits` would ask for each.
    strangers = access.strangers({one for listed in lists.values() for one in listed.denied})
    otherwise = replace(access, known=None)
    readable = np.zeros(max(lists, default=0) + 1, dtype=np.bool_)
    for list_id, listed in lists.items():
        readable[list_id] = otherwise.admits(listed) and strangers.isdisjoint(listed.denied)
    return readable
