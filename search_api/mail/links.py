"""Signed links that end a kind of mail without a login, for as long as the mail is kept."""

from search_api.mail.values import MailKind

_ISSUER = "quisait mail"


class UnsubscribeLinks:
    """Links (JWT, HS256) that name an agent and a kind of mail. `key`: at least 32 bytes.

    joserfc is imported where a link is made or read: it takes a moment that others need not spend.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, agent_id: str, kind: MailKind) -> str:
        """What stands in the address; it never ends, as the mail that carries it does not."""
        from joserfc import jwk, jwt

        claims = {"iss": _ISSUER, "sub": agent_id, "kind": kind.value}
        return jwt.encode({"alg": "HS256"}, claims, jwk.OctKey.import_key(self._key))

    def read(self, link: str) -> tuple[str, MailKind] | None:
        """The agent's id and the kind; None for what was not made here."""
        from joserfc import jwk, jwt
        from joserfc.errors import JoseError

        key = jwk.OctKey.import_key(self._key)
        try:
            claims = jwt.decode(link, key, algorithms=["HS256"]).claims
            rules = jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": _ISSUER}, sub={"essential": True}
            )
            rules.validate(claims)
            return str(claims["sub"]), MailKind(claims["kind"])
        except (JoseError, ValueError, KeyError, TypeError):  # a header of any JSON
            return None
