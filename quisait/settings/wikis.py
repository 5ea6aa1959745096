"""Where a wiki is and with what password it is read, from a source's settings."""

import os

from connectors.errors import SourceRefused
from connectors.mediawiki.place import Manners, WikiPlace
from quisait.settings import SourceSettings, beside_file


def wiki_place(settings: SourceSettings) -> WikiPlace:
    """Raises `SourceRefused` where the password is missing or its file cannot be read."""
    return WikiPlace(
        url=settings.url,
        user=settings.user,
        password=_password(settings) if settings.user else "",
        namespaces=settings.namespaces,
        allowed=frozenset(settings.allowed),
        ca_file=str(beside_file(settings.ca_file)) if settings.ca_file else "",
        manners=Manners(rate_per_s=settings.rate_per_s),
    )


def _password(settings: SourceSettings) -> str:
    """From the environment, or from a file of its own; never from the settings' file."""
    variable = f"QUISAIT_PASSWORD_{settings.name.upper().replace('-', '_')}"
    if given := os.environ.get(variable):
        return given
    if not settings.password_file:
        raise SourceRefused(
            f"Le mot de passe de {settings.name} manque : donnez-le par la variable {variable}, "
            "ou réglez « password_file »."
        )
    try:
        return beside_file(settings.password_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceRefused(
            f"Le mot de passe de {settings.name} ne se lit pas : vérifiez « password_file »."
        ) from error
