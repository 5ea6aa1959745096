"""La Suite's formats as a feature of quisait: find, SCIM, and searches in an agent's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quisait.features import Feature

if TYPE_CHECKING:
    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from quisait_lasuite.documents import SuiteDocuments
    from quisait_lasuite.introspection import ApplicationReaders
    from quisait_lasuite.scim_values import SuiteGroups
    from search_api.features import WebFeature


def _require(settings: Settings) -> None:
    """Require a provider that knows the tokens of applications, each of one source."""
    clients = [source.search_client for source in settings.sources if source.search_client]
    if clients and not settings.oidc.issuer:
        raise ValueError("search_client demande un fournisseur d'identité ([oidc] issuer)")
    if len(set(clients)) < len(clients):
        raise ValueError("deux sources ont le même search_client")


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    if not any(source.scim for source in settings.sources):
        return {}
    return {
        "data": (
            "Groupes que les applications de La Suite envoient (SCIM) : nom du groupe, identifiant "
            "et adresse de chaque membre, jusqu'à ce que l'application l'en ôte ; hors des "
            "sauvegardes.",
        )
    }


def _documents(application: Application) -> SuiteDocuments | None:
    """Return the receiver of documents; None if the settings name no source that pushes."""
    from quisait_lasuite.documents import SuiteDocuments, SuiteRules

    settings = application.settings
    rules = {
        source.name: SuiteRules(
            frozenset(source.open_reach), source.link, frozenset(source.file_hosts)
        )
        for source in settings.sources
        if source.kind == "push"
    }
    most_bytes = settings.push.max_document_bytes
    return SuiteDocuments(application.inbox, rules, most_bytes) if rules else None


def _groups(application: Application) -> SuiteGroups | None:
    """Return the receiver of groups; None if no source accepts groups."""
    from connectors.push.groups import PushedGroups
    from quisait.application.sources import sources_with_groups
    from quisait_lasuite.scim_values import SuiteGroups

    sources = sources_with_groups(application.settings)
    return SuiteGroups(PushedGroups(application.database), sources) if sources else None


def _readers(application: Application) -> ApplicationReaders | None:
    """Return the readers named by access tokens; None if no source has a `search_client`."""
    from quisait.application.sign_on import open_provider
    from quisait.clock import now_s, today
    from quisait_lasuite.introspection import ApplicationReaders, IntrospectionRules

    settings = application.settings
    sources = {one.search_client: one.name for one in settings.sources if one.search_client}
    provider = open_provider(settings) if sources and settings.server.reader != "demo" else None
    if provider is None:
        return None
    rules = settings.oidc
    scopes = frozenset(rules.introspection_scopes)
    return ApplicationReaders(
        provider,
        IntrospectionRules(sources, rules.introspection_claim, scopes, rules.skew_s),
        application.book,
        application.book,
        application.authorities,
        now_s,
        today,
    )


def _web(application: Application) -> WebFeature:
    from quisait_lasuite.service import LaSuite
    from quisait_lasuite.web import lasuite_web

    service = LaSuite(_documents(application), _groups(application), _readers(application))
    return lasuite_web(service)


FEATURE = Feature(name="lasuite", require=_require, report=_report, web=_web)
