"""Adding a source on the administrator's page: steps, trial, and writing the settings.

The entered values are sent with each form, so that going back keeps them; they are not stored here,
and only the source's name appears in an address. Trials run in separate threads, so that no reader
waits for them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from quisait_desk.service import (
    FormIncomplete,
    SourceSample,
    offered_kinds_of_sources,
    source_addition,
    source_sample,
    source_step,
    write_new_source,
)
from quisait_desk.sources import DeskSources
from quisait_desk.values import SettingsAddition, SourceForm, SourceStep
from search_api.authorization import require
from search_api.context import InvalidParameter, RoleHolder
from search_api.features import service_of
from search_api.identity.principals import Role
from search_api.parameters import EnteredForm
from search_api.templating import render

new_source_router = APIRouter(include_in_schema=False)

_STEP, _FROM = "step", "from"
STEP_NAMES = {
    SourceStep.KIND: "Sorte",
    SourceStep.PLACE: "Adresse",
    SourceStep.ACCOUNT: "Compte",
    SourceStep.READERS: "Lecteurs",
    SourceStep.OPTIONS: "Réglages",
}

_trials = ThreadPoolExecutor(max_workers=4, thread_name_prefix="source trial")

Administrator = Annotated[RoleHolder, require(Role.ADMINISTRATOR)]
AdministratorOfSource = Annotated[RoleHolder, require(Role.ADMINISTRATOR, "source")]


@new_source_router.get("/administration/new-source", response_class=HTMLResponse)
def new_source_page(request: Request, administrator: Administrator) -> HTMLResponse:
    """Show the first step: the kind of source."""
    return _step(request, administrator, {}, SourceStep.KIND)


@new_source_router.post("/administration/new-source", response_class=HTMLResponse)
def new_source_step(
    request: Request, administrator: Administrator, entered: EnteredForm
) -> HTMLResponse:
    """Show the next step if the entered values are right so far, or a former step."""
    to, came_from = _step_of(entered.pop(_STEP, "")), _step_of(entered.pop(_FROM, ""))
    entered.pop("confirmed", "")
    if "more" in entered:  # show another row of the same step
        to = came_from
    order = list(SourceStep)
    forward = came_from is not None and to is not None and order.index(to) > order.index(came_from)
    return _step(
        request, administrator, entered, to or SourceStep.KIND, came_from if forward else None
    )


@new_source_router.post("/administration/new-source/{source}/trial", response_class=HTMLResponse)
async def try_new_source(
    request: Request, administrator: AdministratorOfSource, source: str, entered: EnteredForm
) -> HTMLResponse:
    """Show the first documents and readers; titles only if the administrator may read them."""
    return await _in_its_own_thread(
        partial(_trial_page, request, administrator, entered | {"name": source}, with_titles=False)
    )


@new_source_router.post("/administration/new-source/{source}/titles", response_class=HTMLResponse)
async def try_new_source_with_titles(
    request: Request, administrator: AdministratorOfSource, source: str, entered: EnteredForm
) -> HTMLResponse:
    """Show the first documents with every title, and note it in the audit log."""
    confirmed = entered.pop("confirmed", "") == "true"
    return await _in_its_own_thread(
        partial(
            _trial_page, request, administrator, entered | {"name": source}, with_titles=confirmed
        )
    )


@new_source_router.post("/administration/new-source/{source}/settings", response_class=HTMLResponse)
def write_source(
    request: Request, administrator: AdministratorOfSource, source: str, entered: EnteredForm
) -> HTMLResponse:
    """Write the source into the settings, or show what to paste there."""
    sources, refusal = service_of(request, DeskSources), ""
    entered.pop("confirmed", "")
    entered["name"] = source  # the name in the audit log
    try:
        added = write_new_source(sources, administrator, entered)
    except FormIncomplete as wrong:
        return _form_page(request, administrator, wrong.form, entered)
    except InvalidParameter as refused:
        refusal = str(refused)
        added = source_addition(sources, administrator, entered)
    page = render(
        "new_source_written.html",
        request=request,
        added=added,
        refusal=refusal,
        source=entered.get("name", ""),
        entered=entered,
    )
    return HTMLResponse(page, status_code=422 if refusal else 200)


async def _in_its_own_thread(page: Callable[[], HTMLResponse]) -> HTMLResponse:
    return await asyncio.get_running_loop().run_in_executor(_trials, page)


def _trial_page(
    request: Request, administrator: RoleHolder, entered: dict[str, str], *, with_titles: bool
) -> HTMLResponse:
    sources, refusal = service_of(request, DeskSources), ""
    entered.pop(_STEP, "")
    entered.pop(_FROM, "")
    entered.pop("confirmed", "")
    sample: SourceSample | None = None
    added: SettingsAddition | None = None
    try:
        added = source_addition(sources, administrator, entered)
        sample = source_sample(sources, administrator, entered, with_titles=with_titles)
    except FormIncomplete as wrong:
        return _form_page(request, administrator, wrong.form, entered)
    except InvalidParameter as refused:
        refusal = str(refused)
    steps = source_step(sources, administrator, entered, SourceStep.PLACE).steps
    page = render(
        "new_source_trial.html",
        request=request,
        steps=steps[1:],
        step_names=STEP_NAMES,
        sample=sample,
        added=added,
        refusal=refusal,
        with_titles=with_titles,
        entered=entered,
        source=entered.get("name", ""),
    )
    return HTMLResponse(page)


def _step(
    request: Request,
    administrator: RoleHolder,
    entered: dict[str, str],
    step: SourceStep,
    after: SourceStep | None = None,
) -> HTMLResponse:
    form = source_step(service_of(request, DeskSources), administrator, entered, step, after=after)
    return _form_page(request, administrator, form, entered)


def _form_page(
    request: Request, administrator: RoleHolder, form: SourceForm, entered: dict[str, str]
) -> HTMLResponse:
    page = render(
        "new_source.html",
        request=request,
        form=form,
        kinds=offered_kinds_of_sources(service_of(request, DeskSources), administrator),
        chosen=entered.get("kind", ""),
        step_names=STEP_NAMES,
    )
    return HTMLResponse(page, status_code=422 if form.wrong else 200)


def _step_of(name: str) -> SourceStep | None:
    return SourceStep(name) if name in list(SourceStep) else None
