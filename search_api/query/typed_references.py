"""Write references to articles of codes and to forms in one way, however they are typed.

«CGI 1390», «1390 CGI» and «art. 1390 du code général des impôts» all become «article 1390»: the
name of a code occurs in very many documents, and the number alone identifies the article.
"""

import re

_CODE = (
    r"(?:CGI|LPF|CGCT|CGPPP|BOFiP|CRPA|CMF|COJ|code\s+(?:général\s+des\s+impôts|civil|pénal"
    r"|de\s+commerce|du\s+travail|de\s+procédure\s+(?:civile|pénale)|de\s+l['’]urbanisme"
    r"|monétaire\s+et\s+financier|général\s+des\s+collectivités\s+territoriales)"
    r"|livre\s+des\s+procédures\s+fiscales)"
)
_LINK = r"[\s,;:(–-]*(?:(?:du|de\s+la|de\s+l['’]|des|au|le)\s+)?"
_ARTICLE = r"(?:(?:l['’]|les\s+)?(?:articles?|arts?\.?)\s*)"
_WORDS = "(?:et|ou|en|au|du|de|le|la|il|on|un|ne|si|se|à|a-t|est|sa|ma|y)"
_LATIN = (
    r"(?:(?:duo|ter|quater|quin|sex|sept|octo|novo)?(?:dec|vic|tric)ies"
    r"|quinqu?ies|sexies|septies|octies|nonies|bis|ter|quater)"
)


def _number_as(name: str) -> str:
    """Return a pattern for an article's number: «1391 B bis», «L. 80 A», «R*196-2»."""
    return (
        rf"(?P<{name}>(?:[LRDA]\s?\.?\s?(?:\*\s?)?)?\d{{1,4}}(?:-\d{{1,3}})*"
        rf"(?:[\s-]?(?:{_LATIN}|(?!{_WORDS}\b)[A-Z]{{1,2}}|(?<=\d)[a-z])"
        rf"(?:(?![\w’'])|(?={_LATIN}(?!\w))))*(?!\w))"
    )


_REFERENCE = re.compile(
    rf"(?<![\w-])(?:{_CODE}{_LINK}{_ARTICLE}?{_number_as('first')}"
    rf"|{_ARTICLE}?{_number_as('last')}{_LINK}{_CODE}(?!\w))",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"(?<![\w-]){_ARTICLE}{_number_as('named')}(?!\s*%)", re.IGNORECASE)

_FORM_LETTERS = r"(?:c|pro|rici|spe|spé|k|s|t|a|b|e|g|ifi|rev|nr|as|m|ca3|ca12|tur|tab)"
_FORM = re.compile(
    r"(?<![\w-])(?<!article )(?P<what>(?:(?:le|la|l['’])\s*)?"
    r"(?:formulaires?|imprimés?|déclarations?|cerfa|liasses?)\s+(?:n\s?[°o]\s*)?)?"
    rf"(?P<number>[1-9]\d{{3}})(?P<letters>(?:[ -]?{_FORM_LETTERS}(?![^\W\d_]))+|[a-z]{{1,4}})?"
    r"(?P<sd>[ -]?sd)?(?![\w-])",
    re.IGNORECASE,
)
_BOFIP = re.compile(r"\s*(?:bofip\s*:?\s*)?(BOI(?:-[A-Z0-9]+){2,})\s*", re.IGNORECASE)


def with_references_in_one_way(typed: str) -> str:
    """Return the text with its references in the form in which documents are searched.

    A form loses the word before it and its ending «-SD»; a whole reference to the BOFiP becomes a
    phrase, since its numbers occur everywhere.
    """
    if found := _BOFIP.fullmatch(typed):
        return f'"{found[1].upper()}"'
    text = _REFERENCE.sub(lambda m: f"article {_number(m['first'] or m['last'])}", typed)
    text = _NAMED.sub(lambda m: f"article {_number(m['named'])}", text)
    return _FORM.sub(_form, text)


def _number(written: str) -> str:
    """Return «1391Bbis» as «1391 B bis»: letters in capitals, Latin in lower case."""
    parts = re.findall(
        rf"{_LATIN}(?![a-z])|[a-z]{{1,2}}(?={_LATIN}(?![a-z]))|[a-z]+|\d+(?:-\d+)*|\*",
        written,
        re.IGNORECASE,
    )
    said = [
        one.lower() if re.fullmatch(_LATIN, one, re.IGNORECASE) else one.upper() for one in parts
    ]
    return " ".join(said)


def _form(found: re.Match[str]) -> str:
    letters = re.findall(r"[a-z]+\d*", found["letters"] or "", re.IGNORECASE)
    plain = found["letters"] is None and found["sd"] is None
    if plain and not found["what"]:
        return found[0]
    if (
        not found["what"]
        and any(one.islower() for one in letters)
        and found[0] != found.string.strip()
    ):
        return found[0]  # «2024 a», among other words
    return "-".join((found["number"], *(one.upper() for one in letters)))
