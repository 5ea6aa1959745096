"""Find the agent of an access token that an application sends, by introspection (RFC 7662).

An application of La Suite searches in a person's name, with the token that the provider gave it for
that person. The provider tells the token's owner and the application that it was made for; a token
made for another application is refused.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol

from indexer.access import Reader
from search_api.identity.readers import Authorities, ReaderDirectory, reader_of
from search_api.sign_on.errors import (
    NoAgentReason,
    NotAnAgent,
    ProviderRefused,
    ProviderUnreachable,
)
from search_api.sign_on.identification import AgentRule, SignOnDirectory, agent_named
from search_api.sign_on.provider import Provider

log = logging.getLogger(__name__)

MAX_TOKEN_CHARS = 8_000
"""Maximum length of a token, in characters; a longer one is not sent to the provider."""

REFUSED = (
    "Le jeton présenté n’ouvre pas cette recherche : il est échu, ou il a été fait pour une autre "
    "application."
)


@dataclass(frozen=True, slots=True)
class IntrospectionRules:
    """Rules for tokens and the sources that they may search.

    `sources` maps an application's client id at the provider to the source that the application
    pushes to. `claim`: the member of the response that holds the client id. A token must have one
    of `scopes`. `skew_s` is in seconds.
    """

    sources: Mapping[str, str]
    claim: Literal["client_id", "aud"] = "client_id"
    scopes: frozenset[str] = frozenset({"openid"})
    skew_s: int = 30


@dataclass(frozen=True, slots=True)
class ApplicationReader:
    """The agent who searches from an application, and the application's source."""

    reader: Reader
    source: str


def token_source(claims: Mapping[str, Any], rules: IntrospectionRules, now_s: int) -> str:
    """Return the source that a token may search, by the introspection response.

    Raises `ProviderRefused` if the token is not active, expired or not valid yet, has none of the
    scopes, or was made for an application that the rules do not name.
    """
    if claims.get("active") is not True:
        raise ProviderRefused("introspection_inactive", REFUSED)
    if not now_s - rules.skew_s < _time(claims, "exp", otherwise=math.inf):
        raise ProviderRefused("introspection_exp", REFUSED)
    if not now_s + rules.skew_s >= _time(claims, "nbf", otherwise=-math.inf):
        raise ProviderRefused("introspection_nbf", REFUSED)
    scopes = claims.get("scope")
    if not isinstance(scopes, str) or rules.scopes.isdisjoint(scopes.split()):
        raise ProviderRefused("introspection_scope", REFUSED)
    named = claims.get(rules.claim)
    clients = [named] if isinstance(named, str) else named
    if not isinstance(clients, list) or len(clients) != 1 or not isinstance(clients[0], str):
        # Any of several applications could have passed the token on to another.
        raise ProviderRefused(f"introspection_{rules.claim}", REFUSED)
    source = rules.sources.get(clients[0])
    if source is None:
        raise ProviderRefused("introspection_other_client", REFUSED)
    return source


def _time(claims: Mapping[str, Any], name: str, otherwise: float) -> float:
    """Return a claim in seconds since 1970. Raises `ProviderRefused` if it is not a number."""
    value = claims.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ProviderRefused(f"introspection_{name}", REFUSED)
    return value


class ApplicationDirectory(SignOnDirectory, ReaderDirectory, Protocol):
    """Finds agents by their accounts, and what they may read."""


class ApplicationReaders:
    """Finds the readers of applications' access tokens. Thread-safe."""

    def __init__(
        self,
        provider: Provider,
        rules: IntrospectionRules,
        directory: ApplicationDirectory,
        authorities: Authorities,
        now_s: Callable[[], int],
        today: Callable[[], date],
    ) -> None:
        self._provider, self._rules = provider, rules
        self._directory, self._authorities = directory, authorities
        self._now_s, self._today = now_s, today

    def reader(self, token: str) -> ApplicationReader:
        """Return the agent in post who owns the token's account in the application's source.

        The provider is asked each time, so that a withdrawn token gives no access. Raises
        `ProviderUnreachable`, `ProviderRefused`, and `NotAnAgent` if no agent in post has the
        account.
        """
        try:
            if not 0 < len(token) <= MAX_TOKEN_CHARS:
                raise ProviderRefused("introspection_token", REFUSED)
            claims = self._provider.introspection(token)
            source = token_source(claims, self._rules, self._now_s())
            rule = AgentRule("sub", "account", source)
            agent = agent_named(claims, rule, self._directory, self._today())
            reader = reader_of(agent.id, self._directory, self._today())
            if reader.agent_id is None:
                raise NotAnAgent(NoAgentReason.UNKNOWN)
        except ProviderRefused as refusal:
            log.info("application token refused", extra={"reason": refusal.reason})
            raise
        except ProviderUnreachable:
            log.warning("application token not checked", extra={"reason": "unreachable"})
            raise
        return ApplicationReader(self._authorities.complete(reader), source)
