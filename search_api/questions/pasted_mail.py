"""What a pasted mail asks, without greeting, thanks, signature and quotation.

Pure. A search field keeps no line ends, so that nothing here depends on them.
"""

import re

LEAST_WORDS = 8
"""A shorter text is a question as it stands."""

_GREETING = re.compile(
    r"\A\W*(?:bonjour|bonsoir|bjr|madame|monsieur|ch[eè]re?s?)\b[^,.:;!?\n]{0,40}(?:[,.:;!]|\n)",
    re.IGNORECASE,
)
_END = re.compile(
    r"(?:(?<=[\s.,!?])|\A)(?:(?:bien )?cordialement\b|cdt\b|bien à (?:vous|toi)\b|salutations\b"
    r"|bonne (?:journée|soirée)\b|>\s|-{2,}\s|_{4,}"
    r"|Le [^\n]{3,80}? a écrit\s?:|De\s?: [^\n]{1,80}(?:Envoyé|Date)\s?:).*",
    re.IGNORECASE | re.DOTALL,
)
_THANKS = re.compile(
    r"(?:(?<=[\s.,!?])|\A)(?:un grand |encore )?merci\b(?:[^\w.!?\n]+(?:d['’ ]?avance|par avance"
    r"|beaucoup|bcp|bien|de votre|pour votre|à (?:vous|tous))\b[^.!?\n]*|(?=[\s.,!]*\Z))[.!?]*",
    re.IGNORECASE,
)


def question_of_mail(typed: str) -> str:
    """What is asked in it; the text itself where nothing else would be left of it."""
    if len(typed.split()) < LEAST_WORDS:
        return typed
    text = _GREETING.sub(" ", typed, count=1)
    text = _THANKS.sub(" ", _END.sub(" ", text))
    return text if re.search(r"\w", text) else typed
