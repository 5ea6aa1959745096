"""La Suite's formats as a feature of quisait: find, SCIM, and searches in an agent's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SourceStore

if TYPE_CHECKING:
    import sqlalchemy as sa
    from quisait_push.options import PushOptions

    from expertise.directory import GroupMemberships
    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from quisait_lasuite.documents import SuiteDocuments
    from quisait_lasuite.introspection import ApplicationReaders
    from quisait_lasuite.scim_values import SuiteGroups
    from search_api.features import WebFeature


def _require(settings: Settings) -> None:
    """Require a provider that knows the tokens of applications, each of one source."""
    clients = [options.search_client for options in _searching(settings).values()]
    if clients and not settings.oidc.issuer:
        raise ValueError("search_client demande un fournisseur d'identité ([oidc] issuer)")
    if len(set(clients)) < len(clients):
        raise ValueError("deux sources ont le même search_client")


def _searching(settings: Settings) -> Mapping[str, PushOptions]:
    """Return the options of the sources whose application searches in an agent's name."""
    from quisait_push.settings import push_sources

    sources = push_sources(settings).items()
    return {name: options for name, options in sources if options.search_client}


def _with_groups(settings: Settings) -> frozenset[str]:
    """Return the names of the sources whose application pushes its groups."""
    from quisait_push.settings import push_sources

    return frozenset(name for name, options in push_sources(settings).items() if options.scim)


def _tables() -> Sequence[sa.MetaData]:
    from quisait_lasuite.groups import metadata

    return (metadata,)


def _forget_agent(connection: sa.Connection, agent_id: str) -> int:
    from quisait_lasuite.groups import forget_agent

    return forget_agent(connection, agent_id)


def _source_stores(database: sa.Engine) -> Sequence[SourceStore]:
    from quisait_lasuite.groups import GroupStore

    return (GroupStore(database),)


def _memberships(settings: Settings, database: sa.Engine) -> Sequence[GroupMemberships]:
    from quisait_lasuite.groups import PushedMemberships

    sources = _with_groups(settings)
    return (PushedMemberships(database, sources),) if sources else ()


def _checks(settings: Settings) -> Mapping[str, Callable[[], str]]:
    return (
        {"recherche des applications": partial(_check_search, settings)}
        if _searching(settings)
        else {}
    )


def _check_search(settings: Settings) -> str:
    """Check that the provider tells whose token it is given. Raises `ValueError` if not."""
    from quisait.application.sign_on import open_provider
    from search_api.sign_on.errors import ProviderRefused, SignOnFailed

    provider = open_provider(settings)
    assert provider is not None  # noqa: S101 - `_require` demands one
    try:
        provider.introspection_endpoint()
    except ProviderRefused as error:
        if error.reason == "no_introspection":
            raise ValueError(
                "le fournisseur ne dit pas à qui est un jeton (« introspection_endpoint ») : "
                "videz search_client dans [[sources]], ou demandez-le-lui"
            ) from None
        raise ValueError(
            f"le fournisseur ne peut pas être cru ({error.reason}) : vérifiez [oidc] issuer"
        ) from None
    except SignOnFailed:
        raise ValueError(
            "le fournisseur ne répond pas : vérifiez [oidc] issuer, ca_file et le réseau"
        ) from None
    return "le fournisseur dit à qui est un jeton"


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    if not _with_groups(settings):
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
    from quisait_push.settings import push_sources
    from quisait_push.sources import open_inbox, push_limits

    from quisait_lasuite.documents import SuiteDocuments, SuiteRules

    settings = application.settings
    rules = {
        name: SuiteRules(frozenset(options.open_reach), options.link, frozenset(options.file_hosts))
        for name, options in push_sources(settings).items()
    }
    inbox = open_inbox(settings, application.database)
    return SuiteDocuments(inbox, rules, push_limits(settings).document_bytes) if rules else None


def _groups(application: Application) -> SuiteGroups | None:
    """Return the receiver of groups; None if no source accepts groups."""
    from quisait_lasuite.groups import PushedGroups
    from quisait_lasuite.scim_values import SuiteGroups

    sources = _with_groups(application.settings)
    return SuiteGroups(PushedGroups(application.database), sources) if sources else None


def _readers(application: Application) -> ApplicationReaders | None:
    """Return the readers named by access tokens; None if no source has a `search_client`."""
    from quisait.application.sign_on import open_provider
    from quisait.clock import now_s, today
    from quisait_lasuite.introspection import ApplicationReaders, IntrospectionRules

    settings = application.settings
    sources = {options.search_client: name for name, options in _searching(settings).items()}
    provider = open_provider(settings) if sources and settings.server.reader != "demo" else None
    if provider is None:
        return None
    rules = settings.oidc
    scopes = frozenset(rules.introspection_scopes)
    return ApplicationReaders(
        provider,
        IntrospectionRules(sources, rules.introspection_claim, scopes, rules.skew_s),
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


FEATURE = Feature(
    name="lasuite",
    require=_require,
    tables=_tables,
    accesses={"pushed_groups": "groupes poussés"},
    forget_agent=_forget_agent,
    source_stores=_source_stores,
    memberships=_memberships,
    checks=_checks,
    report=_report,
    web=_web,
)
