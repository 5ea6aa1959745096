"""Make and revoke personal tokens, for the forms of «Mes accès» and «Mes assistants»."""

from collections.abc import Callable

from fastapi import Request

from search_api.identity.identification import IN_PERSON_METHODS, Identification, identification_of
from search_api.problems import Problem
from search_api.sign_on.sessions import (
    MAX_LABEL_CHARS,
    MAX_TOKENS,
    SqlPersonalTokens,
    TooManyTokens,
)


def identified_in_person(request: Request) -> Identification:
    """Return how a person with a browser was identified. Raises `Problem` for a program."""
    who = identification_of(request)
    if who is None or who.method not in IN_PERSON_METHODS:
        raise Problem(
            403,
            "Un jeton ne donne pas accès à cette page : connectez-vous dans un navigateur.",
            code="in_person",
        )
    return who


def permitted(tokens: SqlPersonalTokens | None) -> SqlPersonalTokens:
    """Return the tokens. Raises `Problem` if the settings allow none."""
    if tokens is None:
        raise Problem(404, "Les jetons personnels ne sont pas permis ici.")
    return tokens


def token_or_fault(tokens: SqlPersonalTokens, make: Callable[[], str]) -> tuple[str, str]:
    """Return the token that `make` makes and no fault, or no token and the fault in French."""
    try:
        token = make()
    except TooManyTokens:
        return "", f"Vous avez déjà {MAX_TOKENS} jetons : supprimez ceux qui ne servent plus."
    except ValueError:
        return "", (
            f"Donnez à ce jeton un nom ({MAX_LABEL_CHARS} signes au plus) et une durée de 1 à "
            f"{tokens.most_days} jours."
        )
    return token, ""


def revoke_token(tokens: SqlPersonalTokens, agent_id: str, token: str) -> None:
    """Revoke one of the agent's tokens. Raises `Problem` if the agent has no such token."""
    if not tokens.revoke(agent_id, token):
        raise Problem(404, "Vous n’avez pas ce jeton, ou plus.")
