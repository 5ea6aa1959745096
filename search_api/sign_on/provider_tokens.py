"""What a provider signed, believed only once everything about it holds."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key

from search_api.sign_on.errors import ProviderRefused
from search_api.sign_on.provider_keys import UNBELIEVED

Claims = Mapping[str, Any]
KeyOf = Callable[[Mapping[str, Any]], Key]

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "Ed25519")  # fmt: skip
"""Algorithms that settings may name: with all others who checks could also sign."""


def signed_claims(
    token: str, key_of: KeyOf, algorithms: Collection[str], what: str
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """(header, claims) of a token whose signature holds. `what` names it in the journal."""
    chosen = [one for one in algorithms if one in ASYMMETRIC]
    try:
        decoded = jwt.decode(token, lambda one: key_of(one.headers()), algorithms=chosen)
    except (JoseError, ValueError, TypeError):
        raise ProviderRefused(f"{what}_signature", UNBELIEVED) from None
    return decoded.header, decoded.claims


def id_token_claims(
    signed: tuple[Mapping[str, Any], dict[str, Any]],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    now_s: int,
    skew_s: int,
) -> Claims:
    """As OpenID Connect Core 1.0, 3.1.3.7 asks; else `ProviderRefused`."""
    header, claims = signed
    options = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
        "sub": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    expected = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    try:
        CodeIDToken(claims, header, options, expected).validate(now=now_s, leeway=skew_s)
    except (JoseError, ValueError, TypeError) as error:
        raise ProviderRefused(_claim_of("id_token", error), UNBELIEVED) from None
    for name, kind in (("sub", str), ("nonce", str), ("exp", int | float), ("iat", int | float)):
        if not isinstance(claims[name], kind) or isinstance(claims[name], bool):
            raise ProviderRefused(f"id_token_{name}", UNBELIEVED)
    return claims


def checked_claims(
    claims: dict[str, Any],
    what: str,
    *,
    issuer: str,
    audience: str,
    now_s: int,
    skew_s: int,
    expires: bool,
) -> Claims:
    """Of another token of the same signer: issuer, audience and life; else `ProviderRefused`."""
    rules = jwt.JWTClaimsRegistry(
        now=now_s,
        leeway=skew_s,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": expires},
    )
    try:
        rules.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise ProviderRefused(_claim_of(what, error), UNBELIEVED) from None
    return claims


def _claim_of(what: str, error: Exception) -> str:
    return f"{what}_{getattr(error, 'claim', '') or type(error).__name__}"
