"""Which agent a provider's claims name: by one stated rule, and never by a guess."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

from connectors.values import Agent
from search_api.sign_on.errors import NotAnAgent, Unnamed

_LONGEST = 500


class KnownAgents(Protocol):
    """What is asked of the directory about somebody who signs on."""

    def agent(self, agent_id: str) -> Agent | None:
        """The agent, or None where there is no such id."""
        ...

    def owner_of(self, account: str) -> Agent | None:
        """Whose account it is, as the directory has it.

        Whatever they wish: who withdrew from a source signs on by their account there still,
        and may take the withdrawal back.
        """
        ...

    def by_email(self, email: str) -> tuple[Agent, ...]:
        """Every agent with this address, letter case aside."""
        ...


@dataclass(frozen=True, slots=True)
class AgentRule:
    """The claim that names an agent, and what of an agent it is.

    `source` is that of the account, where it is one. `accepted` are claims that must have one
    of these values: the identity provider behind ProConnect, an organisation's SIRET.
    `email_trusted`: addresses are believed though the provider does not say `email_verified`.
    """

    claim: str = "uid"
    by: Literal["id", "email", "account"] = "id"
    source: str = ""
    accepted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    email_trusted: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The claims that name an agent together: what one document says, no other completes."""
        verified = self.by == "email" and not self.email_trusted
        return frozenset({self.claim, *self.accepted} | ({"email_verified"} if verified else set()))


def agent_named(
    claims: Mapping[str, Any], rule: AgentRule, known: KnownAgents, today: date
) -> Agent:
    """The one agent in post that the claims name. Raises `NotAnAgent`."""
    for name, values in rule.accepted.items():
        told = claims.get(name)
        if not isinstance(told, str) or told not in values:
            raise NotAnAgent(Unnamed.NOT_ACCEPTED)
    value = claims.get(rule.claim)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise NotAnAgent(Unnamed.CLAIM_MISSING)
    if rule.by == "email" and not rule.email_trusted and claims.get("email_verified") is not True:
        raise NotAnAgent(Unnamed.EMAIL_UNVERIFIED)
    found = [agent for agent in _fitting(value, rule, known) if not agent.departed(today)]
    if not found:
        raise NotAnAgent(Unnamed.UNKNOWN)
    if len(found) > 1:
        raise NotAnAgent(Unnamed.AMBIGUOUS)
    return found[0]


def _fitting(value: str, rule: AgentRule, known: KnownAgents) -> Iterable[Agent]:
    if rule.by == "email":
        return known.by_email(value)
    agent = known.owner_of(f"{rule.source}:{value}") if rule.by == "account" else known.agent(value)
    return [agent] if agent else []
