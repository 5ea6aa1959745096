"""Sign-on at the organisation's provider and sign-off; «Mes accès»: sessions and tokens."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from search_api.access import token_forms
from search_api.addresses import local_path, sign_on_address
from search_api.identity.identification import Identification
from search_api.middleware.request_limits import refund, refuse_over_limit
from search_api.notices import noticed
from search_api.parameters import NamedReader
from search_api.problems import Problem
from search_api.services import services_of
from search_api.sign_on.errors import (
    NotAnAgent,
    ProviderRefused,
    ProviderUnreachable,
    SignOnFailed,
    logged_reason,
)
from search_api.sign_on.identification import SignOn
from search_api.sign_on.provider import Provider
from search_api.sign_on.sessions import (
    MAX_LABEL_CHARS,
    SqlPersonalTokens,
    attempt_id,
    begin_attempt,
    returned_attempt,
)
from search_api.sign_on.signed_tokens import LOGOUT_UNVERIFIABLE
from search_api.templating import render

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

MAX_LOGOUT_TOKEN_CHARS = 16_000
Answered = Annotated[str, Query(max_length=4_000)]

_NOT_BEGUN = (
    "Cette connexion n’a pas été commencée dans ce navigateur, a déjà servi, ou a trop duré : "
    "personne n’est connecté. Recommencez."
)
_REFUSALS = {
    "access_denied": "La connexion a été refusée ou abandonnée chez votre fournisseur d’identité.",
    "temporarily_unavailable": "Votre fournisseur d’identité est momentanément indisponible.",
    "server_error": "Votre fournisseur d’identité a rencontré une erreur.",
}
_OTHER_REFUSAL = "Votre fournisseur d’identité n’a pas accepté la demande de connexion."


@router.get("/sign-on")
def begin(request: Request, back: Annotated[str, Query()] = "/") -> Response:
    """Redirect to the provider, which leads back to the page `back`."""
    sign_on, provider = _provider_of(request)
    back = local_path(back)
    if services_of(request).reader_of(request).agent_id is not None:
        return RedirectResponse(back, status_code=303)
    one = begin_attempt(back, sign_on.now_s())
    try:
        response = RedirectResponse(provider.authorization_address(one), status_code=303)
    except SignOnFailed as error:
        return _failed(request, sign_on, error, back)
    sign_on.cookies.begin_attempt(request, response, one)
    return response


@router.get("/sign-on/callback")
def callback(
    request: Request,
    state: Answered = "",
    code: Answered = "",
    error: Answered = "",
    iss: Answered | None = None,
) -> Response:
    """Receive the provider's answer: begin a session, or show why it failed."""
    sign_on, provider = _provider_of(request)
    kept = sign_on.cookies.attempt_of(request, attempt_id(state))
    one = returned_attempt(state, kept, sign_on.now_s())
    back = local_path(one.back) if one else "/"
    response: Response
    try:
        if one is None:
            raise ProviderRefused("not_begun_here", _NOT_BEGUN)
        if error or not code:
            raise ProviderRefused(
                logged_reason("answer", error), _REFUSALS.get(error, _OTHER_REFUSAL)
            )
        identity = provider.identity(code, iss, one)
        agent = sign_on.agent_named(identity.naming_claims(sign_on.rule.names))
    except SignOnFailed as failure:
        response = _failed(request, sign_on, failure, back)
    else:
        before = sign_on.cookies.session_of(request)
        session_id = sign_on.sessions.begin(
            agent.id, identity.id_token, before, identity.provider_session()
        )
        response = RedirectResponse(back, status_code=303)
        sign_on.cookies.begin_session(response, session_id)
        log.info("signed on", extra={"way": "provider"})
    sign_on.cookies.end_attempt(request, response, attempt_id(state))
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session here, then at the provider if it has a page for that."""
    sign_on, provider = _provider_of(request)
    session_id = sign_on.cookies.session_of(request)
    session = sign_on.sessions.find(session_id) if session_id else None
    sign_on.sessions.end(session_id)
    there = _end_address(provider, sign_on, session.id_token) if session else None
    # A page that forwards, because browsers apply `form-action` to redirects after a form too.
    page = render("signed_out.html", request=request, there=there)
    response = HTMLResponse(page)
    sign_on.cookies.end_session(response)
    return response


@router.post("/sign-on/back-channel-logout")
def logged_out(request: Request, logout_token: Annotated[str, Form()] = "") -> Response:
    """End the sessions that belong to a session which the provider ended.

    400 for a token that cannot be verified or was seen before, 503 if the keys cannot be fetched.
    """
    sign_on, provider = _provider_of(request)
    try:
        if len(logout_token) > MAX_LOGOUT_TOKEN_CHARS:
            raise ProviderRefused("logout_length", LOGOUT_UNVERIFIABLE)
        ended = sign_on.sessions.log_out(provider.logout(logout_token))
        if ended is None:
            raise ProviderRefused("logout_replayed", LOGOUT_UNVERIFIABLE)
    except SignOnFailed as error:
        reason = error.reason if isinstance(error, ProviderRefused) else type(error).__name__
        log.warning("logout refused", extra={"reason": reason})
        status = 503 if isinstance(error, ProviderUnreachable) else 400
        sentence = LOGOUT_UNVERIFIABLE if status == 400 else str(error)
        raise Problem(status, sentence) from error
    # A provider may end many sessions at once: verified requests are not rate-limited.
    refund(request)
    log.info("logged out by the provider", extra={"sessions": ended})
    return Response()


@router.get("/signed-out", response_class=HTMLResponse)
def signed_out(request: Request) -> str:
    """Show the page to which the provider returns after sign-off."""
    _provider_of(request)
    return render("signed_out.html", request=request, there=None)


def _provider_of(request: Request) -> tuple[SignOn, Provider]:
    sign_on = services_of(request).sign_on
    if sign_on is None or sign_on.provider is None:
        raise Problem(404)
    refuse_over_limit(request)
    return sign_on, sign_on.provider


def _end_address(provider: Provider, sign_on: SignOn, id_token: str) -> str | None:
    try:
        return provider.end_address(id_token, f"{sign_on.address}/signed-out")
    except SignOnFailed:
        return None


def _failed(request: Request, sign_on: SignOn, error: SignOnFailed, back: str) -> HTMLResponse:
    reason = type(error).__name__
    if isinstance(error, ProviderRefused):
        reason = error.reason
    elif isinstance(error, NotAnAgent):
        reason = error.why.value
    log.warning("sign-on failed", extra={"reason": reason})
    status = 503 if isinstance(error, ProviderUnreachable) else 403
    page = render(
        "sign_on_failed.html",
        request=request,
        status=status,
        sentence=str(error),
        whom_to_ask=sign_on.whom_to_ask if isinstance(error, NotAnAgent) else "",
        again=sign_on_address(back),
    )
    return HTMLResponse(page, status_code=status)


access_router = APIRouter(prefix="/access", include_in_schema=False)

NAMED = 40
"""Maximum characters of a session's or token's name in a form."""


def _in_person(request: Request, reader: NamedReader) -> Identification:
    return token_forms.identified_in_person(request)


InPerson = Annotated[Identification, Depends(_in_person)]
"""How a person with a browser was identified; a problem 403 for a program with a token."""

Named = Annotated[str, Form(max_length=NAMED)]


@access_router.get("", response_class=HTMLResponse)
def access_page(request: Request, who: InPerson) -> str:
    """Show the agent's open sessions and personal tokens."""
    return _page(request, who)


@access_router.post("/tokens", response_class=HTMLResponse)
def make_token(
    request: Request,
    who: InPerson,
    label: Annotated[str, Form(max_length=1_000)] = "",
    days: Annotated[int, Form(ge=-100_000, le=100_000)] = 30,
) -> HTMLResponse:
    """Make a token, shown on this page and never again."""
    tokens = _tokens(request)
    made, fault = token_forms.token_or_fault(
        tokens, lambda: tokens.make(who.agent_id or "", label, days)
    )
    page = _page(request, who, made=made, fault=fault)
    return HTMLResponse(page, status_code=400 if fault else 200)


@access_router.post("/tokens/revoke")
def revoke_token(request: Request, who: InPerson, token: Named = "") -> RedirectResponse:
    """Revoke one of the agent's tokens."""
    token_forms.revoke_token(_tokens(request), who.agent_id or "", token)
    return noticed(request, "/access", "access.token")


@access_router.post("/sessions/revoke")
def revoke_session(request: Request, who: InPerson, session: Named = "") -> RedirectResponse:
    """End one of the agent's sessions, possibly this one."""
    if not _sign_on_of(request).sessions.revoke(who.agent_id or "", session):
        raise Problem(404, "Vous n’avez pas cette session, ou plus.")
    return noticed(request, "/access", "access.session")


@access_router.post("/sessions/revoke-others")
def revoke_other_sessions(request: Request, who: InPerson) -> RedirectResponse:
    """End all of the agent's sessions except this one."""
    kept = who.session_key
    _sign_on_of(request).sessions.revoke_all(who.agent_id or "", but=kept)
    return noticed(request, "/access", "access.others")


def _sign_on_of(request: Request) -> SignOn:
    sign_on = services_of(request).sign_on
    if sign_on is None:
        raise Problem(404)
    return sign_on


def _tokens(request: Request) -> SqlPersonalTokens:
    return token_forms.permitted(_sign_on_of(request).tokens)


def _page(request: Request, who: Identification, made: str = "", fault: str = "") -> str:
    sign_on, agent_id = _sign_on_of(request), who.agent_id or ""
    return render(
        "access.html",
        request=request,
        sessions=sign_on.sessions.of(agent_id),
        current=who.session_key,
        tokens=[one for one in sign_on.tokens.of(agent_id) if not one.assistant]
        if sign_on.tokens
        else (),
        most_days=sign_on.tokens.most_days if sign_on.tokens else 0,
        label_length=MAX_LABEL_CHARS,
        made=made,
        fault=fault,
    )
