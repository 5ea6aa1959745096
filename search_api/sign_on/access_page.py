"""«Mes accès»: an agent's open sessions and personal tokens, in their own hand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from search_api.catalogue.texts import _
from search_api.problems import Problem
from search_api.questions.asked import NamedReader
from search_api.services import services_of
from search_api.sign_on.identified import IN_PERSON, Identified, identified
from search_api.sign_on.personal_tokens import LABEL, MOST, SqlPersonalTokens, TooManyTokens
from search_api.sign_on.place import SignOn
from search_api.templating import render

router = APIRouter(prefix="/access", include_in_schema=False)

NAMED = 40
"""Characters of what a form sends to name a session or a token."""


def _in_person(request: Request, reader: NamedReader) -> Identified:
    who = identified(request)
    if who is None or who.way not in IN_PERSON:
        raise Problem(
            403,
            _("Un jeton ne donne pas accès à cette page : connectez-vous dans un navigateur."),
            code="in_person",
        )
    return who


InPerson = Annotated[Identified, Depends(_in_person)]
"""Who asks, as a person who signed on and not a program with a token; else a problem 403."""

Named = Annotated[str, Form(max_length=NAMED)]


@router.get("", response_class=HTMLResponse)
def access_page(request: Request, who: InPerson) -> str:
    """What opens quisait in the agent's name today."""
    return _page(request, who)


@router.post("/tokens", response_class=HTMLResponse)
def make_token(
    request: Request,
    who: InPerson,
    label: Annotated[str, Form(max_length=1_000)] = "",
    days: Annotated[int, Form(ge=-100_000, le=100_000)] = 30,
) -> HTMLResponse:
    """A new token, shown on this very page and never again."""
    tokens = _tokens(request)
    try:
        token = tokens.make(who.agent_id or "", label, days)
    except TooManyTokens:
        fault = _("Vous avez déjà %(most)s jetons : supprimez ceux qui ne servent plus.", most=MOST)
    except ValueError:
        fault = _(
            "Donnez à ce jeton un nom (%(signs)s signes au plus) et une durée de 1 à "
            "%(days)s jours.",
            signs=LABEL,
            days=tokens.most_days,
        )
    else:
        return HTMLResponse(_page(request, who, made=token))
    return HTMLResponse(_page(request, who, fault=fault), status_code=400)


@router.post("/tokens/revoke")
def revoke_token(request: Request, who: InPerson, token: Named = "") -> RedirectResponse:
    """From now on it opens nothing."""
    if not _tokens(request).revoke(who.agent_id or "", token):
        raise Problem(404, _("Vous n’avez pas ce jeton, ou plus."))
    return _back()


@router.post("/sessions/revoke")
def revoke_session(request: Request, who: InPerson, session: Named = "") -> RedirectResponse:
    """One of the agent's own; this very one too."""
    if not _place(request).sessions.revoke(who.agent_id or "", session):
        raise Problem(404, _("Vous n’avez pas cette session, ou plus."))
    return _back()


@router.post("/sessions/revoke-others")
def revoke_other_sessions(request: Request, who: InPerson) -> RedirectResponse:
    """All but this one."""
    kept = who.session.key if who.session else ""
    _place(request).sessions.revoke_all(who.agent_id or "", but=kept)
    return _back()


def _back() -> RedirectResponse:
    return RedirectResponse("/access", status_code=303)


def _place(request: Request) -> SignOn:
    sign_on = services_of(request).sign_on
    if sign_on is None:
        raise Problem(404)
    return sign_on


def _tokens(request: Request) -> SqlPersonalTokens:
    tokens = _place(request).tokens
    if tokens is None:
        raise Problem(404, _("Les jetons personnels ne sont pas permis ici."))
    return tokens


def _page(request: Request, who: Identified, made: str = "", fault: str = "") -> str:
    sign_on, agent_id = _place(request), who.agent_id or ""
    return render(
        "access.html",
        request=request,
        sessions=sign_on.sessions.of(agent_id),
        current=who.session.key if who.session else "",
        tokens=sign_on.tokens.of(agent_id) if sign_on.tokens else (),
        most_days=sign_on.tokens.most_days if sign_on.tokens else 0,
        label_length=LABEL,
        made=made,
        fault=fault,
    )
