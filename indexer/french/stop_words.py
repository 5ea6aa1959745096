"""Words that do not tell what a text is about."""

STOP_WORDS = frozenset(
    """
    le la les un une des du de au aux et ou où que qui quoi dont ce cet cette
    il elle ils elles on je tu nous vous se me te lui leur leurs y en
    mon ma notre nos votre vos son ne ni mais donc si comme
    à dans par pour sur avec sous chez vers entre
    est sont était étaient être suis sommes êtes soit
    ont avons avez avait avaient avoir
    """.split()  # noqa: SIM905 — a word list reads better without 70 quotes
)
"""French function words, in lower case with accents.

They do not include PAS, TA, AI, ES, SA, CES and AS, which must be found as acronyms, nor single
letters («catégorie C», «2042-C-PRO»). A stop word in capitals among lower-case words is an acronym
(CET), and is kept.
"""

ENGLISH_WORDS = frozenset(
    """
    the of and who whom what which how where when why does did is are about with from for to
    """.split()  # noqa: SIM905
)
"""English function words that are not French words, in lower case."""

ASKING_WORDS = ENGLISH_WORDS | frozenset(
    """
    comment quel quelle quels quelles combien pourquoi quand
    faire faut peut puis doit dois peuvent doivent ai as a été cela ça
    occupe occupent connaît connait connaissent contacter
    jai cest cétait cetait sil sils quil quils quon quun quune nest nont dun jen quelquun
    """.split()  # noqa: SIM905
)
"""Words that only put a question, in lower case: indexed in texts, dropped from queries.

Among them are little words that are often typed without their apostrophe («jai», «quil»).
"""

ACRONYMS = frozenset("ai as ces cet es pas sa ta".split())  # noqa: SIM905
"""Acronyms that are also words: written in capitals, they become terms in capitals."""

ELISIONS = frozenset(
    "l d c j m n s t qu jusqu lorsqu puisqu quoiqu presqu quelqu entr".split()  # noqa: SIM905
)
"""Elided words, dropped before an apostrophe («l'exonération»), in lower case."""
