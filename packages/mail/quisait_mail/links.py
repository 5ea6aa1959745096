"""Signed links that unsubscribe from a kind of mail without a login. They do not expire."""

from urllib.parse import quote

from quisait_mail.values import MailKind

_ISSUER = "quisait mail"


def unsubscribe_address(link: str) -> str:
    """Return the address that ends a kind of mail, by a signed link."""
    return f"/courriels/{quote(link, safe='')}"


class UnsubscribeLinks:
    """Links (JWT, HS256) that name an agent and a kind of mail. `key`: at least 32 bytes.

    joserfc is imported when a link is made or read, because most commands do not need it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, agent_id: str, kind: MailKind) -> str:
        """Return the token of the link; it does not expire, because mails are kept for ever."""
        from joserfc import jwk, jwt

        claims = {"iss": _ISSUER, "sub": agent_id, "kind": kind.value}
        return jwt.encode({"alg": "HS256"}, claims, jwk.OctKey.import_key(self._key))

    def read(self, link: str) -> tuple[str, MailKind] | None:
        """Return the agent's id and the kind of mail; None if the link was not made here."""
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
        except (JoseError, ValueError, KeyError, TypeError):  # the header may be any JSON
            return None
