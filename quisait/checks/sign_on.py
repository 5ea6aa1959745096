"""Check of how agents are identified: signed tokens, or a provider's sign-on."""

from urllib.parse import urlsplit

from connectors.timeouts import call_with_timeout
from quisait.checks.machine import is_loopback
from quisait.settings import Settings

SIGN_ON_S = 20
"""Longest wait for a provider's two documents, in seconds, however slowly they arrive."""


def check_identity(settings: Settings) -> str:
    """Check the key of tokens and, if the settings have a sign-on, that its provider answers."""
    if settings.server.reader == "demo":
        return "démonstration : agent choisi, boucle locale seulement"
    if len(settings.server.token_key.encode()) < 32:
        raise ValueError(
            "la clé des jetons manque, ou a moins de 32 octets : « openssl rand -hex 32 » en fait "
            "une, à mettre dans secrets/server__token_key ou QUISAIT_SERVER__TOKEN_KEY"
        )
    if not settings.has_sign_on:
        return "jetons signés"
    late = (
        f"le fournisseur ne répond pas en {SIGN_ON_S} s : personne ne peut se connecter ; "
        "vérifiez [oidc] issuer, [signed_header] et le réseau"
    )
    return call_with_timeout(SIGN_ON_S, lambda: check_sign_on(settings), ValueError(late))


def check_sign_on(settings: Settings) -> str:
    """Return in French the available ways to sign on.

    Raises `ValueError` with the remedy if one of them would fail.
    """
    # Imported here: no other command needs a provider's libraries.
    from quisait.application.sign_on import open_keys, open_provider
    from search_api.sign_on.errors import ProviderRefused, SignOnFailed

    ways = []
    try:
        if provider := open_provider(settings):
            _require_tls("[sign_on] address", settings.sign_on.address)
            _require_tls("[oidc] issuer", settings.oidc.issuer)
            ways.append(f"{settings.oidc.issuer}, {provider.keys_count()} clés")
        if name := settings.signed_header.name:
            ways.append(f"en-tête {name}, {open_keys(settings).count()} clés")
    except ProviderRefused as error:
        raise ValueError(
            f"le fournisseur ne peut pas être cru ({error.reason}) : vérifiez [oidc] issuer, tel "
            "que sa page .well-known/openid-configuration le dit"
        ) from None
    except SignOnFailed:
        raise ValueError(
            "le fournisseur ne répond pas : vérifiez [oidc] issuer, ca_file et le réseau"
        ) from None
    return " ; ".join(ways)


def _require_tls(name: str, address: str) -> None:
    if urlsplit(address).scheme != "https" and not is_loopback(address):
        raise ValueError(f"{name} n'est pas en https : les sessions se voleraient sur le réseau")
