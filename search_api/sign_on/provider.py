"""An OpenID Connect provider, such as ProConnect: authorization code flow with PKCE.

Read `Provider.authorization_address` first, then `Provider.identity`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from search_api.sign_on.errors import ProviderRefused, ProviderUnreachable, logged_reason
from search_api.sign_on.sessions import SignOnAttempt
from search_api.sign_on.signed_tokens import (
    UNVERIFIABLE,
    CachedFetch,
    ClaimRules,
    Claims,
    ProviderKeys,
    ProviderLogout,
    ProviderSession,
    checked_claims,
    checked_logout,
    id_token_claims,
    signed_claims,
)

UNREACHABLE = (
    "Le fournisseur d’identité ne répond pas : personne ne peut se connecter pour l’instant. "
    "Réessayez dans quelques minutes."
)
_AUTHENTICATION_CLAIMS = frozenset({"acr", "amr", "auth_time"})
"""Claims about the authentication (OpenID Connect Core 1.0, 2), read only from the ID token."""
_SIGNED_INTROSPECTION = "application/token-introspection+jwt"
"""The media type of a signed introspection response (RFC 9701, 4); its `typ` is the same."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")


@dataclass(frozen=True, slots=True)
class ProviderHttp:
    """HTTP options for the provider: a timeout, no redirect, a checked certificate."""

    timeout_s: float = 10.0
    ca_file: str = ""

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments for `requests`."""
        verify: str | bool = self.ca_file or True
        return {"timeout": self.timeout_s, "allow_redirects": False, "verify": verify}


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """The registration of this client at the provider, and the accepted values.

    Times are in seconds.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: str = "openid"
    acr_values: str = ""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    signed_userinfo: bool = True
    skew_s: int = 30
    http: ProviderHttp = ProviderHttp()
    signed_introspection: bool = False


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """The identified person: claims of the ID token, and of userinfo for the same `sub`.

    `id_token` is kept for signing off at the provider.
    """

    claims: Claims
    userinfo: Claims
    id_token: str = field(repr=False)

    def naming_claims(self, names: Collection[str]) -> Claims:
        """Return the claims to find the agent by, all from the ID token or all from userinfo.

        The document with more of `names` is chosen, or the ID token if both have the same number.
        Claims are not mixed, because the `email_verified` of one document does not verify the
        address in the other. Claims about the authentication always come from the ID token and are
        not counted, because ProConnect gives them there and names the person in userinfo.
        """
        counted = set(names) - _AUTHENTICATION_CLAIMS
        chosen = max((self.claims, self.userinfo), key=lambda one: len(one.keys() & counted))
        how = {name: value for name, value in self.claims.items() if name in _AUTHENTICATION_CLAIMS}
        return {
            name: value for name, value in chosen.items() if name not in _AUTHENTICATION_CLAIMS
        } | how

    def provider_session(self) -> ProviderSession:
        """Return the session at the provider."""
        session = self.claims.get("sid")
        named = session if isinstance(session, str) else ""
        return ProviderSession(str(self.claims["iss"]), str(self.claims["sub"]), named)


class Provider:
    """An identity provider. Thread-safe. `now_s` returns whole seconds since 1970."""

    def __init__(self, rules: ProviderRules, now_s: Callable[[], int]) -> None:
        self.rules, self._now_s = rules, now_s
        self._metadata = CachedFetch(self._discovered, now_s)
        self._keys = ProviderKeys(
            lambda: fetch_object(self.metadata()["jwks_uri"], rules.http), now_s
        )

    def authorization_address(self, attempt: SignOnAttempt) -> str:
        """Return the address for signing on. Raises `ProviderUnreachable`, `ProviderRefused`."""
        asked = {"nonce": attempt.nonce, "code_verifier": attempt.verifier}
        if self.rules.acr_values:
            asked["acr_values"] = self.rules.acr_values
        address, _ = self._client().create_authorization_url(
            self.metadata()["authorization_endpoint"], state=attempt.state, **asked
        )
        return str(address)

    def identity(
        self, code: str, issuer_said: str | None, attempt: SignOnAttempt
    ) -> ProviderIdentity:
        """Return the identity behind an authorization code.

        `issuer_said` is the answer's `iss` (RFC 9207): if it is another provider's, the code is not
        sent. Raises `ProviderUnreachable` and `ProviderRefused`.
        """
        metadata = self.metadata()
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer_said != self.rules.issuer and (promised or issuer_said is not None):
            raise ProviderRefused("other_issuer", UNVERIFIABLE)
        token = self._token(code, attempt)
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise ProviderRefused("no_id_token", UNVERIFIABLE)
        claims = id_token_claims(
            signed_claims(id_token, self._keys, self.rules.algorithms, "id_token"),
            ClaimRules(self.rules.issuer, self.rules.client_id, self.rules.skew_s),
            nonce=attempt.nonce,
            access_token=access_token,
            now_s=self._now_s(),
        )
        return ProviderIdentity(claims, self._userinfo(access_token, claims["sub"]), id_token)

    def logout(self, token: str) -> ProviderLogout:
        """Return the sessions that a logout token ends.

        Raises `ProviderUnreachable` and `ProviderRefused`.
        """
        header, claims = self._signed(token, "logout")
        return checked_logout(header, claims, self._now_s(), self.rules.skew_s)

    def access_token(self, token: str, audience: str) -> Claims:
        """Return the claims of a person's access token for this audience alone (RFC 9068).

        A token for several audiences is refused, because one audience could pass it on to another.
        The token of an application without a person names the application as its subject. Raises
        `ProviderUnreachable` and `ProviderRefused`.
        """
        header, claims = self._signed(token, "access_token", audience, expires=True)
        # Another signed token of the provider must not be accepted as an access token.
        if str(header.get("typ", "")).lower().removeprefix("application/") != "at+jwt":
            raise ProviderRefused("access_token_typ", UNVERIFIABLE)
        if claims["aud"] not in (audience, [audience]):
            raise ProviderRefused("access_token_aud", UNVERIFIABLE)
        subject, client = claims.get("sub"), claims.get("client_id")
        if not isinstance(client, str) or not isinstance(subject, str) or subject == client:
            raise ProviderRefused("access_token_client", UNVERIFIABLE)
        return claims

    def introspection(self, access_token: str) -> Claims:
        """Return the claims of an access token: `active`, and its owner if it is active.

        The answer follows RFC 7662, or is signed by RFC 9701; encrypted answers are not supported.
        Raises `ProviderUnreachable`, `ProviderRefused`.
        """
        endpoint = self.introspection_endpoint()
        accepted = _SIGNED_INTROSPECTION if self.rules.signed_introspection else "application/json"
        try:
            response = self._client().introspect_token(
                endpoint,
                token=access_token,
                token_type_hint="access_token",  # noqa: S106 - a kind of token
                headers={"Accept": accepted, "Content-Type": "application/x-www-form-urlencoded"},
                **self.rules.http.options(),
            )
        except requests.RequestException:
            raise ProviderUnreachable(UNREACHABLE) from None
        _checked_status(response)
        if _media_type(response) != _SIGNED_INTROSPECTION:
            if self.rules.signed_introspection:
                raise ProviderRefused("introspection_unsigned", UNVERIFIABLE)
            return self._own_introspection(_object(response))
        header, claims = self._signed(response.text.strip(), "introspection")
        said = claims.get("token_introspection")
        if header.get("typ") != _SIGNED_INTROSPECTION.removeprefix("application/") or not (
            isinstance(said, dict)
        ):
            # Another signed token of the provider must not be accepted as this answer.
            raise ProviderRefused("introspection_typ", UNVERIFIABLE)
        return self._own_introspection(said)

    def introspection_endpoint(self) -> str:
        """Return the introspection address. Raises `ProviderRefused` if there is none."""
        endpoint = self.metadata().get("introspection_endpoint")
        if not isinstance(endpoint, str) or not self._trusted(endpoint):
            raise ProviderRefused("no_introspection", UNVERIFIABLE)
        return endpoint

    def _own_introspection(self, said: dict[str, Any]) -> Claims:
        if said.get("iss", self.rules.issuer) != self.rules.issuer:
            raise ProviderRefused("introspection_iss", UNVERIFIABLE)
        return said

    def end_address(self, id_token: str, back: str) -> str | None:
        """Return the provider's page for signing off, or None if there is no such page."""
        end = self.metadata().get("end_session_endpoint")
        if not isinstance(end, str) or not self._trusted(end):
            return None
        asked = {"client_id": self.rules.client_id, "post_logout_redirect_uri": back}
        if id_token:
            asked["id_token_hint"] = id_token
        return f"{end}{'&' if '?' in end else '?'}{urlencode(asked)}"

    def metadata(self) -> Mapping[str, Any]:
        """Return the provider's metadata (OpenID Connect Discovery 1.0)."""
        return self._metadata.now()

    def keys_count(self) -> int:
        """Return the number of published signing keys, to check the settings."""
        return self._keys.count()

    def _discovered(self) -> Mapping[str, Any]:
        issuer = self.rules.issuer
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        found = fetch_object(address, self.rules.http)
        if found.get("issuer") != issuer:
            raise ProviderRefused("discovered_issuer", UNVERIFIABLE)
        for name in _ENDPOINTS:
            if not isinstance(found.get(name), str) or not self._trusted(found[name]):
                raise ProviderRefused(f"discovered_{name}", UNVERIFIABLE)
        return found

    def _trusted(self, endpoint: str) -> bool:
        """Return whether an endpoint uses TLS; plain http is allowed only if the issuer uses it."""
        scheme = urlsplit(endpoint).scheme
        return scheme == "https" or scheme == urlsplit(self.rules.issuer).scheme == "http"

    def _token(self, code: str, attempt: SignOnAttempt) -> Mapping[str, Any]:
        try:
            token = self._client().fetch_token(
                self.metadata()["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.verifier,
                **self.rules.http.options(),
            )
        except OAuthError as error:
            raise ProviderRefused(logged_reason("token", error.error), UNVERIFIABLE) from None
        except requests.RequestException:
            raise ProviderUnreachable(UNREACHABLE) from None
        except (ValueError, TypeError, KeyError):
            raise ProviderRefused("token_malformed", UNVERIFIABLE) from None
        return dict(token)

    def _userinfo(self, access_token: str, subject: str) -> Claims:
        bearer = {"Authorization": f"Bearer {access_token}"}
        response = get_response(self.metadata()["userinfo_endpoint"], bearer, self.rules.http)
        if _media_type(response) == "application/jwt":
            _, claims = self._signed(response.text.strip(), "userinfo")
        elif self.rules.signed_userinfo:
            raise ProviderRefused("userinfo_unsigned", UNVERIFIABLE)
        else:
            claims = _object(response)
        if claims.get("sub") != subject:
            raise ProviderRefused("userinfo_sub", UNVERIFIABLE)
        return claims

    def _signed(
        self, token: str, what: str, audience: str | None = None, *, expires: bool = False
    ) -> tuple[Mapping[str, Any], Claims]:
        """Return (header, claims) of a token that this provider signed for this audience.

        Without `audience`, the token's audience must be this client; with `expires`, the token must
        have an end. Raises `ProviderRefused`.
        """
        rules = self.rules
        header, claims = signed_claims(token, self._keys, rules.algorithms, what)
        checked_claims(
            claims,
            what,
            ClaimRules(
                rules.issuer,
                rules.client_id if audience is None else audience,
                rules.skew_s,
                expires,
            ),
            self._now_s(),
        )
        return header, claims

    def _client(self) -> OAuth2Session:
        rules, offered = self.rules, self.metadata().get("token_endpoint_auth_methods_supported")
        posts = isinstance(offered, list) and "client_secret_post" in offered
        return OAuth2Session(
            rules.client_id,
            rules.client_secret,
            token_endpoint_auth_method="client_secret_post" if posts else "client_secret_basic",
            scope=rules.scopes,
            redirect_uri=rules.redirect_uri,
            code_challenge_method="S256",
        )


def fetch_object(address: str, how: ProviderHttp) -> dict[str, Any]:
    """Return a JSON object of a provider. Raises `ProviderUnreachable`, `ProviderRefused`."""
    return _object(get_response(address, {"Accept": "application/json"}, how))


def get_response(address: str, headers: Mapping[str, str], how: ProviderHttp) -> requests.Response:
    """Return a provider's response with status 200.

    Raises `ProviderUnreachable` and `ProviderRefused`.
    """
    try:
        response = requests.get(  # noqa: S113 - `options` has one
            address, headers=dict(headers), auth=_no_netrc, **how.options()
        )
    except requests.RequestException:
        raise ProviderUnreachable(UNREACHABLE) from None
    _checked_status(response)
    return response


def _checked_status(response: requests.Response) -> None:
    if response.status_code >= 500 or response.status_code == 429:
        raise ProviderUnreachable(UNREACHABLE)
    if response.status_code != 200:
        raise ProviderRefused(f"status_{response.status_code}", UNVERIFIABLE)


def _media_type(response: requests.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Change nothing. Without this `auth`, `requests` would send credentials from `~/.netrc`.

    The environment's proxies are still used.
    """
    return request


def _object(response: requests.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderRefused("not_json", UNVERIFIABLE)
    return found
