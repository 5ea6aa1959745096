"""The cookies of sign-on: out of scripts' reach, and bound to this very host where TLS allows."""

from dataclasses import dataclass

from fastapi import Request, Response

from search_api.sign_on.tries import LIFE_S, Try

_MOST_TRIES = 8


@dataclass(frozen=True, slots=True)
class Cookies:
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

    def begin_try(self, request: Request, response: Response, one: Try) -> None:
        """Keep the browser's part of a try; of many that never ended the first are forgotten."""
        before = [name for name in request.cookies if name.startswith(self._tries())]
        for name in before[: max(0, len(before) - _MOST_TRIES + 1)]:
            self._forget(response, name)
        self._set(response, self._tries() + one.id, one.cookie(), LIFE_S)

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
