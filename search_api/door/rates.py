"""How often one may ask: token buckets, by reader, by token and by address.

In the memory of one process: two processes grant twice as much, and a restart forgets.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import StrEnum

KEPT = 50_000
"""So many askers are remembered; the one who was longest away is forgotten first."""


class Asker(StrEnum):
    """Whose requests are counted."""

    READER = "reader"
    TOKEN = "token"  # noqa: S105 - what is counted, not a secret
    ADDRESS = "address"


class Rates:
    """`per_minute` requests of one asker: so many at once at most, refilled evenly. 0: any."""

    def __init__(
        self, per_minute: Mapping[Asker, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute, self._clock = dict(per_minute), clock
        self._buckets: OrderedDict[tuple[Asker, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, asker: Asker, key: str) -> int:
        """Grant one request: 0, or the seconds after which there is one to grant."""
        most = self._per_minute.get(asker, 0)
        if not most:
            return 0
        with self._lock:
            left = self._left(asker, key, most)
            granted = left >= 1
            self._keep(asker, key, left - 1 if granted else left)
        return 0 if granted else math.ceil((1 - left) * 60 / most)

    def give_back(self, asker: Asker, key: str) -> None:
        """Undo a `take`: the request turned out to be somebody else's to account for."""
        if most := self._per_minute.get(asker, 0):
            with self._lock:
                self._keep(asker, key, min(float(most), self._left(asker, key, most) + 1))

    def _left(self, asker: Asker, key: str, most: int) -> float:
        left, at = self._buckets.get((asker, key), (float(most), self._clock()))
        return min(float(most), left + (self._clock() - at) * most / 60)

    def _keep(self, asker: Asker, key: str, left: float) -> None:
        self._buckets[asker, key] = left, self._clock()
        self._buckets.move_to_end((asker, key))
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)


def address_key(host: str) -> str:
    """An address, or for IPv6 its /64: one subscriber has all of it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
