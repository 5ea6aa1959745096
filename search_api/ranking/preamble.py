"""Leading sentences that tell about the document and not about its subject. Pure."""

import re
from collections.abc import Sequence

Span = tuple[int, int]
"""(start, end) character offsets."""

_MONTH = r"(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
_DATE = rf"(?:\d{{1,2}}/\d{{1,2}}/\d{{2,4}}|(?:(?:\d{{1,2}}|1er) )?(?:{_MONTH} )?\d{{4}})"
_KIND = (
    r"(?:note|mémo|mémento|fiche|page|document|circulaire|instruction|protocole|guide|procédure|"
    r"consigne|courriel|message|version|texte|mode opératoire)"
)
_THIS = rf"(?:(?:cette|cet|ce|la présente|le présent|la|le) {_KIND}|elle|il|{_KIND})"
_REPLACES = r"(?:annule et remplace|remplace|abroge|annule)"
_DATED = (
    r"(?:est |a été )?(?:dat(?:e|ée?)|rédigée?|mise? à jour|à jour|modifiée?|publiée?|en date|du|"
    r"(?:entrée? )?en vigueur(?: depuis)?)"
)
_ADDRESSED = (
    r"(?:s’adresse|est adressée?|est destinée?|destinée?|est à l’attention|à l’attention|"
    r"destinataires?)"
)
_NO_CLAUSE = r"(?:(?!\b(?:et|mais|car|qui|que|dont|sauf|puisque|pour|si|où)\b)[^.!?:;,])*"
_PREAMBLE = re.compile(
    rf"{_THIS} {_REPLACES} {_NO_CLAUSE}"
    rf"|(?:{_THIS} )?{_DATED} (?:le |du |en |au |de )?{_DATE}"
    rf"|(?:{_THIS} )?{_ADDRESSED}\s?:? ?{_NO_CLAUSE}",
    re.IGNORECASE,
)


def is_preamble(sentence: str) -> bool:
    """Return whether a sentence only tells what a document replaces, its date or its addressees.

    A title on a line before the sentence is ignored. A sentence with a further clause is not a
    preamble.
    """
    title, _, rest = sentence.strip().partition("\n")
    return any(
        all(
            map(
                _PREAMBLE.fullmatch,
                " ".join(one.replace("'", "’").split()).rstrip(" .!").split(" ; "),
            )
        )
        for one in (sentence, rest if title.strip() else "")
    )


def after_preamble(text: str, spans: Sequence[Span], marks: Sequence[Span]) -> Sequence[Span]:
    """Return the sentences without the leading ones of `is_preamble`.

    All are returned if nothing follows, or if all marked words are in the leading sentences; marked
    words of a title on a line before them do not count.
    """
    first = next((n for n, (a, b) in enumerate(spans) if not is_preamble(text[a:b])), 0)
    titled = text.rfind("\n", *spans[0]) if first else 0
    told = [start for start, _ in marks if start > titled]
    if first and (not told or any(spans[first][0] <= start for start in told)):
        return spans[first:]
    return spans


def after_colon(text: str, span: Span, marks: Sequence[Span]) -> Span:
    """Return a sentence without a preamble that a colon ends, if more follows it.

    The sentence is returned whole if its marked words are only in the preamble.
    """
    start, end = span
    said, _, rest = text[start:end].partition(":")
    begins = end - len(rest.lstrip())
    own = [first for first, _ in marks if start <= first < end]
    if not rest.strip() or not is_preamble(said) or is_preamble(text[start:end]):
        return span
    return span if own and max(own) < begins else (begins, end)
