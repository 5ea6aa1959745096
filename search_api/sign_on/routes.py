"""Signing on at the organisation's provider, and off again."""

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from search_api.addresses import local_path, sign_on_address
from search_api.catalogue.texts import _, marked
from search_api.door.turns import refuse_strangers_haste, spare
from search_api.problems import Problem
from search_api.services import services_of
from search_api.sign_on.back_channel import LOGOUT_UNBELIEVED
from search_api.sign_on.errors import (
    NotAnAgent,
    ProviderRefused,
    ProviderUnreachable,
    SignOnFailed,
    told_reason,
)
from search_api.sign_on.place import SignOn
from search_api.sign_on.provider import Provider
from search_api.sign_on.tries import begin_try, id_of, returned_try
from search_api.templating import render

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

LONGEST_TOKEN = 16_000
Answered = Annotated[str, Query(max_length=4_000)]

_NOT_BEGUN = marked(
    "Cette connexion n’a pas été commencée dans ce navigateur, a déjà servi, ou a trop duré : "
    "personne n’est connecté. Recommencez."
)
_NO = {
    "access_denied": marked(
        "La connexion a été refusée ou abandonnée chez votre fournisseur d’identité."
    ),
    "temporarily_unavailable": marked(
        "Votre fournisseur d’identité est momentanément indisponible."
    ),
    "server_error": marked("Votre fournisseur d’identité a rencontré une erreur."),
}
_OTHER_NO = marked("Votre fournisseur d’identité n’a pas accepté la demande de connexion.")


@router.get("/sign-on")
def begin(request: Request, back: Annotated[str, Query()] = "/") -> Response:
    """To the provider, and then back to the page that was wanted."""
    sign_on, provider = _place(request)
    back = local_path(back)
    if services_of(request).reader_of(request).agent_id is not None:
        return RedirectResponse(back, status_code=303)
    one = begin_try(back, sign_on.now_s())
    try:
        response = RedirectResponse(provider.authorization_address(one), status_code=303)
    except SignOnFailed as error:
        return _failed(request, sign_on, error, back)
    sign_on.cookies.begin_try(request, response, one)
    return response


@router.get("/sign-on/callback")
def answered(
    request: Request,
    state: Answered = "",
    code: Answered = "",
    error: Answered = "",
    iss: Answered | None = None,
) -> Response:
    """What the provider answers through the browser: a session, or a page that says why not."""
    sign_on, provider = _place(request)
    kept = sign_on.cookies.try_of(request, id_of(state))
    one = returned_try(state, kept, sign_on.now_s())
    back = local_path(one.back) if one else "/"
    response: Response
    try:
        if one is None:
            raise ProviderRefused("not_begun_here", _NOT_BEGUN)
        if error or not code:
            raise ProviderRefused(told_reason("answer", error), _NO.get(error, _OTHER_NO))
        identity = provider.identity(code, iss, one)
        agent = sign_on.agent_named(identity.naming(sign_on.rule.names))
    except SignOnFailed as failure:
        response = _failed(request, sign_on, failure, back)
    else:
        before = sign_on.cookies.session_of(request)
        session_id = sign_on.sessions.begin(
            agent.id, identity.id_token, before, identity.at_provider()
        )
        response = RedirectResponse(back, status_code=303)
        sign_on.cookies.begin_session(response, session_id)
        log.info("signed on", extra={"way": "provider"})
    sign_on.cookies.end_try(request, response, id_of(state))
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """The session ends here at once, then at the provider, if it can be told."""
    sign_on, provider = _place(request)
    session_id = sign_on.cookies.session_of(request)
    session = sign_on.sessions.find(session_id) if session_id else None
    sign_on.sessions.end(session_id)
    there = _end_address(provider, sign_on, session.id_token) if session else None
    # A page that goes on by itself: browsers apply `form-action` to where a form leads in the end.
    page = render("signed_out.html", request=request, there=there)
    response = HTMLResponse(page)
    sign_on.cookies.end_session(response)
    return response


@router.post("/sign-on/back-channel-logout")
def logged_out(request: Request, logout_token: Annotated[str, Form()] = "") -> Response:
    """The provider says that a session is over there: ours of it ends at once.

    400 for what cannot be verified or was said before, 503 where the keys cannot be fetched.
    """
    sign_on, provider = _place(request)
    try:
        if len(logout_token) > LONGEST_TOKEN:
            raise ProviderRefused("logout_length", LOGOUT_UNBELIEVED)
        ended = sign_on.sessions.log_out(provider.logout(logout_token))
        if ended is None:
            raise ProviderRefused("logout_replayed", LOGOUT_UNBELIEVED)
    except SignOnFailed as error:
        reason = error.reason if isinstance(error, ProviderRefused) else type(error).__name__
        log.warning("logout refused", extra={"reason": reason})
        status = 503 if isinstance(error, ProviderUnreachable) else 400
        sentence = LOGOUT_UNBELIEVED if status == 400 else str(error)
        raise Problem(status, _(sentence)) from error
    # A provider that ends many sessions at once is heard to the end.
    spare(request)
    log.info("logged out by the provider", extra={"sessions": ended})
    return Response()


@router.get("/signed-out", response_class=HTMLResponse)
def signed_out(request: Request) -> str:
    """Where the provider leads back to."""
    _place(request)
    return render("signed_out.html", request=request, there=None)


def _place(request: Request) -> tuple[SignOn, Provider]:
    sign_on = services_of(request).sign_on
    if sign_on is None or sign_on.provider is None:
        raise Problem(404)
    refuse_strangers_haste(request)
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
        sentence=_(str(error)),
        whom_to_ask=sign_on.whom_to_ask if isinstance(error, NotAnAgent) else "",
        again=sign_on_address(back),
    )
    return HTMLResponse(page, status_code=status)
