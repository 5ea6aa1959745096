"""Stems of French words: the forms of a word (number, gender, verb, noun) share a stem."""

import re
import threading
from functools import lru_cache

import Stemmer

SHORTEST_STEMMED = 3
"""Fewest letters of a word that is stemmed: Snowball would turn the acronym ES into «e»."""

_SAME_IN_PLURAL = frozenset(
    "cours divers fois fonds mois pays plus sens sous tiers temps corps".split()  # noqa: SIM905
)
"""Words that keep their final «s»: without it they would be another word, or no word."""

_PLURALS = {
    "aieux": "aieul", "baux": "bail", "coraux": "corail", "emaux": "email", "travaux": "travail",
    "vitraux": "vitrail", "vantaux": "vantail", "tuyaux": "tuyau", "noyaux": "noyau",
    "joyaux": "joyau", "yeux": "oeil", "cieux": "ciel", "maux": "mal",
    **{f"{word}x": word for word in ("adieu", "aveu", "cheveu", "enjeu", "essieu", "feu", "jeu",
                                     "lieu", "milieu", "neveu", "pieu", "pneu", "voeu", "hebreu")},
}  # fmt: skip
"""Plurals in -x that no rule distinguishes from adjectives in -eux and plurals in -aux."""

_INFLECTIONS = (
    (re.compile(r"(?<=[a-z]{2})eaux$"), "eau"),
    (re.compile(r"(?<=[a-z]{2})aux$"), "al"),
    (re.compile(r"(?<=[a-z]{3})(?<!s)s$"), ""),
    # «exonérée», read as «exonéré»
    (re.compile(r"(?<=[a-z]{3})ee$"), "e"),
    # «inspectrice»; «contrôleuse» and «nombreuse»: hardly a word ends in both -eur and -eux
    (re.compile(r"(?<=[a-z]{2})trice$"), "teur"),
    (re.compile(r"(?<=[a-z]{3})(?:euse|eux)$"), "eur"),
    # «foncière», «étrangère», «conseillère»
    (re.compile(r"(?<=[a-z]{2})iere$"), "ier"),
    (re.compile(r"(?<=[a-z]{2})(g|ll|ch)ere$"), r"\1er"),
    # «active»
    (re.compile(r"(?<=[a-z]{2})([st])ive$"), r"\1if"),
)
"""Plural to singular, feminine to masculine; each rule is applied once, in this order."""

_DERIVATIONS = (
    (re.compile(r"(?<=[a-z]{2})osition$"), "oser"),  # «imposition», «imposer»
    (re.compile(r"ification$"), "ifier"),
    (re.compile(r"(?<=[a-z]{3})ication$"), "iquer"),  # Snowball: «communication», «commun»
    (re.compile(r"(?<=[a-z]{5})age$"), "er"),  # «affichage», «afficher»
    (re.compile(r"ite$"), "ité"),  # as Snowball knows it: «comptabilité», «comptable»
)
"""Nouns that are stemmed as their verbs."""

_APART = frozenset(
    """
    affection avantage bas cadre caf case cerfa collecte collection courant delai delit departement
    devis direction directive expression ferie fonds formateur formation importance important
    loi loyer mari mars notamment organe part parti partie pays personnage relation retraite
    serie succession taxi vie visa
    """.split()  # noqa: SIM905
)
"""Words that are not stemmed, because a stemmer would merge them with others: «important» with the
customs' «importation», «case» with «cas», «loyer» with «loi», «retraite» with «retrait»,
«département» with «départ», «formation» with «format».
"""

_FAMILIES = {
    word: words.split()[0]
    for words in (
        "acquerir acquisition acquereur",
        "adherer adhesion",
        "admettre admission",
        "associer associe",
        "beneficier beneficie",
        "ceder cession",
        "cesser cessation",
        "conclure conclusion",
        "courant courante",
        "creer creation createur",
        "decider decision",
        "deduire deduction",
        "definir definition",
        "depasser depasse",
        "detenir detention",
        "diviser division",
        "dissoudre dissolution",
        "employer emploi",
        "envoyer envoi",
        "exclure exclusion",
        "executer execution",
        "fixer fixation",
        "important importante",
        "inscrire inscription",
        "instruire instruction",
        "licencier licencie",
        "muter mutation",
        "negocier negocie",
        "neuf neuve",
        "payer paie paye paiement payement",
        "percevoir perception percepteur",
        "prescrire prescription",
        "produire production producteur",
        "proteger protection",
        "public publique",
        "publier publication",
        "radier radiation",
        "recevoir reception",
        "reduire reduction",
        "repartir repartition",
        "resoudre resolution",
        "reviser revision",
        "saisir saisie saisine",
        "souscrire souscription souscripteur",
        "suspendre suspension",
        "transmettre transmission",
        "varier variation",
        "vendre vente vendeur",
        "veuf veuve",
    )
    for word in words.split()
}
"""Verbs and nouns, and masculine and feminine forms, that share no ending. All words of a line get
the stem of the first word.
"""

_local = threading.local()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the stem of a word in lower case without accents."""
    if len(word) < SHORTEST_STEMMED or not word.isalpha() or not word.isascii():
        return word
    if word in _APART:
        return word
    read = _PLURALS.get(word) or _read(_INFLECTIONS, word)
    read = _FAMILIES.get(read, read)
    if read in _APART:
        return read
    stemmed: str = _stemmer().stemWord(_read(_DERIVATIONS, read))
    # «vérification» and «vérifier»
    return re.sub(r"ifi$", "if", stemmed.replace("é", "e"))


def _read(endings: tuple[tuple[re.Pattern[str], str], ...], word: str) -> str:
    for ending, instead in endings:
        if word not in _SAME_IN_PLURAL:
            word = ending.sub(instead, word)
    return word


def _stemmer() -> Stemmer.Stemmer:
    """Return this thread's stemmer: PyStemmer's objects must not be shared."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("french", 0)
    stemmer: Stemmer.Stemmer = _local.stemmer
    return stemmer
