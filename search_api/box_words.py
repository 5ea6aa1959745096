"""The box's texts, as a module that its others import: one catalogue for pages and box."""

import json

from search_api.catalogue.texts import _, both_forms

_MODULE = """// Written by the server from its catalogue of texts.
const NUMBER = new Intl.NumberFormat("fr-FR");

export const words = %s;

/** The form for a number, which it fills. */
export function counted([one, many], number) {
  return (number < 2 ? one : many).replace("{num}", () => NUMBER.format(number));
}
"""


def words_module() -> str:
    """JavaScript; every text is a JSON string in it, and becomes a text node in the box."""
    words = {
        "label": _("Votre question, ou quelques mots"),
        "search": _("Chercher"),
        "titles": _("Titres proposés"),
        "titles_found": both_forms(
            "%(num)s\u00a0titre proposé\u00a0: flèche vers le bas pour choisir.",
            "%(num)s\u00a0titres proposés\u00a0: flèche vers le bas pour choisir.",
        ),
        "results": _("Résultats de Qui sait\u202f?"),
        "waiting": _("Recherche en cours…"),
        "open": _("Ouvrir Qui sait\u202f?"),
        "failed": _("La demande n’a pas pu aboutir."),
        "sign_on": _("Connectez-vous à Qui sait\u202f?"),
        "sign_on_first": _("%(link)s, puis revenez à cette page.", link="{link}"),
        "unreachable": _(
            "Qui sait\u202f? ne répond pas, ou votre navigateur ne permet pas à cette page de "
            "l’interroger."
        ),
        "documents": both_forms("%(num)s\u00a0document.", "%(num)s\u00a0documents."),
        "of_a_person": _("Documents d’une personne\u00a0: ils ne se comptent pas."),
        "worded": both_forms(
            "%(num)s\u00a0avec des mots de votre question, les autres proches par le sens.",
            "%(num)s\u00a0avec des mots de votre question, les autres proches par le sens.",
        ),
        "none": _("Parmi les documents que vous pouvez lire, aucun ne répond."),
        "partial": _(
            "Réponse partielle\u00a0: des documents que vous pouvez lire manquent peut-être."
        ),
        "shortened": _("Seul le début de votre question a été lu."),
        "all": _("Tout voir dans Qui sait\u202f?, avec les collègues qui savent"),
        "untitled": _("Sans titre"),
        "not_in_force": _("N’est pas en vigueur aujourd’hui."),
    }
    return _MODULE % json.dumps(words, ensure_ascii=True)
