"""A sign-on attempt, and the cookies of sign-on.

The server keeps nothing of an attempt: the browser holds its secret in a cookie, and `state`,
`nonce` and the PKCE verifier are derived from it. Cookies are out of scripts' reach, and bound
to this host where the site is served over TLS.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from fastapi import Request, Response

ATTEMPT_LIFE_S = 600
"""How long a person may take to sign on at the provider."""
_MAX_BACK_BYTES = 1_500


@dataclass(frozen=True, slots=True)
class SignOnAttempt:
    """An attempt: its public id, the browser's secret, when it began, where to return."""

    id: str
    secret: str
    begun_s: int
    back: str

    @property
    def state(self) -> str:
        """The `state` that the answer must have: `id.proof`, 66 characters."""
        return f"{self.id}.{self._derived('state')}"

    @property
    def nonce(self) -> str:
        """The `nonce` that the ID token must have, 43 characters."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's code verifier (RFC 7636), 43 characters."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def cookie(self) -> str:
        """The value of the browser's cookie."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        return f"{self.secret}.{self.begun_s}.{back}"


def begin_attempt(back: str, now_s: int) -> SignOnAttempt:
    """A new attempt. `back` is a path of this site; a very long one is replaced by `/`."""
    kept = back if len(back.encode()) <= _MAX_BACK_BYTES else "/"
    return SignOnAttempt(secrets.token_urlsafe(16), secrets.token_urlsafe(32), now_s, kept)


def attempt_id(state: str) -> str:
    """The id of the attempt that a `state` belongs to."""
    return state.partition(".")[0]


def returned_attempt(state: str, cookie: str, now_s: int) -> SignOnAttempt | None:
    """The attempt that this browser began and that `state` belongs to, else None."""
    secret, _, rest = cookie.partition(".")
    begun, _, back = rest.partition(".")
    try:
        path = base64.urlsafe_b64decode(back.encode()).decode()
        one = SignOnAttempt(attempt_id(state), secret, int(begun), path)
    except ValueError:
        return None
    if len(secret) < 32 or not hmac.compare_digest(one.state.encode(), state.encode()):
        return None
    return one if 0 <= now_s - one.begun_s <= ATTEMPT_LIFE_S else None


_MAX_ATTEMPTS = 8
"""Cookies of attempts in one browser; beyond them the first ones are deleted."""


@dataclass(frozen=True, slots=True)
class SignOnCookies:
    """`secure`: readers reach this site over https (RFC 6265bis, `__Host-`)."""

    secure: bool

    @property
    def session(self) -> str:
        """The name of the session's cookie."""
        return self._named("quisait_session")

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _attempts(self) -> str:
        return self._named("quisait_sign_on_")

    def session_of(self, request: Request) -> str:
        """The session id that the browser sends, or an empty text."""
        return request.cookies.get(self.session, "")

    def begin_session(self, response: Response, session_id: str) -> None:
        """Set the session's cookie, until the browser is closed; the server may end it before."""
        self._set(response, self.session, session_id)

    def end_session(self, response: Response) -> None:
        """Delete the session's cookie."""
        self._delete(response, self.session)

    def begin_attempt(self, request: Request, response: Response, one: SignOnAttempt) -> None:
        """Set the cookie of an attempt; of many that never ended, the first are deleted."""
        before = [name for name in request.cookies if name.startswith(self._attempts())]
        for name in before[: max(0, len(before) - _MAX_ATTEMPTS + 1)]:
            self._delete(response, name)
        self._set(response, self._attempts() + one.id, one.cookie(), ATTEMPT_LIFE_S)

    def attempt_of(self, request: Request, attempt: str) -> str:
        """The cookie of an attempt, or an empty text."""
        return request.cookies.get(self._attempts() + attempt, "")

    def end_attempt(self, request: Request, response: Response, attempt: str) -> None:
        """Delete the cookie of an attempt, where the browser sent it: it is answered once."""
        if (name := self._attempts() + attempt) in request.cookies:
            self._delete(response, name)

    def _set(self, response: Response, name: str, value: str, life_s: int | None = None) -> None:
        response.set_cookie(
            name, value, max_age=life_s, secure=self.secure, httponly=True, samesite="lax"
        )

    def _delete(self, response: Response, name: str) -> None:
        response.delete_cookie(name, secure=self.secure, httponly=True, samesite="lax")
