"""What the routes of sign-on need, handed over by the assembly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from connectors.values import Agent
from search_api.sign_on.cookies import Cookies
from search_api.sign_on.naming import AgentRule, KnownAgents, agent_named
from search_api.sign_on.personal_tokens import SqlPersonalTokens
from search_api.sign_on.provider import Provider
from search_api.sign_on.provider_tokens import Claims
from search_api.sign_on.sessions import SqlSessions


@dataclass(frozen=True, slots=True)
class SignOn:
    """`provider` is None where a reverse proxy names readers, `tokens` where none are allowed.

    `address` is this site's, as readers know it, without a final `/`; `whom_to_ask` a French
    noun phrase; `now_s` is in whole seconds since 1970.
    """

    address: str
    provider: Provider | None
    sessions: SqlSessions
    tokens: SqlPersonalTokens | None
    cookies: Cookies
    rule: AgentRule
    known: KnownAgents
    whom_to_ask: str
    now_s: Callable[[], int]
    today: Callable[[], date]

    def agent_named(self, claims: Claims) -> Agent:
        """Raises `NotAnAgent`."""
        return agent_named(claims, self.rule, self.known, self.today())
