"""Who is asking: an identity becomes a reader with the principals that are theirs."""

from datetime import date
from typing import Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from connectors.values import EVERYONE, Agent, account_principal
from indexer.access import NOBODY, Reader

TOKEN_LIFE_S = 8 * 3600
"""A working day."""


class Agents(Protocol):
    """What is asked of the directory about one agent."""

    def agent(self, agent_id: str) -> Agent | None:
        """The agent, or None where there is no such id."""
        ...

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """The principals of the agent's groups."""
        ...

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        """The agent's accounts, each `source:name`, as the directory gives them."""
        ...


def reader_of(agent_id: str | None, agents: Agents, today: date) -> Reader:
    """The reader that an agent is today; an unknown or departed one reads nothing.

    An account that the directory gives to the agent is a principal of theirs too.
    """
    agent = agents.agent(agent_id) if agent_id else None
    if agent is None or agent.departed(today):
        return NOBODY
    own = {EVERYONE, f"agent:{agent.id}"}
    own |= {account_principal(account) for account in agents.accounts_of(agent.id)}
    return Reader(agent.id, frozenset(own | agents.groups_of(agent.id)))


class Tokens:
    """Signed tokens (JWT, HS256) that name an agent; made with `quisait token`.

    `key` has at least 32 bytes.
    """

    def __init__(self, key: str) -> None:
        if len(key.encode()) < 32:
            raise ValueError("La clé des jetons doit compter au moins 32 octets.")
        self._key = OctKey.import_key(key)

    def make(self, agent_id: str, now_s: int, life_s: int = TOKEN_LIFE_S) -> str:
        """A token for an agent. `now_s` is in seconds since 1970."""
        claims = {"iss": "quisait", "sub": agent_id, "iat": now_s, "exp": now_s + life_s}
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def agent_id(self, token: str, now_s: int) -> str | None:
        """The agent that a valid token names, else None."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            rules = jwt.JWTClaimsRegistry(
                now=now_s,
                iss={"essential": True, "value": "quisait"},
                sub={"essential": True},
                exp={"essential": True},
            )
            rules.validate(claims)
        except (JoseError, ValueError):
            return None
        return str(claims["sub"])
