"""Coverage for a spreadsheet: an area's topics, or a topic's areas."""

from collections.abc import Iterable

from expertise.overview_values import AreaCount, Count, TopicCount
from search_api.catalogue.texts import _
from search_api.topics.isolation_table import table
from search_api.topics.schemas import area_label, risks
from search_api.wording import RISKS

_COUNTED = ("personnes", "declarent_seulement")
_TOPICS = ("sujet", "libelle", "genre", *_COUNTED, "questions_sans_reponse", "a_surveiller")
_AREAS = ("territoire", "nom_territoire", *_COUNTED)


def topics_csv(rows: Iterable[TopicCount]) -> str:
    """One line for each topic of an area, as `isolation_table.table` writes it."""
    return table(
        _TOPICS,
        (
            (
                one.topic.id,
                one.topic.label,
                one.topic.kind,
                count_text(one.holders),
                count_text(one.declared),
                str(one.open_questions),
                ", ".join(_(RISKS[name]) for name in risks(one)),
            )
            for one in rows
        ),
    )


def areas_csv(rows: Iterable[AreaCount]) -> str:
    """One line for each area of a topic: the country, regions, départements."""
    return table(
        _AREAS,
        (
            (
                one.code,
                area_label(one.code),
                count_text(one.holders),
                count_text(one.declared),
            )
            for one in rows
        ),
    )


def count_text(count: Count) -> str:
    """`3`, or `10 et plus` where nobody counted further."""
    return f"{count.agents} {_('et plus')}" if count.more else str(count.agents)
