"""What a reverse proxy signed in a header: who it let through. A plain header is never believed.

The header holds a JWT (RFC 7519) for this very audience, which soon expires.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from search_api.sign_on.errors import NotAnAgent, ProviderRefused
from search_api.sign_on.naming import AgentRule, KnownAgents, agent_named
from search_api.sign_on.provider_tokens import KeyOf, checked_claims, signed_claims

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """The header's name, and what its token must say. `skew_s` is in seconds."""

    name: str
    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    skew_s: int = 30


class SignedHeader:
    """From a header's token to the agent's id."""

    def __init__(
        self,
        rules: HeaderRules,
        key_of: KeyOf,
        rule: AgentRule,
        known: KnownAgents,
        now_s: Callable[[], int],
        today: Callable[[], date],
    ) -> None:
        self.rules, self._key_of = rules, key_of
        self._rule, self._known = rule, known
        self._now_s, self._today = now_s, today

    def agent_id(self, token: str) -> str | None:
        """Whom it names, or None. Raises `ProviderUnreachable` where the keys are elsewhere."""
        try:
            return agent_named(self._claims(token), self._rule, self._known, self._today()).id
        except ProviderRefused as error:
            log.warning("signed header refused", extra={"reason": error.reason})
        except NotAnAgent as error:
            log.warning("signed header names no agent", extra={"reason": error.why.value})
        return None

    def _claims(self, token: str) -> Mapping[str, Any]:
        _, claims = signed_claims(token, self._key_of, self.rules.algorithms, "header")
        return checked_claims(
            claims,
            "header",
            issuer=self.rules.issuer,
            audience=self.rules.audience,
            now_s=self._now_s(),
            skew_s=self.rules.skew_s,
            expires=True,
        )
