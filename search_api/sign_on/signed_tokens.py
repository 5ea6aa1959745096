"""Verification of the provider's signatures: its keys, its tokens, its logout tokens.

Keys are cached, and fetched again when a token names an unknown key. A logout token is checked as
section 2.6 of OpenID Connect Back-Channel Logout 1.0 requires.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, Key, KeySet

from search_api.sign_on.errors import ProviderRefused, SignOnFailed

MAX_AGE_S = 3600
"""Seconds for which a fetched value is used; a withdrawn key is not trusted longer."""
MIN_REFETCH_S = 60
"""Minimum seconds between two fetches, since anybody may send a token with an unknown `kid`."""
FAILURE_PAUSE_S = 5
"""Time after a failure, in seconds, during which further calls fail at once, so that an unreachable
provider does not block every thread of the server until its timeout.
"""

T = TypeVar("T")


class CachedFetch(Generic[T]):
    """A cached value of `fetch`, which may raise `SignOnFailed`. Thread-safe."""

    def __init__(self, fetch: Callable[[], T], now_s: Callable[[], float]) -> None:
        self._fetch, self._now_s = fetch, now_s
        self._lock = Lock()
        self._value: T | None = None
        self._fetched_s = self._failed_s = float("-inf")
        self._failure = SignOnFailed()

    def now(self, *, newer: bool = False) -> T:
        """Return the value. `newer`: fetch it again, unless it is younger than `MIN_REFETCH_S`.

        Raises the `SignOnFailed` that `fetch` raised.
        """
        with self._lock:
            age_s = self._now_s() - self._fetched_s
            if self._value is None or age_s >= (MIN_REFETCH_S if newer else MAX_AGE_S):
                self._refresh()
            assert self._value is not None  # noqa: S101 - fetched above
            return self._value

    def _refresh(self) -> None:
        if self._now_s() - self._failed_s < FAILURE_PAUSE_S:
            raise self._failure
        try:
            self._value = self._fetch()
        except SignOnFailed as failure:
            self._failure, self._failed_s = failure, self._now_s()
            raise
        self._fetched_s = self._now_s()


UNVERIFIABLE = (
    "La réponse du fournisseur d’identité ne peut pas être vérifiée : personne n’est connecté. "
    "Recommencez ; si cela dure, prévenez la personne qui administre le service."
)


class ProviderKeys:
    """A JWK set (RFC 7517) from an address. `fetch` may raise `ProviderUnreachable`."""

    def __init__(self, fetch: Callable[[], Any], now_s: Callable[[], float]) -> None:
        self._keys = CachedFetch(lambda: _imported(fetch()), now_s)

    def __call__(self, header: Mapping[str, Any]) -> Key:
        """Return the key for a token with this header.

        Raises `ProviderRefused` if there is none.
        """
        found = _key_for(self._keys.now(), header)
        if found is None:
            found = _key_for(self._keys.now(newer=True), header)
        if found is None:
            raise ProviderRefused("unknown_key", UNVERIFIABLE)
        return found

    def count(self) -> int:
        """Return the number of keys. Raises `ProviderUnreachable`, `ProviderRefused`."""
        return len(self._keys.now())


def _imported(fetched: Any) -> tuple[Key, ...]:
    """Return the public keys of a set, without symmetric keys, with which anybody could sign."""
    try:
        keys = KeySet.import_key_set(fetched).keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ProviderRefused("malformed_keys", UNVERIFIABLE) from None
    return tuple(key for key in keys if key.key_type != "oct")


def _key_for(keys: tuple[Key, ...], header: Mapping[str, Any]) -> Key | None:
    """Return the key with the header's `kid`, or without `kid` the only key for the algorithm."""
    algorithm = str(header.get("alg", ""))
    fitting = [key for key in keys if _can_verify(key, algorithm)]
    if (kid := header.get("kid")) is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == kid), None)


_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def _can_verify(key: Key, algorithm: str) -> bool:
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    return key.key_type == _KEY_TYPES.get(algorithm[:2])


Claims = Mapping[str, Any]
KeyOf = Callable[[Mapping[str, Any]], Key]

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "Ed25519")  # fmt: skip
"""Algorithms allowed in settings: with a symmetric algorithm, the verifier could also sign."""


def signed_claims(
    token: str, key_of: KeyOf, algorithms: Collection[str], what: str
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return (header, claims) of a token with a valid signature, else raise `ProviderRefused`.

    `what` names the token in the log.
    """
    chosen = [one for one in algorithms if one in ASYMMETRIC]

    def key(one: GuestProtocol) -> Key:
        header = one.headers()
        if header.get("alg") not in chosen:  # no key is fetched for it
            raise ProviderRefused(f"{what}_signature", UNVERIFIABLE)
        return key_of(header)

    try:
        decoded = jwt.decode(token, key, algorithms=chosen)
    except (JoseError, ValueError, TypeError):
        raise ProviderRefused(f"{what}_signature", UNVERIFIABLE) from None
    return decoded.header, decoded.claims


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Who must have issued a token and for whom, and by how many seconds clocks may differ."""

    issuer: str
    audience: str
    skew_s: int
    expires: bool = True


def id_token_claims(
    signed: tuple[Mapping[str, Any], dict[str, Any]],
    rules: ClaimRules,
    *,
    nonce: str,
    access_token: str,
    now_s: int,
) -> Claims:
    """Return the claims, checked as OpenID Connect Core 1.0, 3.1.3.7 requires.

    Raises `ProviderRefused` if a check fails.
    """
    header, claims = signed
    options = {
        "iss": {"essential": True, "value": rules.issuer},
        "aud": {"essential": True, "value": rules.audience},
        "sub": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    expected = {"nonce": nonce, "client_id": rules.audience, "access_token": access_token}
    try:
        CodeIDToken(claims, header, options, expected).validate(now=now_s, leeway=rules.skew_s)
    except (JoseError, ValueError, TypeError) as error:
        raise ProviderRefused(_claim_of("id_token", error), UNVERIFIABLE) from None
    for name, kind in (("sub", str), ("nonce", str), ("exp", int | float), ("iat", int | float)):
        if not isinstance(claims[name], kind) or isinstance(claims[name], bool):
            raise ProviderRefused(f"id_token_{name}", UNVERIFIABLE)
    return claims


def checked_claims(
    claims: dict[str, Any],
    what: str,
    rules: ClaimRules,
    now_s: int,
) -> Claims:
    """Return the claims after checking issuer, audience and lifetime.

    Raises `ProviderRefused` if a check fails.
    """
    checks = jwt.JWTClaimsRegistry(
        now=now_s,
        leeway=rules.skew_s,
        iss={"essential": True, "value": rules.issuer},
        aud={"essential": True, "value": rules.audience},
        exp={"essential": rules.expires},
    )
    try:
        checks.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise ProviderRefused(_claim_of(what, error), UNVERIFIABLE) from None
    return claims


def _claim_of(what: str, error: Exception) -> str:
    return f"{what}_{getattr(error, 'claim', '') or type(error).__name__}"


LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_MAX_AGE_S = 600
"""Maximum age of a logout token, in seconds. An older token counts as a replay, because providers
send tokens at once.
"""
LOGOUT_UNVERIFIABLE = (
    "Ce jeton de déconnexion ne peut pas être vérifié : aucune session n’est close."
)


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A session at the provider: the subject, and the session id if the provider gives it."""

    issuer: str
    subject: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class ProviderLogout:
    """Sessions that the provider ended: `ended.session`, or all sessions of `ended.subject`.

    `token_id` is only accepted once. It is stored until `until_s`, when the token is too old.
    """

    ended: ProviderSession
    token_id: str
    until_s: int


def checked_logout(
    header: Mapping[str, Any], claims: Mapping[str, Any], now_s: int, skew_s: int
) -> ProviderLogout:
    """Return the content of a logout token whose issuer, audience and lifetime were checked.

    Raises `ProviderRefused` if it is not a logout token, is too old, or names no session.
    """
    kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
    if kind not in _LOGOUT_TOKEN_TYPES:
        raise ProviderRefused("logout_typ", LOGOUT_UNVERIFIABLE)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise ProviderRefused("logout_events", LOGOUT_UNVERIFIABLE)
    # An ID token has a nonce, and must not be accepted as a logout token.
    if "nonce" in claims:
        raise ProviderRefused("logout_nonce", LOGOUT_UNVERIFIABLE)
    made_s = claims.get("iat")
    if not isinstance(made_s, int | float) or isinstance(made_s, bool):
        raise ProviderRefused("logout_iat", LOGOUT_UNVERIFIABLE)
    if not now_s - LOGOUT_MAX_AGE_S - skew_s <= made_s <= now_s + skew_s:
        raise ProviderRefused("logout_iat", LOGOUT_UNVERIFIABLE)
    names = {name: claims.get(name, "") for name in ("jti", "sub", "sid")}
    if not all(isinstance(one, str) and len(one) <= 2_000 for one in names.values()):
        raise ProviderRefused("logout_names", LOGOUT_UNVERIFIABLE)
    if not names["jti"] or not (names["sub"] or names["sid"]):
        raise ProviderRefused("logout_names", LOGOUT_UNVERIFIABLE)
    ended = ProviderSession(str(claims["iss"]), names["sub"], names["sid"])
    return ProviderLogout(ended, names["jti"], int(made_s) + LOGOUT_MAX_AGE_S + 2 * skew_s + 1)


_LOGOUT_TOKEN_TYPES = frozenset({"logout+jwt", "jwt"})
