"""`/mcp`, through which assistants ask in an agent's name; and the page «Mes assistants»."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from indexer.access import Reader
from quisait_mcp.schemas import CALLS, AssistantCallBody, describe_calls
from quisait_mcp.service import (
    TOOLS,
    AssistantReader,
    Assistants,
    Body,
    call_tool,
    read_resource,
    readable_places,
)
from quisait_mcp.storage import MOST_CALLS
from search_api.access import token_forms
from search_api.account.schemas import TokenBody
from search_api.bodies import Body as ApiBody
from search_api.context import AnswerContext, NotFound
from search_api.features import MenuEntry, WebFeature, service_of
from search_api.identity.tokens import bearer_token
from search_api.limits import RequesterKind, RequestKind
from search_api.middleware.request_limits import charge, refuse_over_limit
from search_api.notices import noticed
from search_api.parameters import NamedReader, turn
from search_api.problems import WELL_KNOWN, Problem
from search_api.services import services_of
from search_api.sign_on.errors import NotAnAgent, ProviderRefused, ProviderUnreachable
from search_api.sign_on.sessions import MAX_LABEL_CHARS, PREFIX, SqlPersonalTokens
from search_api.templating import render

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

MCP = "/mcp"
"""Path of the tools. Its problems are errors of JSON-RPC, which its clients show."""
METADATA = WELL_KNOWN + "oauth-protected-resource"

BAD_CREDENTIAL = (
    "Ce jeton n’ouvre rien : il est échu, supprimé ou mal recopié. Faites-en un autre dans "
    "« Mes assistants »."
)
NO_CREDENTIAL = (
    "Présentez un jeton (« Authorization: Bearer … ») : un agent le fait dans « Mes assistants »."
)
TOO_OFTEN = "Ce jeton a beaucoup demandé : recommencez dans {}\u00a0s."


def _assistant(request: Request) -> AssistantReader:
    """Return the reader that the request's token names. Raises a problem: 401, 404 or 429."""
    services, assistants = services_of(request), service_of(request, Assistants)
    token, name, label = bearer_token(request) or "", "", ""
    if not token and not services.demo:
        raise _unidentified(request, NO_CREDENTIAL)
    if token.startswith(PREFIX):
        found = assistants.tokens.find(token) if assistants.tokens else None
        reader = Reader()
        if found:
            name, label = found.short, found.label
            reader = assistants.reader_of(found.agent_id)
            reader = replace(reader, sources=found.sources, spaces=found.spaces)
    else:
        reader = services.reader_of(request)
    if reader.agent_id is None:
        refuse_over_limit(request)
        agent_id, label = _named_by_provider(request, token)
        name, reader = f"{label} {agent_id}", assistants.reader_of(agent_id)
    if reader.agent_id is None:
        raise _unidentified(request, BAD_CREDENTIAL)
    charge(request, RequesterKind.READER, reader.agent_id)
    return AssistantReader(reader, name or reader.agent_id, label, _site(request))


def _named_by_provider(request: Request, token: str) -> tuple[str, str]:
    """Return the ids of the agent and of the client that an access token of the provider names.

    Raises a problem: 401, or 503 if the provider's keys cannot be fetched.
    """
    audience, sign_on = service_of(request, Assistants).audience, services_of(request).sign_on
    if not audience or sign_on is None or sign_on.provider is None or token.startswith(PREFIX):
        raise _unidentified(request, BAD_CREDENTIAL)
    try:
        claims = sign_on.provider.access_token(token, audience)
        return sign_on.agent_named(claims).id, claims["client_id"][:MAX_LABEL_CHARS]
    except ProviderRefused as error:
        log.info("access token refused", extra={"reason": error.reason})
        raise _unidentified(request, BAD_CREDENTIAL) from None
    except NotAnAgent as error:
        log.info("access token names no agent", extra={"reason": error.why.value})
        raise _unidentified(request, str(error)) from None
    except ProviderUnreachable as error:
        raise Problem(503, str(error), code="provider_unreachable") from None


def _unidentified(request: Request, sentence: str) -> Problem:
    """Return a problem 401: a refused token is named invalid (RFC 6750).

    It leads to the provider if its tokens are accepted (RFC 9728).
    """
    said = ['error="invalid_token"'] if bearer_token(request) else []
    if service_of(request, Assistants).audience:
        said.append(f'resource_metadata="{_site(request)}{METADATA}{MCP}"')
    return Problem(401, sentence, {"WWW-Authenticate": f"Bearer {', '.join(said)}".strip()})


@router.get(METADATA)
@router.get(METADATA + MCP)
def protected_resource(request: Request) -> dict[str, object]:
    """Return the OAuth metadata of `/mcp` (RFC 9728). Raises `NotFound` without a provider."""
    sign_on, audience = services_of(request).sign_on, service_of(request, Assistants).audience
    if not audience or sign_on is None or sign_on.provider is None:
        raise NotFound("Aucun jeton d’un fournisseur d’identité n’est admis ici.")
    return {
        "resource": _site(request) + MCP,
        "resource_name": "Qui sait ?",
        "authorization_servers": [sign_on.provider.rules.issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": sign_on.provider.rules.scopes.split(),
    }


@router.post(MCP)
async def mcp(
    request: Request, asking: Annotated[AssistantReader, Depends(_assistant)]
) -> Response:
    """Answer one message of the Model Context Protocol (streamable HTTP, without sessions)."""
    # Imported here: the library takes half a second.
    from quisait_mcp.server import http_answer, mcp_server

    services, assistants = services_of(request), service_of(request, Assistants)

    def call(name: str, arguments: dict[str, Any]) -> Body:
        _count(assistants, asking)
        return call_tool(services, assistants.calls, asking, name, arguments)

    def read(uri: str) -> str:
        _count(assistants, asking)
        return read_resource(services, assistants.calls, asking, uri)

    async with turn(request, RequestKind.QUESTION, asking.reader):
        return await http_answer(mcp_server(call, read), request)


def _count(assistants: Assistants, asking: AssistantReader) -> None:
    if wait_s := assistants.limiter.take(RequesterKind.TOKEN, asking.token):
        raise Problem(429, TOO_OFTEN.format(wait_s))


def _site(request: Request) -> str:
    """Return this site's origin as its readers know it, without a final slash."""
    sign_on = services_of(request).sign_on
    return (sign_on.address if sign_on else "") or str(request.base_url).rstrip("/")


def _in_person(request: Request, reader: NamedReader) -> Reader:
    """Return a reader with a browser: a program with a token may not make another token."""
    if not services_of(request).demo:
        token_forms.identified_in_person(request)
    return reader


InPerson = Annotated[Reader, Depends(_in_person)]
Names = Annotated[list[str], Form(max_length=200)]


@router.get("/assistants", response_class=HTMLResponse)
def assistants_page(request: Request, reader: InPerson) -> str:
    """Show the agent's tokens for assistants, and the calls made with them."""
    return _page(request, reader)


@router.post("/assistants/tokens", response_class=HTMLResponse)
def make_token(
    request: Request,
    reader: InPerson,
    label: Annotated[str, Form(max_length=1_000)] = "",
    days: Annotated[int, Form(ge=-100_000, le=100_000)] = 30,
    sources: Names = [],  # noqa: B006 - FastAPI copies it
    spaces: Names = [],  # noqa: B006
) -> HTMLResponse:
    """Make a token for an assistant, which is shown on this page and never again."""
    tokens = _tokens(request)

    def make() -> str:
        return tokens.make(
            reader.agent_id or "",
            label,
            days,
            assistant=True,
            sources=frozenset(filter(None, sources)),
            spaces=frozenset(filter(None, spaces)),
        )

    made, fault = token_forms.token_or_fault(tokens, make)
    page = _page(request, reader, made=made, fault=fault)
    return HTMLResponse(page, status_code=400 if fault else 200)


@router.post("/assistants/tokens/revoke")
def revoke_token(
    request: Request, reader: InPerson, token: Annotated[str, Form(max_length=40)] = ""
) -> RedirectResponse:
    """Revoke one of the agent's tokens, from the next call on."""
    token_forms.revoke_token(_tokens(request), reader.agent_id or "", token)
    return noticed(request, "/assistants", "access.token")


def _tokens(request: Request) -> SqlPersonalTokens:
    return token_forms.permitted(service_of(request, Assistants).tokens)


def _page(request: Request, reader: Reader, made: str = "", fault: str = "") -> str:
    tokens, assistants = _tokens(request), service_of(request, Assistants)
    return render(
        "assistants.html",
        request=request,
        tokens=[one for one in tokens.of(reader.agent_id or "") if one.assistant],
        calls=assistants.calls.of(reader.agent_id or "", MOST_CALLS),
        kept_days=assistants.kept_days,
        places=readable_places(services_of(request), reader),
        most_days=tokens.most_days,
        label_length=MAX_LABEL_CHARS,
        address=_site(request) + MCP,
        signs_on=bool(assistants.audience),
        tool_titles={name: tool.title for name, tool in TOOLS.items()},
        made=made,
        fault=fault,
    )


def web_feature(assistants: Assistants) -> WebFeature:
    """Return what assistants add to pages and API; the page is for agents who may make tokens."""
    pages = assistants.tokens is not None
    entry = MenuEntry(path="/assistants", label="Mes assistants", section="assistants", below="me")

    def own_data(context: AnswerContext, agent_id: str) -> Mapping[str, Sequence[ApiBody]]:
        rows: dict[str, Sequence[ApiBody]] = {
            CALLS: [AssistantCallBody.model_validate(one) for one in assistants.calls.of(agent_id)]
        }
        if context.sign_on is None and assistants.tokens:  # the demonstration
            tokens = assistants.tokens.of(agent_id)
            rows["tokens"] = [TokenBody.model_validate(token) for token in tokens]
        return rows

    return WebFeature(
        routers=(router,),
        service=assistants,
        templates=Path(__file__).parent,
        blocks={"me.after_tokens": "assistants_me.html"} if pages else {},
        menu=(entry,) if pages else (),
        describe=describe_calls,
        own_data=own_data,
        programs={MCP: _json_rpc_error},
    )


def _json_rpc_error(sentence: str) -> Mapping[str, object]:
    # -32000: an error of the server's own (JSON-RPC 2.0, 5.1); the message was not read.
    return {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": sentence}}
