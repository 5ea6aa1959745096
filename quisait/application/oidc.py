"""The identity provider and the reverse proxy's keys, from the settings."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from quisait.clock import now_s
from quisait.settings import Settings, beside_file
from search_api.sign_on.provider import Provider, ProviderHttp, ProviderRules, fetch_object
from search_api.sign_on.verification import ProviderKeys

CALLBACK = "/sign-on/callback"


def open_provider(settings: Settings) -> Provider | None:
    """The provider; nothing is requested yet. Raises `ValueError` without an own address."""
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
        skew_s=asked.skew_s,
        http=provider_http_of(settings),
    )
    return Provider(rules, now_s)


def provider_http_of(settings: Settings) -> ProviderHttp:
    """How requests to a provider are sent."""
    file = settings.oidc.ca_file
    return ProviderHttp(settings.oidc.timeout_s, str(beside_file(file)) if file else "")


def open_keys(settings: Settings) -> ProviderKeys:
    """The reverse proxy's keys. Raises `ValueError` where their file cannot be read."""
    asked = settings.signed_header
    if asked.keys_url:
        how = provider_http_of(settings)
        return ProviderKeys(lambda: fetch_object(asked.keys_url, how), now_s)
    path = beside_file(asked.keys_file)
    read_keys(path)
    return ProviderKeys(lambda: read_keys(path), now_s)


def read_keys(path: Path) -> dict[str, Any]:
    """The JWK set of a file, or of its one public key in PEM. Raises `ValueError`."""
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
