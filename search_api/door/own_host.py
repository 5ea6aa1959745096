"""Only names that are ours are answered to: a stranger's name may lead here too.

DNS rebinding: a page of `ailleurs.example` has its own name lead to 127.0.0.1, and is then,
for the browser, of the same origin as what answers there. The name stays in `Host`. An
address cannot be rebound, and `localhost` is asked of no name server.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.catalogue.texts import _, marked
from search_api.problems import Problem, answer_to

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
UNKNOWN = marked(
    "Ce site ne répond pas à ce nom. Vérifiez l’adresse ; si vous administrez Qui sait, "
    "ajoutez ce nom à « hosts », dans [door]."
)


def answer_to_own_names(app: FastAPI, hosts: Collection[str]) -> None:
    """Refuse (421) requests to other names than `hosts`, addresses and `localhost`."""
    app.add_middleware(_OwnHost, hosts=frozenset(host.lower() for host in hosts))


@dataclass(frozen=True, slots=True)
class _OwnHost:
    app: ASGIApp
    hosts: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            if not is_own(request.headers.get("host", ""), self.hosts):
                refusal = answer_to(request, Problem(421, _(UNKNOWN)))
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_own(header: str, hosts: Collection[str]) -> bool:
    """Whether a `Host` header names this site; `hosts` are lower-case, without a port."""
    found = _HOST.fullmatch(header.lower())
    if found is None:
        return False
    name = found[1].removesuffix(".")
    return name == "localhost" or name in hosts or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
