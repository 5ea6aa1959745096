"""A provider's word that a session ended there: OpenID Connect Back-Channel Logout 1.0.

`logout_said` holds a logout token against section 2.6 of it; `Provider.logout` has seen to
its signature before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_api.catalogue.texts import marked
from search_api.sign_on.errors import ProviderRefused

EVENT = "http://schemas.openid.net/event/backchannel-logout"
FRESH_S = 600
"""A logout token older than that is a replay: providers send it when they make it."""
LOGOUT_UNBELIEVED = marked(
    "Ce jeton de déconnexion ne peut pas être vérifié : aucune session n’est close."
)


@dataclass(frozen=True, slots=True)
class AtProvider:
    """Whose session at the provider: its subject, and the session's own name where it has one."""

    issuer: str
    subject: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Logout:
    """Which sessions are over: of `whose.session`, or every one of `whose.subject`.

    `token_id` is the token's own, to be believed once; until `until_s`, when it is too old.
    """

    whose: AtProvider
    token_id: str
    until_s: int


def logout_said(
    header: Mapping[str, Any], claims: Mapping[str, Any], now_s: int, skew_s: int
) -> Logout:
    """What a logout token says whose issuer, audience and life were checked.

    Raises `ProviderRefused` where it is no logout token, is old, or names nobody.
    """
    if str(header.get("typ", "JWT")).lower().removeprefix("application/") not in _TYPES:
        raise ProviderRefused("logout_typ", LOGOUT_UNBELIEVED)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise ProviderRefused("logout_events", LOGOUT_UNBELIEVED)
    # An ID token has one: it must not pass for this.
    if "nonce" in claims:
        raise ProviderRefused("logout_nonce", LOGOUT_UNBELIEVED)
    made_s = claims.get("iat")
    if not isinstance(made_s, int | float) or isinstance(made_s, bool):
        raise ProviderRefused("logout_iat", LOGOUT_UNBELIEVED)
    if not now_s - FRESH_S - skew_s <= made_s <= now_s + skew_s:
        raise ProviderRefused("logout_iat", LOGOUT_UNBELIEVED)
    said = {name: claims.get(name, "") for name in ("jti", "sub", "sid")}
    if not all(isinstance(one, str) and len(one) <= 2_000 for one in said.values()):
        raise ProviderRefused("logout_names", LOGOUT_UNBELIEVED)
    if not said["jti"] or not (said["sub"] or said["sid"]):
        raise ProviderRefused("logout_names", LOGOUT_UNBELIEVED)
    whose = AtProvider(str(claims["iss"]), said["sub"], said["sid"])
    return Logout(whose, said["jti"], int(made_s) + FRESH_S + 2 * skew_s + 1)


_TYPES = frozenset({"logout+jwt", "jwt"})
