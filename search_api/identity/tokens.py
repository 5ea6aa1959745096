"""Signed tokens that name an agent."""

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

TOKEN_LIFE_S = 8 * 3600
"""A working day."""


class Tokens:
    """Signed tokens (JWT, HS256) that name an agent; made with `quisait token`.

    `key` has at least 32 bytes.
    """

    def __init__(self, key: str) -> None:
        if len(key.encode()) < 32:
            raise ValueError(
                "La clé des jetons manque, ou compte moins de 32 octets : réglez [server] "
                "token_key par un fichier de secrets (server__token_key) ou par "
                "QUISAIT_SERVER__TOKEN_KEY (« openssl rand -hex 32 » en fait une)."
            )
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
