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
"""Kinds of documents that show no skill of their writers, unless the settings name others: a job
offer looks for somebody who knows, and news tell about others.
"""
