"""Declares mail's routes, templates and fields of the page «Préférences»."""

from collections.abc import Mapping
from pathlib import Path

from indexer.access import Reader
from quisait_mail.routes import api_router, router
from quisait_mail.schemas import MailPreferencesBody, OwnMailBody, describe_own_mail
from quisait_mail.service import own_mail, set_mail_preferences
from quisait_mail.storage import ANSWERED_PER_WEEK, Mailing
from search_api.context import AnswerContext
from search_api.features import ChoicesForm, MenuEntry, WebFeature


def mail_web(mailing: Mailing | None) -> WebFeature:
    """Return routes, and what pages show where mail is sent; without it, the routes answer 404."""
    title = "Ce qui vous est envoyé par courriel"
    sent = mailing is not None
    shown = mailing is not None and mailing.shown is not None
    entry = MenuEntry(path="/demo/mails", label="Courriels", section="demo_mails", below="demo")
    return WebFeature(
        routers=(api_router, router),
        templates=Path(__file__).parent / "templates",
        blocks={
            "preferences.form": "preferences_mail.html",
            "me.after_verifications": "me_mail.html",
            "question.told": "question_mail.html",
        }
        if sent
        else {},
        anchors={
            "preferences.form": ("courriels", title),
            "me.after_verifications": ("courriels", "Les courriels qui vous sont envoyés"),
        }
        if sent
        else {},
        values={"most_answered": ANSWERED_PER_WEEK},
        menu=(entry,) if shown else (),
        own_data=_own_data,
        choices=ChoicesForm(fields=MailPreferencesBody, present=_present, store=_store),
        describe=describe_own_mail,
        tags={"/api/v1/mail": "me"},
    )


def _own_data(context: AnswerContext, agent_id: str) -> Mapping[str, OwnMailBody | None]:
    own = own_mail(context, agent_id)
    return {"mail": OwnMailBody.model_validate(own) if own else None}


def _present(context: AnswerContext, reader: Reader) -> MailPreferencesBody | None:
    own = own_mail(context, reader.agent_id or "")
    return MailPreferencesBody.model_validate(own.preferences) if own else None


def _store(context: AnswerContext, reader: Reader, said: MailPreferencesBody) -> None:
    """Store choices that differ; choices that are saved again try a refused address again."""
    own, chosen = own_mail(context, reader.agent_id or ""), said.chosen()
    if own is not None and chosen != own.preferences:
        set_mail_preferences(context, reader, chosen)
