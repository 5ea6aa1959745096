"""The keys that a provider signs with, fetched again when it signs with another one."""

from collections.abc import Callable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from search_api.catalogue.texts import marked
from search_api.sign_on.errors import ProviderRefused
from search_api.sign_on.fetched import Fetched

UNBELIEVED = marked(
    "La réponse du fournisseur d’identité ne peut pas être vérifiée : personne n’est connecté. "
    "Recommencez ; si cela dure, prévenez la personne qui administre le service."
)


class ProviderKeys:
    """A JWK set (RFC 7517) behind an address. `fetch` may raise `ProviderUnreachable`."""

    def __init__(self, fetch: Callable[[], Any], now_s: Callable[[], float]) -> None:
        self._keys = Fetched(lambda: _imported(fetch()), now_s)

    def __call__(self, header: Mapping[str, Any]) -> Key:
        """The key of a token with this header. Raises `ProviderRefused` where there is none."""
        found = _found(self._keys.now(), header)
        if found is None:
            found = _found(self._keys.now(newer=True), header)
        if found is None:
            raise ProviderRefused("unknown_key", UNBELIEVED)
        return found

    def count(self) -> int:
        """How many there are. Raises as a call does."""
        return len(self._keys.now())


def _imported(fetched: Any) -> tuple[Key, ...]:
    """Whatever a set holds, a secret shared with nobody proves nothing."""
    try:
        keys = KeySet.import_key_set(fetched).keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ProviderRefused("malformed_keys", UNBELIEVED) from None
    return tuple(key for key in keys if key.key_type != "oct")


def _found(keys: tuple[Key, ...], header: Mapping[str, Any]) -> Key | None:
    """By `kid`; without one only where the provider has a single key of that sort."""
    algorithm = str(header.get("alg", ""))
    fitting = [key for key in keys if _signs(key, algorithm)]
    if (kid := header.get("kid")) is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == kid), None)


_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def _signs(key: Key, algorithm: str) -> bool:
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    return key.key_type == _TYPES.get(algorithm[:2])
