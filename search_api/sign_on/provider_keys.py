"""The keys that a provider signs with, fetched again when it signs with another one."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from search_api.sign_on.errors import ProviderRefused

AGAIN_S = 60
"""An unknown key has the set fetched again at most so often: strangers choose a token's `kid`."""
KNOWN_S = 3600
"""A key that the provider withdrew is believed no longer than this."""

UNBELIEVED = (
    "La réponse du fournisseur d’identité ne peut pas être vérifiée : personne n’est connecté. "
    "Recommencez ; si cela dure, prévenez la personne qui administre le service."
)


class ProviderKeys:
    """A JWK set (RFC 7517) behind an address. `fetch` may raise `ProviderUnreachable`."""

    def __init__(self, fetch: Callable[[], Any], now_s: Callable[[], float]) -> None:
        self._fetch, self._now_s = fetch, now_s
        self._lock = Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched_s = float("-inf")

    def __call__(self, header: Mapping[str, Any]) -> Key:
        """The key of a token with this header. Raises `ProviderRefused` where there is none."""
        with self._lock:
            age_s = self._now_s() - self._fetched_s
            if age_s >= KNOWN_S:
                self._refresh()
            found = self._found(header)
            if found is None and AGAIN_S <= age_s < KNOWN_S:
                self._refresh()
                found = self._found(header)
        if found is None:
            raise ProviderRefused("unknown_key", UNBELIEVED)
        return found

    def count(self) -> int:
        """How many there are now. Raises as a call does."""
        with self._lock:
            self._refresh()
            return len(self._keys)

    def _refresh(self) -> None:
        fetched = self._fetch()
        try:
            keys = tuple(KeySet.import_key_set(fetched).keys)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise ProviderRefused("malformed_keys", UNBELIEVED) from None
        # Whatever a set holds, a secret shared with nobody proves nothing.
        self._keys = tuple(key for key in keys if key.key_type != "oct")
        self._fetched_s = self._now_s()

    def _found(self, header: Mapping[str, Any]) -> Key | None:
        """By `kid`; without one only where the provider has a single key of that sort."""
        algorithm = str(header.get("alg", ""))
        fitting = [key for key in self._keys if _signs(key, algorithm)]
        if (kid := header.get("kid")) is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.get("kid") == kid), None)


_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def _signs(key: Key, algorithm: str) -> bool:
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    return key.key_type == _TYPES.get(algorithm[:2])
