"""«Moi»: API and pages that show what is stored about the reader, and store their choices."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.datastructures import FormData

from connectors.account_linking import LinkBy
from connectors.values import ContactVia
from expertise.consent import WHOLE_SERVICE, PreferenceKind
from expertise.topics import TopicKind
from indexer.access import Reader
from search_api.account.schemas import (
    HELD_ELSEWHERE,
    NOT_HELD,
    PURPOSE,
    MeBody,
    WishRequest,
    my_data_body,
)
from search_api.account.service import (
    Choices,
    forms_of,
    own_choices,
    own_data,
    set_preferences,
)
from search_api.addresses import local_path, topic_address
from search_api.authorization import IN_PERSON
from search_api.bodies import PROBLEMS
from search_api.favourites.service import FavouriteAction, change_favourite, favourite_reverse
from search_api.favourites.storage import SubjectKind
from search_api.features import ChoicesForm
from search_api.notices import Fields, Undo, noticed
from search_api.parameters import EMPTY_IS_NONE, NamedReader, day_of_field
from search_api.people.agents import ask_wish, take_back_wish, wish_before
from search_api.questions.storage import Asking
from search_api.questions.values import MOST_PER_WEEK, AskingPreferences, RequestState
from search_api.services import Services, services_of
from search_api.templating import render
from search_api.verification.storage import MOST_PER_MONTH

api_router = APIRouter(prefix="/api/v1/me", responses=PROBLEMS, dependencies=IN_PERSON)


@api_router.get("", response_model=MeBody)
def me(request: Request, reader: NamedReader) -> JSONResponse:
    """Return everything that is stored about the reader, and its origin."""
    return _body(services_of(request), reader)


@api_router.get("/export", response_model=MeBody)
def export(request: Request, reader: NamedReader) -> JSONResponse:
    """Return everything that is stored about the reader as a file."""
    response = _body(services_of(request), reader)
    response.headers["Content-Disposition"] = 'attachment; filename="mes-donnees.json"'
    return response


@api_router.post("/wishes", response_model=MeBody)
def ask(request: Request, reader: NamedReader, asked: WishRequest) -> JSONResponse:
    """Withdraw, refuse or declare a topic, disown a document, or choose a contact.

    The wish applies from the next answer on.
    """
    services = services_of(request)
    ask_wish(services, reader, asked.kind, asked.subject, asked.way)
    return _body(services, reader)


@api_router.delete("/wishes", response_model=MeBody)
def take_back(
    request: Request,
    reader: NamedReader,
    kind: PreferenceKind,
    subject: Annotated[str, Query(max_length=4_000)] = "",
) -> JSONResponse:
    """Take a wish back; `disown` without a subject takes back all disowned documents."""
    services = services_of(request)
    take_back_wish(services, reader, kind, subject)
    return _body(services, reader)


def _body(services: Services, reader: Reader) -> JSONResponse:
    """Return a `MeBody`, with the rows that installed features store."""
    own = own_data(services, reader)
    body: dict[str, Any] = my_data_body(own).model_dump(mode="json")
    for name, data in own.added.items():
        if isinstance(data, Sequence):
            body[name] = [*body.get(name, ()), *(row.model_dump(mode="json") for row in data)]
        else:
            body[name] = data.model_dump(mode="json") if data else None
    return JSONResponse(body)


router = APIRouter(include_in_schema=False, dependencies=IN_PERSON)

CONTACT_WAYS: dict[ContactVia, str] = {
    ContactVia.DIRECT: "directement",
    ContactVia.SERVICE: "par la boîte du service",
    ContactVia.HEAD: "par le chef de service",
    ContactVia.NONE: "ne pas donner d’adresse",
}

JOIN_REASONS: dict[LinkBy | None, str] = {
    LinkBy.ID: "il porte votre identifiant d’agent, selon la règle réglée pour cette source",
    LinkBy.EMAIL: (
        "il porte votre adresse électronique, selon la règle réglée pour cette source, "
        "dont l’administration déclare qu’elle vérifie les adresses"
    ),
    None: "l’annuaire vous le donne, ou la table des comptes tenue par l’administration",
}
"""Reasons why an account belongs to an agent."""


REQUEST_STATES: dict[RequestState, str] = {
    RequestState.WAITING: "elle vous attend",
    RequestState.ACCEPTED: "vous avez accepté d’y répondre",
    RequestState.DECLINED: "vous l’avez déclinée",
    RequestState.PASSED_ON: "vous avez passé la main",
    RequestState.EXPIRED: "elle est passée à quelqu’un d’autre",
    RequestState.ANSWERED: "vous y avez répondu",
}


CORRECTIONS = (PreferenceKind.REFUSE, PreferenceKind.DECLARE, PreferenceKind.REMOVED)
"""Kinds of wishes after which a topic is not offered for correction."""

WishSubject = Annotated[str, StringConstraints(max_length=4_000)]


class WishAction(StrEnum):
    """Action of a form about a wish."""

    ASK = "ask"
    TAKE_BACK = "take_back"


@router.get("/mes-donnees", response_class=HTMLResponse)
def me_page(request: Request, reader: NamedReader) -> str:
    """Show what is stored about the reader, and where it comes from; nothing changes here."""
    own = own_data(services_of(request), reader)
    return render(
        "me.html",
        request=request,
        own=own,
        labels={one.id: one.label for one in own.held.topics},
        purpose=PURPOSE,
        not_held=NOT_HELD,
        held_elsewhere=HELD_ELSEWHERE,
        contact_ways=CONTACT_WAYS,
        joins=JOIN_REASONS,
        request_states=REQUEST_STATES,
    )


@router.get("/mes-donnees/retrait")
def withdrawal_page() -> RedirectResponse:
    """Redirect an address of earlier versions."""
    return RedirectResponse("/preferences#retrait", status_code=301)


@router.get("/preferences", response_class=HTMLResponse)
def preferences_page(request: Request, reader: NamedReader) -> str:
    """Show the reader's choices, and the data that they may correct or delete."""
    services = services_of(request)
    own = own_data(services, reader)
    topics, wishes = own.held.topics, own.held.wishes
    asking = services.part(Asking)
    corrected = {one.preference.subject for one in wishes if one.preference.kind in CORRECTIONS}
    return render(
        "preferences.html",
        request=request,
        own=own,
        declarable=[
            one for one in topics if one.kind is TopicKind.TOPIC and one.id not in corrected
        ],
        receivable=[
            one
            for one in topics
            if one.kind is TopicKind.TOPIC or own.held.row.metier in one.labels
        ],
        withdrawn_whole=WHOLE_SERVICE in own.held.withdrawn,
        contact_ways=CONTACT_WAYS,
        topic_address=topic_address,
        asking_rules=asking.rules if asking else None,
        most_checked=MOST_PER_MONTH,
        most_per_week=MOST_PER_WEEK,
    )


async def _whole_form(request: Request) -> FormData:
    return await request.form()


WholeForm = Annotated[FormData, Depends(_whole_form)]
"""All fields of a form, of which installed features read theirs."""


def _read(form: ChoicesForm, whole: FormData) -> BaseModel:
    """Return the fields of a feature's form. Raises `RequestValidationError`."""
    try:
        return form.fields.model_validate(
            {name: whole[name] for name in form.fields.model_fields if name in whole}
        )
    except ValidationError as error:
        faults = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(faults) from error


class _ChoicesForm(BaseModel):
    """The core's fields of the form."""

    receives: bool = False
    topics: list[str] = Field([], max_length=500)
    per_week: str = Field("", max_length=3, pattern=r"^[0-9]*$")
    absent_until: str = Field("", max_length=10)
    per_month: Annotated[int | None, EMPTY_IS_NONE] = Field(None, ge=0, le=MOST_PER_MONTH)
    contact: Annotated[ContactVia | None, EMPTY_IS_NONE] = None


@router.post("/preferences")
def choose(
    request: Request,
    reader: NamedReader,
    whole: WholeForm,
    form: Annotated[_ChoicesForm, Form()],
) -> RedirectResponse:
    """Store the choices of the form, then show the page again."""
    services = services_of(request)
    chosen = Choices(
        AskingPreferences(
            form.receives,
            tuple(filter(None, form.topics)),
            int(form.per_week) if form.per_week else None,
            day_of_field(form.absent_until),
        ),
        form.per_month,
        form.contact,
        [_read(added, whole) for added in forms_of(services)],
    )
    undo = Undo("/preferences", _fields_of(own_choices(services, reader)))
    passed_on = set_preferences(services, reader, chosen)
    done = "preferences.passed_on" if passed_on else "preferences.saved"
    return noticed(request, "/preferences", done, undo)


def _fields_of(said: Choices) -> Fields:
    """Return the form's fields for these choices."""
    asking = said.asking
    added = {name: text for one in said.added for name, text in one.model_dump(mode="json").items()}
    return {
        **({"receives": "true"} if asking.receives else {}),
        **{name: "true" if text is True else str(text) for name, text in added.items() if text},
        "topics": asking.topics,
        "per_week": "" if asking.per_week is None else str(asking.per_week),
        "absent_until": asking.absent_until.isoformat() if asking.absent_until else "",
        **({} if said.per_month is None else {"per_month": str(said.per_month)}),
        **({} if said.contact is None else {"contact": said.contact.value}),
    }


class _WishForm(BaseModel):
    """A form about a wish, for each `subject`; `back`: address of the page to return to."""

    act: WishAction
    kind: PreferenceKind
    subject: list[WishSubject] = [""]
    way: str = Field("", max_length=20)
    back: str = Field("/preferences", max_length=8_000)


@router.post("/mes-donnees")
def change(
    request: Request, reader: NamedReader, form: Annotated[_WishForm, Form()]
) -> RedirectResponse:
    """Apply or take back a wish for each subject, then show the page again."""
    services = services_of(request)
    undo = _undo(services, reader, form.kind, form.subject, form.back)
    for subject in form.subject:
        if form.act is WishAction.ASK:
            ask_wish(services, reader, form.kind, subject, form.way)
        else:
            take_back_wish(services, reader, form.kind, subject)
    return noticed(request, local_path(form.back), f"{form.act}.{form.kind}", undo)


def _undo(
    services: Services, reader: Reader, kind: PreferenceKind, subjects: list[str], back: str
) -> Undo | None:
    """Return the form that restores the present wishes; None if no form can restore them."""
    before = wish_before(services, reader, kind, subjects[0])
    if before is None:
        return None
    act = WishAction.ASK if before.in_force else WishAction.TAKE_BACK
    fields = {"act": act, "kind": before.kind, "way": before.way}
    return Undo("/mes-donnees", fields | {"subject": subjects, "back": back})


@router.post("/favoris")
def mark_favourite(
    request: Request,
    reader: NamedReader,
    act: Annotated[FavouriteAction, Form()],
    kind: Annotated[SubjectKind, Form()] = SubjectKind.DOCUMENT,
    subject: Annotated[str, Form(max_length=4_000)] = "",
    back: Annotated[str, Form(max_length=8_000)] = "/",
) -> RedirectResponse:
    """Add or delete a favourite; then return to the same place."""
    services = services_of(request)
    reverse = favourite_reverse(services, reader, act, kind, subject)
    change_favourite(services, reader, act, kind, subject)
    fields = {"act": reverse or "", "kind": kind, "subject": subject, "back": back}
    undo = Undo("/favoris", fields) if reverse else None
    return noticed(request, local_path(back), f"favourite.{act}", undo)
