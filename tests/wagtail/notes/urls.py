# mypy: ignore-errors
"""The site's addresses, with `POST /acts` for its authors.

A list of acts is done in order, each answered by the number of its page. How acts arrive is the
tests' own; what they call is Wagtail's.
"""

import json
import sqlite3
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.utils import timezone
from wagtail import urls as wagtail_urls
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.models import Page, PageViewRestriction, Site
from wagtail.signal_handlers import disable_reference_index_auto_update

from notes.models import MutePage, NotePage

MODELS = {"note": NotePage, "mute": MutePage}
AS_MADE = sqlite3.connect(":memory:", check_same_thread=False)
STATE = {"closed": False}

with sqlite3.connect(settings.DATABASES["default"]["NAME"]) as made:
    made.backup(AS_MADE)


def reset(port):
    """The site as it was made, without a page but its own."""
    connection.close()
    with sqlite3.connect(settings.DATABASES["default"]["NAME"]) as target:
        AS_MADE.backup(target)
    Site.objects.update(hostname="127.0.0.1", port=port)
    STATE["closed"], settings.WAGTAILAPI_LIMIT_MAX = False, 20


def add(kind="note", parent=0, created="", **said):
    """A page that is published: as it is made, which spares its revision."""
    page, now = MODELS[kind](), timezone.now()
    for name, value in said.items():
        setattr(page, name, json.dumps(value) if name == "blocks" else value)
    page.first_published_at = datetime.fromisoformat(created) if created else now
    page.last_published_at = now
    above = Page.objects.get(pk=parent) if parent else Site.objects.get().root_page
    above.add_child(instance=page)
    return page.pk


def change(page, *, publish=True, **said):
    """Its new fields; published, or kept as a draft."""
    page = Page.objects.get(pk=page).specific
    for name, value in said.items():
        setattr(page, name, json.dumps(value) if name == "blocks" else value)
    revision = page.save_revision()
    if publish:
        revision.publish()
    return page.pk


def move(page, parent):
    """To below another."""
    Page.objects.get(pk=page).move(Page.objects.get(pk=parent), pos="last-child")


def delete(page):
    """With all below it."""
    Page.objects.get(pk=page).delete()


def unpublish(page):
    """A draft again."""
    Page.objects.get(pk=page).specific.unpublish()


def restrict(page, kind):
    """It and all below it, for whoever logs in or knows a password."""
    PageViewRestriction.objects.create(page_id=page, restriction_type=kind, password="x")


def unrestrict(page):
    """For everybody again."""
    PageViewRestriction.objects.filter(page_id=page).delete()


def close():
    """The interface answers nobody."""
    STATE["closed"] = True


def limit(most):
    """How many pages an answer may hold."""
    settings.WAGTAILAPI_LIMIT_MAX = most


def host(called):
    """What the site believes to be called."""
    Site.objects.update(hostname=called)


ACTS = {
    one.__name__: one
    for one in (
        *(reset, add, change, move, delete, unpublish),
        *(restrict, unrestrict, close, limit, host),
    )
}


def act(request):
    """What was done, act by act."""
    acts = json.loads(request.body)
    if [name for name, _ in acts] == ["reset"]:
        reset(**acts[0][1])
        return JsonResponse([None], safe=False)
    with transaction.atomic(), disable_reference_index_auto_update():
        done = [ACTS[name](**said) for name, said in acts]
    Site.clear_site_root_paths_cache()
    return JsonResponse(done, safe=False)


def closing(respond):
    """The middleware that refuses."""

    def answer(request):
        if STATE["closed"] and request.path.startswith("/api/"):
            return HttpResponse("{}", status=403, content_type="application/json")
        return respond(request)

    return answer


router = WagtailAPIRouter("wagtailapi")
router.register_endpoint("pages", PagesAPIViewSet)
urlpatterns = [path("acts", act), path("api/v2/", router.urls), path("", include(wagtail_urls))]
