"""Find the agent who signs on.

The claims of a provider or of a signed header name an agent by one configured rule, never by a
guess. The header is set by a reverse proxy and holds a JWT (RFC 7519) for this audience; an
unsigned header is never trusted.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

from connectors.values import Agent
from search_api.sign_on.errors import NoAgentReason, NotAnAgent, ProviderRefused
from search_api.sign_on.provider import Provider
from search_api.sign_on.sessions import SignOnCookies, SqlPersonalTokens, SqlSessions
from search_api.sign_on.signed_tokens import (
    ClaimRules,
    Claims,
    KeyOf,
    checked_claims,
    signed_claims,
)

log = logging.getLogger(__name__)

_MAX_CLAIM_CHARS = 500


class SignOnDirectory(Protocol):
    """Finds agents in the directory by the claims of a provider."""

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent with this id, or None."""

    def owner_of(self, account: str) -> Agent | None:
        """Return the owner of an account (`source:name`) in the directory, or None.

        Agents who withdrew from that source are found, too, so that they can sign on by their
        account and take the withdrawal back.
        """

    def by_email(self, email: str) -> tuple[Agent, ...]:
        """Return every agent with this address; case is ignored."""


@dataclass(frozen=True, slots=True)
class AgentRule:
    """The claim that names an agent, and the agent's field that it holds.

    `source` is the account's source, if the claim holds an account. `accepted`: the accepted values
    of some claims, such as the identity provider behind ProConnect or an organisation's SIRET.
    `email_trusted`: addresses are trusted even if the provider does not say `email_verified`.
    """

    claim: str = "uid"
    by: Literal["id", "email", "account"] = "id"
    source: str = ""
    accepted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    email_trusted: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The claims that together name an agent; all are read from the same document."""
        verified = self.by == "email" and not self.email_trusted
        return frozenset({self.claim, *self.accepted} | ({"email_verified"} if verified else set()))


def agent_named(
    claims: Mapping[str, Any], rule: AgentRule, known: SignOnDirectory, today: date
) -> Agent:
    """Return the only agent in post whom the claims name. Raises `NotAnAgent`."""
    for name, values in rule.accepted.items():
        found = claims.get(name)
        if not isinstance(found, str) or found not in values:
            raise NotAnAgent(NoAgentReason.NOT_ACCEPTED)
    value = claims.get(rule.claim)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_CLAIM_CHARS:
        raise NotAnAgent(NoAgentReason.CLAIM_MISSING)
    if rule.by == "email" and not rule.email_trusted and claims.get("email_verified") is not True:
        raise NotAnAgent(NoAgentReason.EMAIL_UNVERIFIED)
    agents = [agent for agent in _matching_agents(value, rule, known) if not agent.departed(today)]
    if not agents:
        raise NotAnAgent(NoAgentReason.UNKNOWN)
    if len(agents) > 1:
        raise NotAnAgent(NoAgentReason.AMBIGUOUS)
    return agents[0]


def _matching_agents(value: str, rule: AgentRule, known: SignOnDirectory) -> Iterable[Agent]:
    if rule.by == "email":
        return known.by_email(value)
    agent = known.owner_of(f"{rule.source}:{value}") if rule.by == "account" else known.agent(value)
    return [agent] if agent else []


@dataclass(frozen=True, slots=True)
class SignedHeaderRules:
    """Name of the header, and what its token must contain. `skew_s` is in seconds."""

    name: str
    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    skew_s: int = 30


class SignedHeader:
    """Reads the agent's id from the token of a header."""

    def __init__(
        self,
        rules: SignedHeaderRules,
        key_of: KeyOf,
        rule: AgentRule,
        known: SignOnDirectory,
        now_s: Callable[[], int],
        today: Callable[[], date],
    ) -> None:
        self.rules, self._key_of = rules, key_of
        self._rule, self._known = rule, known
        self._now_s, self._today = now_s, today

    def agent_id(self, token: str) -> str | None:
        """Return the agent that a token names, or None if the token cannot be verified.

        Raises `NotAnAgent`, and `ProviderUnreachable` if the keys cannot be fetched.
        """
        try:
            return agent_named(self._claims(token), self._rule, self._known, self._today()).id
        except ProviderRefused as error:
            log.warning("signed header refused", extra={"reason": error.reason})
        except NotAnAgent as error:
            log.warning("signed header names no agent", extra={"reason": error.why.value})
            raise
        return None

    def _claims(self, token: str) -> Mapping[str, Any]:
        _, claims = signed_claims(token, self._key_of, self.rules.algorithms, "header")
        return checked_claims(
            claims,
            "header",
            ClaimRules(self.rules.issuer, self.rules.audience, self.rules.skew_s),
            self._now_s(),
        )


@dataclass(frozen=True, slots=True)
class SignOn:
    """Dependencies of the sign-on routes.

    `provider` is None if a reverse proxy identifies readers, `tokens` if personal tokens are not
    allowed. `address`: this site's origin, as readers know it. `whom_to_ask`: a French noun phrase.
    `now_s` returns whole seconds since 1970.
    """

    address: str
    provider: Provider | None
    sessions: SqlSessions
    tokens: SqlPersonalTokens | None
    cookies: SignOnCookies
    rule: AgentRule
    known: SignOnDirectory
    whom_to_ask: str
    now_s: Callable[[], int]
    today: Callable[[], date]

    def agent_named(self, claims: Claims) -> Agent:
        """Return the agent whom the claims name. Raises `NotAnAgent`."""
        return agent_named(claims, self.rule, self.known, self.today())
