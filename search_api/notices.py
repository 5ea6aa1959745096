"""One line on the next page that confirms a form's action, with a button that undoes it.

A route returns `noticed(…)`. The line travels in a cookie of one minute, signed for its agent; the
next page shows it once. The cookie contains a key of the notices and the form that undoes the
action, but no text. The route of that form checks everything again, as for any form.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.plain_text import unbroken
from search_api.services import reader_of_page, services_of

COOKIE = "quisait_notice"
LIFE_S = 60
_LONGEST = 3_500
"""Maximum length of the cookie, in characters: browsers keep 4 096 bytes, with its name."""

NOTICES: dict[str, str] = {
    "asking.ask": "Votre question est posée.",
    "asking.existing": "Merci. Votre question n’est pas posée.",
    "asking.forget": "Vos questions et vos réponses sont supprimées.",
    "asking.accept": "C’est noté : vous y répondez. Qui pose la question le sait.",
    "asking.decline": "Question déclinée. Cela ne se voit pas. Vous pouvez annuler tant qu’elle "
    "n’est pas passée à la personne suivante.",
    "asking.retake": "C’est annulé : la question vous attend de nouveau.",
    "asking.transfer": "Vous avez passé la main. Qui pose la question lit votre raison, sans votre "
    "nom : cela ne s’annule donc pas.",
    "asking.answer": "Votre réponse est publiée.",
    "asking.correct": "Votre réponse est corrigée.",
    "asking.delete_answer": "Votre réponse est supprimée.",
    "asking.confirm": "C’est noté : ses lecteurs voient de nouveau ce texte.",
    "asking.edit": "Votre question est corrigée.",
    "asking.helped": "C’est noté : elle vous a aidé, c’est la réponse acceptée.",
    "asking.thank": "Votre remerciement est noté : il se voit sous la réponse.",
    "asking.lacks": "C’est noté : ce qui manque se lit avec la question.",
    "asking.still_right": "C’est noté : votre réponse est toujours juste.",
    "asking.open": "C’est noté : votre question attend maintenant tous ceux qui la lisent.",
    "asking.delete": "Votre question est supprimée, avec ses réponses.",
    "preferences.saved": "Vos préférences sont enregistrées.",
    "preferences.passed_on": "Vos préférences sont enregistrées. Les questions qui vous "
    "attendaient passent à d’autres ; qui les pose le sait, sans votre nom. Cela ne s’annule pas.",
    "follow.follow": "C’est suivi : ce qui en est nouveau se verra à l’accueil.",
    "follow.unfollow": "Ce n’est plus suivi.",
    "follow.seen": "C’est noté : ces nouveautés ne sont plus montrées.",
    "follow.forget": "Vous ne suivez plus rien.",
    "document.right": "C’est noté : ce document est vérifié, à la date d’aujourd’hui.",
    "document.wrong": "C’est noté : ceux qui lisent ce document voient ce qui n’est plus juste.",
    "document.outdated": "Merci : son auteur saura, sans votre nom, qu’il n’est peut-être plus "
    "juste.",
    "document.take_back": "C’est annulé : vous n’en dites plus rien.",
    "document.forget": "Vous êtes revenu sur tout ce que vous aviez dit de documents.",
    "marked.wrong": "C’est noté : ceux qui lisent ce document voient ce qui n’est plus juste.",
    "marked.dismiss": "Le document est laissé tel quel.",
    "expected.add": "C’est noté : la recherche en tient compte d’ici une minute.",
    "expected.confirm": "C’est noté : ce texte y répond encore.",
    "expected.pin": "C’est noté : le document vient d’abord pour qui pose cette question.",
    "expected.unpin": "C’est noté : le document prend sa place dans les résultats.",
    "expected.remove": "Elle est retirée : la recherche en tient compte d’ici une minute.",
    "favourite.favourite": "Il est dans vos favoris, dans « Préférences ».",
    "favourite.no_favourite": "Il n’est plus dans vos favoris.",
    "favourite.forget_favourites": "Tous vos favoris sont effacés.",
    "ask.withdraw": "Votre retrait est fait : il agit dès la réponse suivante.",
    "take_back.withdraw": "Votre retrait est levé : il agit dès la réponse suivante.",
    "ask.refuse": "Vous n’êtes plus proposé sur ce sujet.",
    "take_back.refuse": "Vous pouvez de nouveau être proposé sur ce sujet.",
    "ask.declare": "Ce sujet est déclaré comme l’un des vôtres.",
    "take_back.declare": "Ce sujet n’est plus déclaré comme l’un des vôtres.",
    "ask.disown": "C’est noté : cela ne compte plus pour vous.",
    "take_back.disown": "C’est noté : cela compte de nouveau pour vous.",
    "ask.contact": "Votre choix est enregistré : les autres vous joignent ainsi.",
    "take_back.contact": "Les autres vous joignent de nouveau comme votre service l’a choisi.",
    "ask.join": "Vous êtes dans cette communauté.",
    "take_back.join": "Vous n’êtes plus dans cette communauté.",
    "ask.leave": "Vous n’êtes plus dans cette communauté.",
    "ask.decline": "Invitation refusée : votre nom n’est pas montré dans cette communauté.",
    "take_back.leave": "C’est annulé : vous n’avez ni refusé ni quitté cette communauté.",
    "topic.accept": "Le sujet est retenu : la cartographie suivante le montre.",
    "topic.merge": "Le sujet est réuni à celui que vous avez choisi.",
    "topic.refuse": "Le sujet est refusé : il ne sera plus proposé.",
    "topic.forget": "Votre décision est reprise.",
    "holder.remove": "C’est retiré. Cette personne lit votre raison et votre nom.",
    "holder.restore": "C’est annulé : cette personne peut de nouveau être proposée.",
    "community.accept": "La communauté est ouverte : tous la voient.",
    "community.refuse": "La communauté est refusée : elle ne sera plus proposée.",
    "community.forget": "Votre décision est reprise.",
    "community.pin": "C’est épinglé.",
    "community.unpin": "Ce n’est plus épinglé.",
    "community.close": "La communauté est close : on peut la lire, plus la rejoindre.",
    "community.reopen": "La communauté est rouverte.",
    "source.read": "C’est demandé : cela commence dès qu’un programme est libre.",
    "source.again": "C’est demandé : ce sera relu dès qu’un programme est libre.",
    "access.token": "Ce jeton n’ouvre plus rien.",
    "access.session": "Cette session est fermée.",
    "access.others": "Vos autres sessions sont fermées.",
}
"""A line in French that confirms each action of the core, by the action's key."""

Fields = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Undo:
    """The form that undoes an action: its address and its fields."""

    path: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Notice:
    """A confirmed action, and the form that undoes it; `path` is empty if it cannot be undone."""

    said: str
    path: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def noticed(
    request: Request, address: str, done: str, undo: Undo | None = None
) -> RedirectResponse:
    """Return the redirection to the page that confirms an action, `done`, the key of a notice.

    Scripts, and programs that are not browsers, get no notice, because no page follows. Raises
    `KeyError` for an unknown key.
    """
    if done not in _notices(request):
        raise KeyError(done)
    response, mode = RedirectResponse(address, 303), request.headers.get("sec-fetch-mode")
    if mode != "navigate" if mode else "origin" not in request.headers:
        return response
    pairs = [
        (name, one)
        for name, value in (undo.fields if undo else {}).items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    value = _sealed(request, [done, undo.path if undo else "", pairs])
    if len(value) > _LONGEST:
        value = _sealed(request, [done, "", []])
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, value, max_age=LIFE_S, secure=secure, httponly=True, samesite="lax")
    if "#" not in address:
        response.headers["location"] += "#fait"  # the notice: pages give it the focus
    return response


def notice_of(request: Request) -> Notice | None:
    """Return the notice for the page of a request, once: the answer deletes its cookie."""
    value = request.cookies.get(COOKIE, "")
    if not value or request.method != "GET":
        return None
    request.state.notice_shown = True
    found = _opened(request, value)
    notices = _notices(request)
    if found is None or found[0] not in notices:
        return None
    done, path, pairs = found
    return Notice(unbroken(notices[done]), path, tuple((name, one) for name, one in pairs))


@dataclass(frozen=True, slots=True)
class NoticeMiddleware:
    """Deletes the cookie of a notice with the answer that shows it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def answer(message: Message) -> None:
            shown = scope.get("state", {}).get("notice_shown")
            if shown and message["type"] == "http.response.start":
                ended = f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=lax"
                MutableHeaders(scope=message).append("set-cookie", ended)
            await send(message)

        await self.app(scope, receive, answer)


def _notices(request: Request) -> Mapping[str, str]:
    """Return the notices of the core and of the features, by key."""
    features = services_of(request).features
    return NOTICES | {key: said for one in features for key, said in one.notices.items()}


def _sealed(request: Request, content: list[Any]) -> str:
    """Return the content with a signature that holds for the reader of the request."""
    body = base64.urlsafe_b64encode(json.dumps(content, ensure_ascii=False).encode())
    return f"{body.decode()}.{_signature(request, body)}"


def _opened(request: Request, value: str) -> list[Any] | None:
    """Return the content that `_sealed` wrote for this reader; None for any other value."""
    body, _, signature = value.partition(".")
    own = _signature(request, body.encode())
    if not hmac.compare_digest(own.encode(), signature.encode()):
        return None
    found: list[Any] = json.loads(base64.urlsafe_b64decode(body))
    return found


def _signature(request: Request, body: bytes) -> str:
    signed = b"\0".join(((reader_of_page(request).agent_id or "").encode(), body))
    return hmac.new(services_of(request).notice_key, signed, hashlib.sha256).hexdigest()
