"""French sentences about questions to experts."""

from datetime import timedelta

from search_api.questions.values import OpenQuestionFigures, PassedOn, QuestionLoad, QuestionStage
from search_api.wording import day, plural


def answered_before(count: int) -> str:
    """Return the sentence on questions that «Cela répond» ended in a year, or an empty text."""
    said = "En un an, {num} question a trouvé sa réponse avant d’être posée."
    more = "En un an, {num} questions ont trouvé leur réponse avant d’être posées."
    return plural(said, more, count) if count else ""


def open_figures(found: OpenQuestionFigures) -> str:
    """Return the year's figures of questions open to everybody; empty if there are none."""
    asked = plural(
        "En un an, {num} question ouverte à tous a été posée",
        "En un an, {num} questions ouvertes à tous ont été posées",
        found.asked,
    )
    answered = plural("{num} a une réponse", "{num} ont une réponse", found.answered)
    half = "la moitié en " if found.answered > 1 else "en "
    met = f"{answered}, {half}{_lasting(found.median)} au plus" if found.median else ""
    said = [f"{asked} ; {met or 'aucune n’a encore de réponse'}."] if found.asked else []
    if found.found_again:
        again = "{num} fois, une question déjà posée a évité de la poser à nouveau."
        said.append(plural(again, again, found.found_again))
    return " ".join(said)


def where_a_question_stands(
    stage: QuestionStage,
    recipients: int,
    answer_days: int,
    *,
    on_topic: bool,
    passed_on: bool,
    first: str = "",
) -> str:
    """Return the sentence that tells an asker who may answer their question now.

    `recipients`: number of agents who may be asked, 0 if nobody was asked; `answer_days`: number of
    days in which each may answer. `on_topic`: the question has a topic; `passed_on`: an agent
    passed the question on. `first`: name of the agent whom the asker chose, or empty.
    """
    if stage is QuestionStage.EXPERTS:
        # True whether or not somebody declined, which nobody is told.
        most = plural("{num} jour", "{num} jours", answer_days)
        count = f" ({recipients} en tout au plus)" if recipients else ""
        if passed_on:
            return (
                f"Elle va à une autre personne qui sait sans doute, s’il y en a{count} ; sans "
                f"réponse en {most}, elle attend tous ceux qui la lisent."
            )
        then = "" if recipients == 1 else f"va à la suivante s’il y en a{count}, puis "
        asked = (
            f"Posée d’abord à {first}, si cette personne pouvait la recevoir"
            if first
            else "Elle a été posée à une personne qui sait sans doute"
        )
        return f"{asked} ; sans réponse en {most}, elle {then}attend tous ceux qui la lisent."
    if stage is QuestionStage.COMMUNITY:
        return "Elle attend la communauté du sujet ; tous ceux qui la lisent peuvent y répondre."
    animated = "le sujet" if on_topic else "votre entité"
    put = "n’est plus posée" if recipients else "n’est posée"
    return (
        f"Elle {put} à personne en particulier : tous ceux qui la lisent peuvent y répondre. Qui "
        f"anime {animated}, s’il y a quelqu’un, la voit dans sa liste."
    )


def questions_this_week(load: QuestionLoad) -> str:
    """Return the sentence that tells an agent how many questions they were asked this week."""
    if not load.per_week:
        return "Vous avez choisi de ne recevoir aucune question."
    if not load.this_week:
        return f"Aucune question ne vous a été posée en sept jours, sur {load.per_week} au plus."
    return plural(
        "{num} question vous a été posée en sept jours, sur {most} au plus.",
        "{num} questions vous ont été posées en sept jours, sur {most} au plus.",
        load.this_week,
        most=load.per_week,
    )


def passed_on(found: PassedOn) -> str:
    """Return the sentence that says when and why an agent passed a question on."""
    when = f" le {day(found.on)}" if found.on else ""
    return f"Une personne a passé la main{when} : « {found.reason} »"


def _lasting(time: timedelta) -> str:
    """Return a duration in hours, or in days from 24 hours on, rounded up."""
    hours = max(1, -(-time // timedelta(hours=1)))
    if hours < 24:
        return plural("{num} heure", "{num} heures", hours)
    return plural("{num} jour", "{num} jours", -(-time // timedelta(days=1)))
