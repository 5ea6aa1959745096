"""Kinds of documents whose writers do not show what they know."""

ASKING_KINDS = frozenset(
    {
        "actualité",
        "annonce",
        "communiqué",
        "fiche de poste",
        "lettre d'information",
        "offre d'emploi",
        "offre de mission",
        "offre de stage",
    }
)
"""Default kinds of documents that do not show what their writers know: a job offer looks for
somebody who knows, and news are about other people.
"""
