"""What contributors are found by: their accounts, and the names that a source gives them."""

import hashlib
import unicodedata
from collections.abc import Collection, Sequence

from connectors.values import Contribution
from indexer.french import folded_words

MOST_NAME_WORDS = 20
"""So many words of a name count."""

NAME_SLOP = 50
"""Words of one name stand closer than that, and of two names farther (100 places): given
and family name may be asked for in any order, since both are kept in alphabetical order."""


def account_key(account: str) -> str:
    """A term for an account, whatever signs it has."""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()


def either_form(accounts: Collection[str]) -> dict[str, str]:
    """The accounts by the term of each in NFC and in NFD: a source may have written either."""
    return {
        account_key(unicodedata.normalize(form, account)): account
        for account in accounts
        for form in ("NFC", "NFD")
    }


def account_keys(contributions: Sequence[Contribution]) -> list[str]:
    """The terms of all accounts, each once."""
    return list(dict.fromkeys(account_key(row.account) for row in contributions))


def name_lines(contributions: Sequence[Contribution]) -> list[str]:
    """The words of each name as the page shows it, in alphabetical order, each line once."""
    names = dict.fromkeys(row.label or row.account.partition(":")[2] for row in contributions)
    lines = (" ".join(name_words(folded_words(name))) for name in names)
    return list(dict.fromkeys(filter(None, lines)))


def name_words(words: Sequence[str]) -> list[str]:
    """As they are kept, and asked for."""
    return sorted(set(words[:MOST_NAME_WORDS]))
