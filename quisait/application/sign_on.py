"""Open sign-on by OpenID Connect from the settings."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from quisait.clock import now_s, today
from quisait.settings import Settings, beside_file, file_named
from quisait.settings.types import seconds_of
from search_api.authorization import (
    IdentifiedReaders,
    bearer,
    session_cookie,
    signed_header,
    token_cookie,
)
from search_api.identity.readers import ReaderDirectory
from search_api.identity.tokens import SignedTokens
from search_api.sign_on.identification import (
    AgentRule,
    SignedHeader,
    SignedHeaderRules,
    SignOn,
    SignOnDirectory,
)
from search_api.sign_on.provider import Provider, ProviderHttp, ProviderRules, fetch_object
from search_api.sign_on.sessions import SessionLimits, SignOnCookies, SqlPersonalTokens, SqlSessions
from search_api.sign_on.signed_tokens import ProviderKeys

CALLBACK = "/sign-on/callback"


def open_provider(settings: Settings) -> Provider | None:
    """Return the provider without sending a request; None if the settings name no issuer.

    Raises `ValueError` if the settings do not give this site's address.
    """
    asked, address = settings.oidc, settings.sign_on.address
    if not asked.issuer:
        return None
    if not address:
        raise ValueError("[oidc] demande l'adresse de quisait : réglez [sign_on] address.")
    rules = ProviderRules(
        issuer=asked.issuer,
        client_id=asked.client_id,
        client_secret=asked.client_secret,
        redirect_uri=address + CALLBACK,
        scopes=asked.scopes,
        acr_values=asked.acr_values,
        algorithms=tuple(asked.algorithms),
        signed_userinfo=asked.signed_userinfo,
        signed_introspection=asked.signed_introspection,
        skew_s=asked.skew_s,
        http=provider_http_of(settings),
    )
    return Provider(rules, now_s)


def provider_http_of(settings: Settings) -> ProviderHttp:
    """Return the timeout and the CA file for requests to a provider."""
    return ProviderHttp(settings.oidc.timeout_s, file_named(settings.oidc.ca_file))


def open_keys(settings: Settings) -> ProviderKeys:
    """Return the reverse proxy's keys. Raises `ValueError` if their file cannot be read."""
    asked = settings.signed_header
    if asked.keys_url:
        how = provider_http_of(settings)
        return ProviderKeys(lambda: fetch_object(asked.keys_url, how), now_s)
    path = beside_file(asked.keys_file)
    read_keys(path)
    return ProviderKeys(lambda: read_keys(path), now_s)


def read_keys(path: Path) -> dict[str, Any]:
    """Return the JWK set of a file, or of the one public key in a PEM file. Raises `ValueError`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"[signed_header] keys_file : {path} ne se lit pas.") from error
    if "-----BEGIN" in text:
        for kind in (RSAKey, ECKey, OKPKey):
            with suppress(JoseError, ValueError, TypeError):
                return {"keys": [kind.import_key(text).as_dict(private=False)]}
    else:
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict) and isinstance(found.get("keys"), list):
                return found
    raise ValueError(f"[signed_header] keys_file : {path} n'est ni un JWKS ni une clé PEM.")


def open_sign_on(settings: Settings, database: sa.Engine, known: SignOnDirectory) -> SignOn | None:
    """Return the dependencies of the sign-on routes; None if the settings configure no sign-on.

    Raises `ValueError` if the provider needs this site's address and the settings give none.
    """
    if not settings.has_sign_on:
        return None
    asked = settings.sign_on
    return SignOn(
        address=asked.address,
        provider=open_provider(settings),
        sessions=open_sessions(settings, database),
        tokens=open_personal_tokens(settings, database),
        cookies=SignOnCookies(secure=asked.address.startswith("https://")),
        rule=agent_rule(settings),
        known=known,
        whom_to_ask=asked.whom_to_ask,
        now_s=now_s,
        today=today,
    )


def open_readers(
    settings: Settings, sign_on: SignOn | None, agents: ReaderDirectory, tokens: SignedTokens
) -> IdentifiedReaders:
    """Return the ways to identify a reader, in order of precedence."""
    ways = [bearer(tokens, sign_on.tokens if sign_on else None, now_s)]
    if sign_on and settings.signed_header.name:
        ways.append(signed_header(open_signed_header(settings, sign_on)))
    if sign_on and sign_on.provider:
        ways.append(session_cookie(sign_on.sessions, sign_on.cookies))
    ways.append(token_cookie(tokens, now_s))
    return IdentifiedReaders(ways, agents, today)


def open_sessions(settings: Settings, database: sa.Engine) -> SqlSessions:
    """Return the sessions in the state's database, with the settings' timeouts."""
    asked = settings.sign_on
    limits = SessionLimits(seconds_of(asked.idle), seconds_of(asked.absolute))
    return SqlSessions(database, limits, now_s)


def open_personal_tokens(settings: Settings, database: sa.Engine) -> SqlPersonalTokens | None:
    """Return the personal tokens; None if the settings do not allow any."""
    days = settings.sign_on.token_days
    return SqlPersonalTokens(database, days, now_s) if days else None


def agent_rule(settings: Settings) -> AgentRule:
    """Return the rule that finds the agent named by the claims."""
    asked = settings.sign_on
    return AgentRule(
        asked.claim,
        asked.agent_by,
        asked.account_source,
        {name: frozenset(values) for name, values in asked.accepted.items()},
        asked.email_trusted,
    )


def open_signed_header(settings: Settings, sign_on: SignOn) -> SignedHeader:
    """Return the signed header's reader. Raises `ValueError` if its key file cannot be read."""
    asked = settings.signed_header
    rules = SignedHeaderRules(
        asked.name, asked.issuer, asked.audience, tuple(asked.algorithms), asked.skew_s
    )
    keys = open_keys(settings)
    return SignedHeader(rules, keys, sign_on.rule, sign_on.known, now_s, today)
