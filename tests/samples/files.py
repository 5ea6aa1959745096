"""The sample files by name, each made when it is asked for."""

from collections.abc import Callable
from email.message import EmailMessage
from functools import cache

from tests.samples import compound, office, pdf_files

_LEASE = "Le bail emphytéotique dure de dix-huit à quatre-vingt-dix-neuf ans."
_PROCEDURE = (
    ("Heading 1", "Clore une régie"),
    ("", "Le régisseur verse son encaisse et rend ses carnets."),
    ("Heading 2", "Vérifications"),
    ("", "Le comptable rapproche les quittances, une à une, du journal de la régie."),
)
_STAFF = (
    ("Service", "Agents", "Vacances"),
    ("Cadastre", "14", "2"),
    ("Recouvrement", "31", "5"),
)
_PAGES = (
    "Rapport annuel du p\u00f4le foncier\nPremi\u00e8re partie : le bornage",
    "Deuxi\u00e8me partie : les plans",
    "Troisi\u00e8me partie : les r\u00e9clamations",
    "Conclusion : la vacance des logements",
)
_PAGE = """<!doctype html><html lang="fr"><head><title>Fiche d'accueil</title></head><body>
<h1>Accueillir un usager</h1><p>L'usager est reçu sans rendez-vous le mardi.</p>
<h2>Les pièces à demander</h2><p>Un avis d'imposition et une pièce d'identité.</p>
<script>document.write("jamais lu")</script></body></html>"""
_NOTE = (
    "# Le timbre\n\nLe timbre dématérialisé s'achète en ligne.\n\n## Exceptions\n\nLe passeport.\n"
)
_RICH = (
    r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\b Compte rendu}\par "
    r"La r\'e9union porte sur la p\'eache \'e0 pied.\par}"
)


def _mail() -> bytes:
    mail = EmailMessage()
    mail["Subject"] = "Barème des amendes"
    mail["From"], mail["To"] = "anne@dgfip.test", "paul@dgfip.test"
    mail["Date"] = "Mon, 02 Mar 2026 09:30:00 +0100"
    mail.set_content("Bonjour Paul,\n\nLe barème révisé est en pièce jointe.\n")
    mail.add_attachment("Stationnement gênant : 35 euros", filename="bareme.txt")
    return mail.as_bytes()


def _empty_mail() -> bytes:
    return b"From: anne@dgfip.test\nDate: Mon, 02 Mar 2026 09:30:00 +0100\n\n"


def _titled() -> bytes:
    return office.text_document(_PROCEDURE)


SAMPLES: dict[str, Callable[[], bytes]] = {
    "regie.docx": _titled,
    "effectifs.docx": lambda: office.text_document((("", "Les effectifs"),), rows=_STAFF),
    "bail.odt": lambda: office.open_document((("h", "Le bail"), ("p", _LEASE))),
    "court.odt": lambda: office.open_document((("p", "La servitude de tour d'échelle."),)),
    "notaire.doc": lambda: compound.doc("Lettre au notaire\nL'acte attend votre signature.\n"),
    "reunion.rtf": _RICH.encode,
    "rapport.pdf": lambda: pdf_files.text_pages(_PAGES),
    "envoi.pdf": lambda: pdf_files.text_pages(
        ("Bordereau d'envoi du dossier",), ("annexe.txt", b"Inventaire des coffres")
    ),
    "effectifs.xlsx": lambda: office.workbook({"Postes vacants": _STAFF}),
    "tarifs.pptx": lambda: office.presentation((("Tarifs de la cantine", "Repas : 4,10 euros"),)),
    "formation.pptx": lambda: office.presentation(
        (
            *((f"Module {n}", f"Objectif numéro {n}") for n in range(1, 6)),
            ("Évaluation", "Un questionnaire anonyme"),
        )
    ),
    "accueil.ppt": lambda: compound.ppt(("Bienvenue au guichet", "Les horaires du guichet")),
    "amendes.msg": lambda: compound.msg(
        "Barème des amendes", "Le barème révisé est joint.", {"bareme.txt": b"Stationnement"}
    ),
    "amendes.eml": _mail,
    "entete.docx": lambda: office.text_document(
        (("", "Corps de la circulaire"),), header="Direction du tarn", footer="Page de garde"
    ),
    "accueil.html": _PAGE.encode,
    "communes.csv": "commune;habitants\nSaint-Céré;3400\nFigeac;9700\nGourdon;3900\n".encode,
    "timbre.md": _NOTE.encode,
    "dossier.zip": lambda: office.zipped({"piece.docx": _titled(), "lisez-moi.txt": b"Dossier"}),
}
"""Files that have text."""

WITHOUT_TEXT: dict[str, Callable[[], bytes]] = {
    "ferme.pdf": lambda: pdf_files.locked("Secret", "sésame"),
    "ferme.xlsx": compound.locked_xlsx,
    "photo.png": office.png,
    "photo.pptx": lambda: office.presentation(((),), office.png()),
    "numerise.pdf": pdf_files.picture,
    "vide.eml": _empty_mail,
}
"""Files that have none: locked, pictures only, empty."""


@cache
def sample_bytes(name: str) -> bytes:
    """The bytes of a sample."""
    return (SAMPLES | WITHOUT_TEXT)[name]()
