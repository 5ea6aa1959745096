"""What every call shares: the address, the token, and problems as exceptions."""

from collections.abc import Mapping
from typing import Any, Self, TypeVar, overload
from urllib.parse import quote

import httpx
from pydantic import BaseModel

Value = TypeVar("Value", bound=BaseModel)


class ApiError(Exception):
    """A problem that the API answered. `code` is for programs, `detail` a French sentence.

    `retry_after_s`: after how many seconds to try again, if the answer says so.
    """

    def __init__(self, status: int, code: str, detail: str, retry_after_s: int | None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail
        self.retry_after_s = retry_after_s


class Transport:
    """Sends requests in the name of the reader of a token, to quisait at an address."""

    def __init__(
        self, address: str, token: str = "", *, timeout_s: float = 30.0, http: Any = None
    ) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = http or httpx.Client(base_url=address, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    @staticmethod
    def segment(value: str) -> str:
        """Percent-encode an id for use as a segment of a path."""
        return quote(value, safe="/:")

    @overload
    def ask(
        self,
        method: str,
        path: str,
        returned: None,
        query: Mapping[str, Any] = ...,
        *,
        body: BaseModel | None = ...,
    ) -> None: ...

    @overload
    def ask(
        self,
        method: str,
        path: str,
        returned: type[Value],
        query: Mapping[str, Any] = ...,
        *,
        body: BaseModel | None = ...,
    ) -> Value: ...

    def ask(
        self,
        method: str,
        path: str,
        returned: type[Value] | None,
        query: Mapping[str, Any] = {},
        *,
        body: BaseModel | None = None,
    ) -> Value | None:
        """Return the answer to a request. Raises `ApiError`, and the errors of httpx."""
        answer = self._http.request(
            method,
            path,
            params={name: value for name, value in query.items() if value not in ("", ())},
            content=body.model_dump_json(exclude_unset=True) if body else None,
            headers=self._headers | ({"Content-Type": "application/json"} if body else {}),
        )
        if answer.status_code >= 400:
            raise _problem(answer)
        return returned.model_validate_json(answer.content) if returned else None


def _problem(answer: httpx.Response) -> ApiError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    wait = answer.headers.get("Retry-After", "")
    detail = body.get("detail") or body.get("title") or answer.reason_phrase
    code = body.get("code", "")
    return ApiError(answer.status_code, code, detail, int(wait) if wait.isdigit() else None)
