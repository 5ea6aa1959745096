"""Check sign-on: the provider answers, and the settings leave nothing open."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from quisait.settings import Settings


def has_sign_on(settings: Settings) -> bool:
    """Whether the settings name a provider or a header that says who reads."""
    return bool(settings.oidc.issuer or settings.signed_header.name)


def check_sign_on(settings: Settings) -> str:
    """What was seen of each way. Raises `ValueError` with what to do where one would fail."""
    # Imported here: a provider's libraries are asked for by no other command.
    from quisait.application.oidc import open_keys, open_provider
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
    parts = urlsplit(address)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return
    try:
        loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"{name} n'est pas en https : les sessions se voleraient sur le réseau")
