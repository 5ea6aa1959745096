"""What a person alone may do: a program with a personal token may not speak about its agent."""

from fastapi import Request

from search_api.catalogue.texts import _
from search_api.problems import Problem
from search_api.questions.asked import NamedReader
from search_api.sign_on.identified import Way, identified


def not_by_personal_token(request: Request, reader: NamedReader) -> None:
    """A stolen token tells nothing that is held about its agent, and changes nothing of it.

    A dependency of routes. Raises a problem 403.
    """
    who = identified(request)
    if who is not None and who.way is Way.PERSONAL_TOKEN:
        raise Problem(
            403,
            _(
                "Un jeton personnel ne donne pas accès à vos données : connectez-vous dans un "
                "navigateur."
            ),
            code="in_person",
        )
