"""The newest documents on a topic, by a search under the reader's rights."""

import re
from datetime import date, timedelta

from expertise.topics import Topic
from indexer.access import Reader
from indexer.values import Card
from search_api.context import AnswerContext
from search_api.query.query import Query, ResultOrder
from search_api.ranking.results import Result
from search_api.wording import in_force

READ_OF_EACH = 20
"""Number of documents of a topic, or of a département, that are examined."""
RECENT = timedelta(days=365)
"""Maximum age of documents that are shown as changes of a community's topic."""
_SAID = re.compile(r'["()]')


def news_on(context: AnswerContext, reader: Reader, topic: Topic) -> tuple[Card, ...]:
    """Return a topic's documents of the last year, newest first. Raises `IndexUnreachable`."""
    today = context.today()
    found = (one.card for one in newest(context, reader, any_label(topic), today))
    recent = (one for one in found if (day := _day(one)) is not None and today - day <= RECENT)
    return tuple(sorted(recent, key=_newest_first))


def newest(
    context: AnswerContext,
    reader: Reader,
    text: str,
    today: date,
    filters: dict[str, tuple[str, ...]] | None = None,
) -> tuple[Result, ...]:
    """Return documents in force, newest first."""
    asked = Query(text, filters or {}, page_size=READ_OF_EACH, order=ResultOrder.DATE)
    found = context.search.answer(asked, reader, today).results
    return tuple(one for one in found if not one.replaced_by and in_force(one.card, today))


def any_label(topic: Topic) -> str:
    """Return a query that matches any label of a topic."""
    said = [" ".join(_SAID.sub(" ", label).split()) for label in topic.labels]
    quoted = [f'"{label}"' for label in said if label]
    return f"({' OU '.join(quoted)})" if len(quoted) > 1 else "".join(quoted)


def _day(card: Card) -> date | None:
    moment = card.modified or card.created
    return moment.date() if moment else None


def _newest_first(card: Card) -> tuple[int, str]:
    return -(_day(card) or date.min).toordinal(), card.document_id
