"""A provider that lies where a test tells it to: over real HTTP, with real signatures."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from tests.http_server import Handler, serving

CLIENT_ID = "quisait"
SUBJECT = "sub-claire"
Claims = dict[str, Any]


def rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "kid": kid, "alg": "RS256"})


def signed(claims: Claims, key: Key, alg: str = "RS256", **header: Any) -> str:
    kid = {} if key.get("kid") is None else {"kid": key.get("kid")}
    return jwt.encode({"alg": alg, **kid, **header}, claims, key, algorithms=[alg])


def unsigned(claims: Claims, **header: Any) -> str:
    """A token of algorithm `none`."""
    return f"{_part({'alg': 'none', **header})}.{_part(claims)}."


def signed_with_the_public_key(claims: Claims, key: RSAKey) -> str:
    """HS256 with what everybody may read: the oldest confusion of algorithms.

    By hand: the library refuses to.
    """
    begun = f"{_part({'alg': 'HS256', 'kid': key.get('kid')})}.{_part(claims)}"
    made = hmac.new(key.as_pem(private=False), begun.encode(), hashlib.sha256).digest()
    return f"{begun}.{_coded(made)}"


def _part(value: Any) -> str:
    return _coded(json.dumps(value).encode())


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_FIRST = rsa_key("first")
"""Made once: a key takes longer than a test."""


@dataclass(slots=True)
class LyingProvider:
    """Honest until a field is set. `asked` counts requests by path, `shown` is
    the last `Authorization` of each."""

    issuer: str = ""
    nonce: str = ""
    key: RSAKey = field(default_factory=lambda: _FIRST)
    published: list[Key] = field(default_factory=list)
    metadata: Claims = field(default_factory=dict)
    id_claims: Claims = field(default_factory=dict)
    user_claims: Claims = field(default_factory=dict)
    token_claims: Claims = field(default_factory=dict)
    sign_id: Callable[[Claims, RSAKey], str] = signed
    sign_user: Callable[[Claims, RSAKey], str] = signed
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posted: list[dict[str, str]] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0

    def answer(self, path: str) -> tuple[int, str, str]:
        """(status, content type, body)."""
        self.asked.append(path)
        time.sleep(self.delay_s)
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return _json(self._described())
        if path == "/jwks":
            keys = self.published or [self.key]
            return _json({"keys": [key.as_dict(private=False) for key in keys]})
        if path == "/token":
            token = {"access_token": "ouvre", "token_type": "Bearer", "id_token": self.id_token()}
            return _json(token)
        if path == "/me":
            return 200, "application/jwt", self.sign_user(self._user(), self.key)
        if path == "/introspect":
            return _json(_without_none(self._introspected()))
        return 404, "text/plain", "?"

    def id_token(self) -> str:
        now_s = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": SUBJECT,
            "nonce": self.nonce,
            "iat": now_s,
            "exp": now_s + 60,
        }
        return self.sign_id(_without_none(claims | self.id_claims), self.key)

    def _introspected(self) -> Claims:
        told = {"active": True, "iss": self.issuer, "sub": SUBJECT, "scope": "openid email",
                "client_id": "docs-app", "exp": int(time.time()) + 60}  # fmt: skip
        return told | self.token_claims

    def signed_introspection(self, typ: str = "token-introspection+jwt", **claims: Any) -> str:
        """The introspection as a signed token (RFC 9701)."""
        told = {"iss": self.issuer, "aud": CLIENT_ID, "iat": int(time.time())}
        said = {"token_introspection": _without_none(self._introspected())}
        return signed(_without_none(told | said | claims), self.key, typ=typ)

    def _user(self) -> Claims:
        told = {"iss": self.issuer, "aud": CLIENT_ID, "sub": SUBJECT, "uid": "ag-1"}
        return _without_none(told | {"idp_id": "idp-finances"} | self.user_claims)

    def _described(self) -> Claims:
        paths = {"authorization_endpoint": "/auth", "token_endpoint": "/token",
                 "jwks_uri": "/jwks", "userinfo_endpoint": "/me",
                 "introspection_endpoint": "/introspect"}  # fmt: skip
        described = {name: self.issuer + path for name, path in paths.items()}
        return _without_none({"issuer": self.issuer, **described, **self.metadata})


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """One that answers on a free port of loopback; gone after use."""
    one = LyingProvider()

    class Answers(Handler):
        methods = ("GET", "POST")

        def answer(self) -> None:
            if self.command == "POST":
                read = parse_qs(self.read().decode())
                one.posted.append({name: values[0] for name, values in read.items()})
            path = urlsplit(self.path).path
            one.shown[path] = self.headers.get("Authorization", "")
            status, kind, body = one.answer(path)
            to = {"Location": body} if 300 <= status < 400 else {}
            self.say(status, body.encode(), {"Content-Type": kind, **to})

    with serving(Answers) as one.issuer:
        yield one


def _json(value: Any) -> tuple[int, str, str]:
    return 200, "application/json", json.dumps(value)


def _without_none(claims: Claims) -> Claims:
    return {name: value for name, value in claims.items() if value is not None}
