"""What the home page shows below the search field."""

from dataclasses import dataclass

from indexer.access import Reader
from search_api.communities.service import note_told
from search_api.context import AnswerContext
from search_api.following.service import HOME_SEARCHES, News, news
from search_api.home.service import Home, home
from search_api.home.to_do import ToDo, to_do


@dataclass(frozen=True, slots=True)
class HomePage:
    """The sections of the home page; news and pending tasks are None for a program."""

    sections: Home
    news: News | None = None
    to_do: ToDo | None = None


def home_page(context: AnswerContext, reader: Reader, *, in_person: bool) -> HomePage:
    """Return the sections, and note that a person was shown their invitations.

    Raises `IndexUnreachable`.
    """
    sections = home(context, reader)
    if not in_person:
        return HomePage(sections)
    note_told(context, reader, sections.invitations)
    own_news = news(context, reader, most_searches=HOME_SEARCHES)
    return HomePage(sections, own_news, to_do(context, reader))
