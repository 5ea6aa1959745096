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
"""How long a person may take at the provider."""
_MAX_BACK_BYTES = 1_500


@dataclass(frozen=True, slots=True)
class SignOnAttempt:
    """A try: its public id, the browser's secret, when it began, where to return."""

    id: str
    secret: str
    begun_s: int
    back: str

    @property
    def state(self) -> str:
        """What the answer must bring back: `id.proof`, 66 characters."""
        return f"{self.id}.{self._derived('state')}"

    @property
    def nonce(self) -> str:
        """What the ID token must hold, 43 characters."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's code verifier (RFC 7636), 43 characters."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def cookie(self) -> str:
        """What the browser keeps of it."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        return f"{self.secret}.{self.begun_s}.{back}"


def begin_attempt(back: str, now_s: int) -> SignOnAttempt:
    """A new one. `back` is a path of this site; a very long one is forgotten."""
    kept = back if len(back.encode()) <= _MAX_BACK_BYTES else "/"
    return SignOnAttempt(secrets.token_urlsafe(16), secrets.token_urlsafe(32), now_s, kept)


def attempt_id(state: str) -> str:
    """The try that a state speaks of."""
    return state.partition(".")[0]


def returned_attempt(state: str, cookie: str, now_s: int) -> SignOnAttempt | None:
    """The try that this browser began and that this state answers, else None."""
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

    def _tries(self) -> str:
        return self._named("quisait_sign_on_")

    def session_of(self, request: Request) -> str:
        """The session id that the browser brings, or nothing."""
        return request.cookies.get(self.session, "")

    def begin_session(self, response: Response, session_id: str) -> None:
        """Until the browser is closed; the server's own limits end it before."""
        self._set(response, self.session, session_id)

    def end_session(self, response: Response) -> None:
        """Forget it."""
        self._forget(response, self.session)

    def begin_try(self, request: Request, response: Response, one: SignOnAttempt) -> None:
        """Keep the browser's part of a try; of many that never ended the first are forgotten."""
        before = [name for name in request.cookies if name.startswith(self._tries())]
        for name in before[: max(0, len(before) - _MAX_ATTEMPTS + 1)]:
            self._forget(response, name)
        self._set(response, self._tries() + one.id, one.cookie(), ATTEMPT_LIFE_S)

    def try_of(self, request: Request, try_id: str) -> str:
        """What the browser kept of a try, or nothing."""
        return request.cookies.get(self._tries() + try_id, "")

    def end_try(self, request: Request, response: Response, try_id: str) -> None:
        """A try is answered once. What the browser did not bring is no cookie's name."""
        if (name := self._tries() + try_id) in request.cookies:
            self._forget(response, name)

    def _set(self, response: Response, name: str, value: str, life_s: int | None = None) -> None:
        response.set_cookie(
            name, value, max_age=life_s, secure=self.secure, httponly=True, samesite="lax"
        )

    def _forget(self, response: Response, name: str) -> None:
        response.delete_cookie(name, secure=self.secure, httponly=True, samesite="lax")
