"""A handful of fictional documents and agents: enough for every page and every right."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from connectors.values import Agent, Contribution, ContributorRole, Group
from indexer.french.analysis import terms
from indexer.values import IndexedDocument, Passage, Put, Vectors
from tests.builders import allowed, indexed, make_document, put
from tests.encoders import FakeEncoder

TODAY = date(2026, 3, 10)
SECRET = "Zanzibar"
"""A word that stands in the restricted document alone."""

AGENTS = (
    Agent(
        "ag-1",
        "Claire",
        "Le Bihan",
        "géomètre du cadastre",
        "DGFiP/DDFiP 22",
        "Guingamp",
        "22",
        "claire.le-bihan@finances.example",
        accounts=("wiki:claire",),
    ),
    Agent(
        "ag-2",
        "Youssef",
        "Amrani",
        "trésorier hospitalier",
        "DGFiP/DRFiP 974",
        "Saint-Denis",
        "974",
        "youssef.amrani@finances.example",
        accounts=("wiki:youssef",),
    ),
    Agent(
        "ag-3",
        "Paul",
        "Ancien",
        "chef de service",
        "DGFiP/DDFiP 29",
        "Brest",
        "29",
        "paul.ancien@finances.example",
        departure=date(2025, 9, 1),
        accounts=("wiki:paul",),
    ),
    Agent(
        "ag-4",
        "Iris",
        "Secrète",
        "enquêtrice",
        "DGFiP/DNEF",
        "Pantin",
        "93",
        "iris.secrete@finances.example",
        accounts=("wiki:iris",),
    ),
    Agent("ag-5", "Dora", "Lenoir", "agent d'accueil", "DGFiP/DDFiP 48", "Mende", "48"),
    Agent("ag-6", "Noé", "Discret", "enquêteur", "DGFiP/DNEF", "Pantin", "93"),
)
FRAUD = Group("ldap:group:fraude", "Cellule fraude", frozenset({"ag-4", "ag-6"}))
DIRECTORY = (*AGENTS, FRAUD)


class WordEncoder(FakeEncoder):
    """Texts are near as far as they share words: who knows must not hang on chance."""

    def __init__(self) -> None:
        super().__init__(dimension=64)

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        rows = np.stack([self._of_words(text) for text in texts])
        return rows.astype(np.float32)

    def _of_words(self, text: str) -> Vectors:
        words = super()._encoded(terms(text) or [text])
        return np.asarray(words.sum(axis=0) / np.linalg.norm(words.sum(axis=0)), dtype=np.float32)


ENCODER = WordEncoder()


def documents() -> list[Put]:
    """Everything that the index holds."""
    puts = [*_foncier(), *_hostile(), *_many(), _restricted()]
    return [Put(replace(one.indexed, vectors=_vectors(one.indexed))) for one in puts]


def _vectors(indexed: IndexedDocument) -> Vectors:
    title = indexed.document.title
    return ENCODER.passages([f"{title} {passage.text}" for passage in indexed.passages])


def _by(
    account: str, role: ContributorRole = ContributorRole.AUTHOR, last: date = date(2025, 3, 4)
) -> Contribution:
    return Contribution(account, role, label=account.partition(":")[2], first=last, last=last)


def _foncier() -> list[Put]:
    note = make_document(
        "wiki:degrevement",
        title="Dégrèvement de taxe foncière après un incendie",
        url="https://wiki.example/degrevement",
        kind="fiche",
        space="fiscalité",
        entity="DGFiP/DDFiP 22",
        area="22",
        modified=datetime(2025, 3, 4, tzinfo=UTC),
        valid_from=date(2024, 1, 1),
        replaces=("wiki:ancienne", "wiki:restreinte"),
        contributions=(_by("wiki:claire"), _by("wiki:paul", ContributorRole.REVIEWER)),
    )
    passage = Passage(
        "Cette note remplace celle de 2021. L'immeuble inhabitable après un incendie ouvre droit "
        "au dégrèvement de la taxe foncière.",
        heading="Conditions",
        page=2,
    )
    old = put(
        "wiki:ancienne",
        "Le dégrèvement de taxe foncière se demandait sur papier.",
        title="Ancienne note sur le dégrèvement foncier",
        kind="note",
        space="fiscalité",
        area="29",
        modified=datetime(2021, 5, 4, tzinfo=UTC),
        valid_until=date(2023, 12, 31),
        contributions=(_by("wiki:paul", last=date(2021, 5, 4)),),
    )
    hospital = put(
        "wiki:hopital",
        "La régie de l'hôpital encaisse les frais de séjour.",
        title="Régies des hôpitaux",
        url="https://wiki.example/regies",
        kind="fiche",
        area="974",
        created=datetime(2024, 11, 2, tzinfo=UTC),
        contributions=(_by("wiki:youssef"), _by("wiki:inconnu", ContributorRole.COMMENTER)),
    )
    return [Put(indexed(note, passages=(passage,))), old, hospital]


def _hostile() -> list[Put]:
    return [
        put(
            "wiki:piege",
            "<img src=x onerror=alert(1)> un texte piégé & des « guillemets »",
            title="<script>alert('piège')</script>",
            url="javascript:alert(document.cookie)",
            kind="billet",
            contributions=(_by("wiki:<b>x</b>"),),
        )
    ]


def _many() -> list[Put]:
    return [
        put(
            f"wiki:bordereau-{number:02}",
            f"Le bordereau numéro {number} accompagne chaque versement.",
            title=f"Bordereau {number}",
            url=f"https://wiki.example/bordereau/{number}",
            kind="billet",
            modified=datetime(2023, 1, number, tzinfo=UTC),
            contributions=(_by("wiki:youssef", ContributorRole.EDITOR, date(2023, 1, number)),),
        )
        for number in range(1, 26)
    ]


def _restricted() -> Put:
    return put(
        "wiki:restreinte",
        f"L'enquête sur le dégrèvement foncier mène à {SECRET}.",
        title=f"Enquête {SECRET}",
        url=f"https://wiki.example/{SECRET}",
        kind="enquête",
        space=f"espace-{SECRET}",
        area="93",
        modified=datetime(2026, 1, 5, tzinfo=UTC),
        access=allowed("ldap:group:fraude"),
        contributions=(_by("wiki:iris"),),
    )
