"""The assembly of sources: settings become connectors. With `assembly`, it names adapters."""

import os

from connectors.errors import SourceRefused
from connectors.export import ExportConnector
from connectors.folder import FolderConnector
from connectors.mediawiki import MediaWikiConnector
from connectors.mediawiki_place import Manners, WikiPlace
from connectors.ports import Connector
from connectors.push import PushConnector
from connectors.push_inbox import Inbox
from connectors.values import Access
from quisait.settings import SourceSettings, beside_file


def open_source(settings: SourceSettings, inbox: Inbox | None) -> Connector:
    """The connector of one source. The inbox is what one that pushes is read from.

    Raises `SourceRefused` where a password's file cannot be read.
    """
    if settings.kind == "push":
        assert inbox is not None  # noqa: S101 - nothing else can be read
        return PushConnector(settings.name, inbox)
    if settings.kind == "mediawiki":
        return MediaWikiConnector(settings.name, _wiki_place(settings))
    path = beside_file(settings.path)
    if settings.kind == "export":
        return ExportConnector(settings.name, path)
    return FolderConnector(settings.name, path, default_access=Access(frozenset(settings.allowed)))


def _wiki_place(settings: SourceSettings) -> WikiPlace:
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
