"""Find the question in a pasted mail: without headers, greeting, thanks, signature and reply.

The functions are pure. They do not depend on line ends, which a one-line search field removes.
"""

import re

from indexer.french.analysis import analyse_query

LEAST_WORDS = 8
"""A shorter text is no mail: only its greeting and thanks are removed."""

ENOUGH_WORDS = 4
"""Minimum number of content words for a mail's own question; a mail with fewer asks about the mail
that it quotes.
"""

MOST_SIGNED_WORDS = 30
"""Maximum number of words of a signature."""

_LABEL = r"(?:De|À|A|Cc|Cci|Envoyé(?: le)?|Date|From|To|Sent|Objet|Subject)\s?:"
_HEADER = re.compile(
    rf"(?:(?<=\s)|\A)(?!Objet|Subject){_LABEL}[^\n]{{1,80}}?(?=\n|\s{_LABEL})"
    r"|(?:(?<=\s)|\A)(?:Objet|Subject)\s?:(?:\s?(?:RE|TR|FW|FWD)\s?:)*"
)
_QUOTED = re.compile(
    r"(?:(?<=[\s.,!?])|\A)(?:>\s|-{3,}\s?Message|Le [^\n]{3,80}? a écrit\s?:"
    r"|De\s?: [^>]{1,80}?\s(?:Envoyé|Date)(?: le)?\s?:)"
)
_MARK = re.compile(r"(?:(?<=\s)|\A)>(?=\s)")
_GREETING = re.compile(
    r"\A\W*(?:(?:bonjour|bonsoir|bjr|madame|monsieur|ch[eè]re?s?)\b[^,.:;!?\n]{0,40}(?:[,.:;!]|\n)\s*)+",
    re.IGNORECASE,
)
_SHORT_GREETING = re.compile(r"\A\W*(?:bonjour|bonsoir|bjr)\b[\s,.:;!]+(?=\w)", re.IGNORECASE)
_PLEASE = re.compile(r"\b(?:svp|stp|s['’ ]?il (?:vous|te) pla[iî]t)\b", re.IGNORECASE)
_END = re.compile(
    r"(?:(?<=[\s.,!?])|\A)(?:(?:bien )?cordialement\b|cdt\b|bien à (?:vous|toi)\b|salutations\b"
    r"|bonne (?:journée|soirée)\b|-{2,}\s|_{4,}).*",
    re.IGNORECASE | re.DOTALL,
)
_THANKS = re.compile(
    r"(?:(?<=[\s.,!?])|\A)(?:un grand |encore )?merci\b(?:[^\w.!?\n]+(?:d['’ ]?avance|par avance"
    r"|beaucoup|bcp|bien|de votre|pour votre|à (?:vous|tous))\b[^.!?\n]*|(?=[\s.,!]*\Z))[.!?]*",
    re.IGNORECASE,
)
_SIGNED_THANKS = re.compile(
    r"(?:(?<=[\s.,!?])|\A)(?:[Uu]n grand |[Ee]ncore )?[Mm]erci\b"
    r"(?:[^\w.!?\n]+(?:d['’ ]?avance|par avance|beaucoup|bcp|bien|de votre|pour votre)\b[^.!?\n]*)?"
    r"[\s.,!]+(?=[A-ZÀ-Ý])[^?]*\Z"
)
"""Matches thanks, and a name, an office and the like up to the end."""
_OF_SIGNATURE = re.compile(
    r"\b0\d(?:[ .-]?\d\d){4}\b|\+33\b|\S@\S|\bt[ée]l(?:\.|éphone)|\b\d{5} [A-ZÀ-Ý]"
)
_POINTING = re.compile(
    r"(?<![^.!?\n])[^.!?\n]*\b(?:transf[èe]re|transmets|fais suivre|ci-dessous|ci-après|ci-joint"
    r"|vers qui|à qui|qui peut m['’]aider)\b[^.!?:\n]*[.!?:]?",
    re.IGNORECASE,
)
"""Matches a sentence about the mail that follows, or about its right recipient."""
_QUOTATION = re.compile(r"[«“][^»”]{40,}+(?:[»”]|\Z)")
"""Matches several words quoted from somebody else; a quotation that is not closed ends the text."""


def question_of_mail(typed: str) -> str:
    """Return what a pasted mail asks, or `typed` if nothing else would be left.

    These are the sender's own words and, if they have little content, the words of the forwarded
    mail. A shorter text only loses its greeting and thanks.
    """
    if len(typed.split()) < LEAST_WORDS:
        own = _without_courtesy(_SHORT_GREETING.sub(" ", typed))
        return own if re.search(r"\w", own) else typed
    quote = _QUOTED.search(typed)
    own = _cleaned(typed[: quote.start()] if quote else typed)
    if _QUOTATION.search(own):
        own = _POINTING.sub(" ", own)
    if quote:
        asked = _POINTING.sub(" ", own)
        if len({term.position for term in analyse_query(asked)}) < ENOUGH_WORDS:
            own = f"{asked} {_cleaned(_MARK.sub(' ', typed[quote.start() :]))}"
    return own if re.search(r"\w", own) else typed


def _cleaned(text: str) -> str:
    """Return the text without headers, greeting, closing and thanks."""
    text = _GREETING.sub(" ", _HEADER.sub(" ", text).strip(), count=1)
    text = _END.sub(" ", _SHORT_GREETING.sub(" ", text))
    return _without_courtesy(_without_signature(text))


def _without_signature(text: str) -> str:
    """Return the text up to a signature without a closing formula.

    It follows thanks, or the last question if it has a telephone number, an address or a postcode.
    """
    thanks = _SIGNED_THANKS.search(text)
    end = thanks.start() if thanks else text.rfind("?") + 1
    own, rest = text[:end], text[end:]
    signed = thanks is not None or _OF_SIGNATURE.search(rest) is not None
    asks = len({term.position for term in analyse_query(own)}) >= 2
    return own if signed and asks and len(rest.split()) <= MOST_SIGNED_WORDS else text


def _without_courtesy(text: str) -> str:
    """Return the text without thanks and «svp»."""
    return _PLEASE.sub(" ", _THANKS.sub(" ", text))
