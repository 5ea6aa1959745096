"""« Préférences »: the reader's choices of questions, verifications, mail and contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from connectors.values import ContactVia
from expertise.consent import PreferenceKind
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.favourites.service import OwnFavourites, own_favourites
from search_api.following.service import OwnFollows, own_follows
from search_api.mail.service import OwnMail, own_mail, set_mail_preferences
from search_api.mail.storage import Mailing
from search_api.mail.values import MailPreferences
from search_api.people.agents import StoredData, ask_wish, stored_about
from search_api.people.corrections import Removal, removals
from search_api.questions.reading import known_agent
from search_api.questions.service import own_asking, own_load, set_asking_preferences
from search_api.questions.storage import Asking
from search_api.questions.values import AskingPreferences, OwnAsking, QuestionLoad
from search_api.services import Services
from search_api.verification.service import choose_pace, own_verifications
from search_api.verification.storage import OwnVerifications, Verifying


@dataclass(frozen=True, slots=True)
class OwnData:
    """The data stored about a reader, with their choices. Both pages of «Moi» show parts of it.

    A field is None if its feature is off. `removed`: topics from which an animator removed them.
    `load`: how many questions they receive. `added`: what installed features store, by field of
    the API (`WebFeature.own_data`).
    """

    held: StoredData
    favourites: OwnFavourites
    removed: tuple[Removal, ...]
    asked: OwnAsking | None
    load: QuestionLoad | None
    followed: OwnFollows | None
    mail: OwnMail | None
    checked: OwnVerifications | None
    added: Mapping[str, Sequence[BaseModel]]


@dataclass(frozen=True, slots=True)
class Choices:
    """The input of the form «Préférences». Fields of features that are off have no effect.

    `per_month`: documents to verify in thirty days. `contact`: how others reach the reader.
    """

    asking: AskingPreferences
    mail: MailPreferences
    per_month: int | None = None
    contact: ContactVia | None = None


def own_data(context: Services, reader: Reader) -> OwnData:
    """Return what is stored about the reader. Raises `NotFound`, `IndexUnreachable`."""
    held = stored_about(context, reader)
    added: dict[str, list[BaseModel]] = {}
    for feature in context.features:
        for name, rows in feature.own_data(context, held.row.id).items():
            added.setdefault(name, []).extend(rows)
    return OwnData(
        held,
        own_favourites(context, reader),
        removals(context, held.of_kind(PreferenceKind.REMOVED)),
        own_asking(context, reader),
        own_load(context, known_agent(context, reader)) if context.part(Asking) else None,
        own_follows(context, reader),
        own_mail(context, reader),
        own_verifications(context, reader),
        added,
    )


def own_choices(context: AnswerContext, reader: Reader) -> Choices:
    """Return the reader's present choices. Raises `NotFound`, `IndexUnreachable`."""
    asked, mail = own_asking(context, reader), own_mail(context, reader)
    checked, agent = own_verifications(context, reader), known_agent(context, reader)
    return Choices(
        asked.preferences if asked else AskingPreferences(),
        mail.preferences if mail else MailPreferences(),
        checked.per_month if checked else None,
        agent.contact_via,
    )


def set_preferences(context: AnswerContext, reader: Reader, said: Choices) -> bool:
    """Store the choices that differ from the present choices.

    Return whether questions that wait for the reader go on to others.
    If the choices of mail change, an address that a server had refused is tried again. Raises
    `InvalidParameter`, `NotFound`, `IndexUnreachable`.
    """
    present, passed_on = own_choices(context, reader), False
    if context.part(Asking) and said.asking != present.asking:
        passed_on = set_asking_preferences(context, reader, said.asking)
    if context.part(Mailing) and said.mail != present.mail:
        set_mail_preferences(context, reader, said.mail)
    if context.part(Verifying) and said.per_month not in (None, present.per_month):
        choose_pace(context, reader, said.per_month or 0)
    if said.contact not in (None, present.contact):
        ask_wish(context, reader, PreferenceKind.CONTACT, "", said.contact or "")
    return passed_on
