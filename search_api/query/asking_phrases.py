"""Remove the phrases that only ask for help from both ends of a question. Pure.

«Je cherche quelqu'un qui s'y connaît en bornage», «bornage, qui contacter ?» and «bornage» have the
same subject.
"""

import re

from indexer.french.analysis import fold
from indexer.french.stop_words import ASKING_WORDS, ELISIONS, STOP_WORDS
from search_api.query.apostrophes import with_apostrophes
from search_api.query.pasted_mail import question_of_mail
from search_api.query.query import operators_in

_HELP = frozenset(
    """
    cherche cherchons cherchez quelqu adresser aider contacter connait connaissez sait saurait savez
    besoin urgent interlocuteur renseigner
    """.split()  # noqa: SIM905
)
"""Folded words that make a phrase one that asks for help."""

_BESIDE = frozenset(
    """
    aide aimerais appeler avis bien collegue collegues concernant conseil deja demander dire
    expliquer info infos information informations joindre personne poser possible pourrais pourrait
    pourriez propos question quelque renseignement renseignements savoir souhaite suivant sujet
    trouver voudrais
    """.split()  # noqa: SIM905
).union(map(fold, STOP_WORDS | ASKING_WORDS | ELISIONS))
"""Folded words that belong to such a phrase, beside the words above. «référent» and «expert» do
not, since they are words of métiers.
"""

_BEFORE = frozenset("a au aux d dans de des du en l la le les sur vers".split())  # noqa: SIM905
"""Folded words that are left before the subject: «en Normandie», «à Brest»."""

_WORD = re.compile(r"[^\W_]+")
_OPERATOR = re.compile(r"[\"«»“”]|(?:\A|\s)-\w")
"""Matches a quotation mark or an excluded word."""


def subject_of(typed: str) -> str:
    """Return what a typed question is about: without courtesy and phrases that ask for help.

    In a text with quotations or operators only courtesy is removed.
    """
    asked = question_of_mail(typed)
    if _OPERATOR.search(asked) or any(operators_in(asked)):
        return asked
    return without_asking(with_apostrophes(asked))


def without_asking(text: str) -> str:
    """Return a question without phrases that ask for help at its beginning and its end.

    A text without any other word is returned unchanged.
    """
    words = list(_WORD.finditer(text))
    folded = [fold(word[0].lower()) for word in words]
    subject = [n for n, word in enumerate(folded) if word not in _HELP and word not in _BESIDE]
    if not subject:
        return text
    first, last = subject[0], subject[-1]
    while first and folded[first - 1] in _BEFORE:
        first -= 1
    start = words[first].start() if not _HELP.isdisjoint(folded[:first]) else 0
    end = words[last].end() if not _HELP.isdisjoint(folded[last + 1 :]) else len(text)
    return text[start:end]
