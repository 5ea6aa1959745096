# mypy: ignore-errors
# Django is in the server's own environment.
"""Addresses of the archives' pages; those below `essai/` are manual actions of users and owners."""

import json

from allauth.account.models import EmailAddress
from django.conf.urls import include
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from hyperkitty.models import Email, MailingList, Thread

PASSWORD = "secret"


def _person(name):
    address = f"{name}@exemple.fr"
    user, made = User.objects.get_or_create(username=name, email=address)
    if made:
        user.set_password(PASSWORD)
        user.save()
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    return user


def _sync(mlist):
    MailingList.objects.get_or_create(name=mlist)
    MailingList.objects.get(name=mlist).update_from_mailman()


def _vote(mlist, message, name, value):
    _one(mlist, message).vote(value, _person(name))
    cache.clear()


def _delete(mlist, message):
    _one(mlist, message).delete()


def _attach(mlist, message, parent):
    _one(mlist, message).set_parent(_one(mlist, parent))


def _empty(mlist):
    for thread in Thread.objects.filter(mailinglist__name=mlist):
        thread.delete()


def _one(mlist, message):
    return Email.objects.get(mailinglist__name=mlist, message_id=message)


ACTIONS = {
    "person": _person,
    "sync": _sync,
    "vote": _vote,
    "delete": _delete,
    "attach": _attach,
    "empty": _empty,
}


@csrf_exempt
def act(request: HttpRequest, action: str) -> JsonResponse:
    """One action, with the arguments that the body names."""
    ACTIONS[action](**json.loads(request.body))
    return JsonResponse({})


urlpatterns = [
    path("archives/", include("hyperkitty.urls")),
    path("", include("django_mailman3.urls")),
    path("accounts/", include("allauth.urls")),
    path("essai/<str:action>", act),
]
