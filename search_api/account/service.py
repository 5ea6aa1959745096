"""« Préférences »: the reader's choices of questions, verifications and contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from connectors.values import ContactVia
from expertise.consent import PreferenceKind
from indexer.access import Reader
from search_api.favourites.service import OwnFavourites, own_favourites
from search_api.features import ChoicesForm, OwnField
from search_api.following.service import OwnFollows, own_follows
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
    checked: OwnVerifications | None
    added: Mapping[str, OwnField]


@dataclass(frozen=True, slots=True)
class Choices:
    """The input of the form «Préférences». Fields of features that are off have no effect.

    `per_month`: documents to verify in thirty days. `contact`: how others reach the reader.
    `added`: the choices of installed features, each an instance of the model of its form's fields.
    """

    asking: AskingPreferences
    per_month: int | None = None
    contact: ContactVia | None = None
    added: Sequence[BaseModel] = ()


def own_data(context: Services, reader: Reader) -> OwnData:
    """Return what is stored about the reader. Raises `NotFound`, `IndexUnreachable`."""
    held = stored_about(context, reader)
    added: dict[str, OwnField] = {}
    for feature in context.features:
        for name, data in feature.own_data(context, held.row.id).items():
            former = added.get(name)
            if isinstance(former, Sequence) and isinstance(data, Sequence):
                data = [*former, *data]
            added[name] = data
    return OwnData(
        held,
        own_favourites(context, reader),
        removals(context, held.of_kind(PreferenceKind.REMOVED)),
        own_asking(context, reader),
        own_load(context, known_agent(context, reader)) if context.part(Asking) else None,
        own_follows(context, reader),
        own_verifications(context, reader),
        added,
    )


def own_choices(context: Services, reader: Reader) -> Choices:
    """Return the reader's present choices. Raises `NotFound`, `IndexUnreachable`."""
    asked, forms = own_asking(context, reader), forms_of(context)
    checked, agent = own_verifications(context, reader), known_agent(context, reader)
    return Choices(
        asked.preferences if asked else AskingPreferences(),
        checked.per_month if checked else None,
        agent.contact_via,
        [said for form in forms if (said := form.present(context, reader)) is not None],
    )


def forms_of(context: Services) -> Sequence[ChoicesForm]:
    """Return what installed features add to the form."""
    return [feature.choices for feature in context.features if feature.choices is not None]


def set_preferences(context: Services, reader: Reader, said: Choices) -> bool:
    """Store the choices that differ from the present choices.

    Return whether questions that wait for the reader go on to others. Raises `InvalidParameter`,
    `NotFound`, `IndexUnreachable`.
    """
    present, passed_on = own_choices(context, reader), False
    if context.part(Asking) and said.asking != present.asking:
        passed_on = set_asking_preferences(context, reader, said.asking)
    if context.part(Verifying) and said.per_month not in (None, present.per_month):
        choose_pace(context, reader, said.per_month or 0)
    if said.contact not in (None, present.contact):
        ask_wish(context, reader, PreferenceKind.CONTACT, "", said.contact or "")
    for form in forms_of(context):
        for added in said.added:
            if isinstance(added, form.fields):
                form.store(context, reader, added)
    return passed_on
