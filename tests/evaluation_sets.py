"""Tiny judged sets, small enough to work out their figures by hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Files = Mapping[str, Sequence[Any]]

SEARCH: Files = {
    "corpus.jsonl": [
        {"_id": "d1", "title": "Taxe foncière", "text": "La taxe foncière des propriétaires."},
        {"_id": "d2", "title": "Douane", "text": "Les douaniers contrôlent aux frontières."},
        {
            "_id": "d3",
            "title": "Divers",
            "text": "Une fois, la taxe fut citée ici parmi vingt autres sujets sans lien.",
        },
        {"_id": "d4", "title": "Cadastre", "text": "Le plan des parcelles."},
        {"_id": "d5", "title": "Retraite", "text": "La pension des fonctionnaires."},
    ],
    "queries.jsonl": [
        {"_id": "q1", "text": "taxe foncière", "topic": "t1"},
        {"_id": "q2", "text": "taxe", "topic": "t1"},
        {"_id": "q3", "text": "parcelles", "topic": "t2"},
        {"_id": "q4", "text": "sans jugement", "topic": "t2"},
    ],
    "qrels.tsv": [("q1", "d1", 1), ("q2", "d3", 1), ("q3", "d5", 1)],
}

EXPERTS: Files = {
    "documents.jsonl": [
        {"_id": "d1", "title": "", "text": "Calcul de la taxe foncière.", "authors": ["ali"]},
        {"_id": "d2", "title": "", "text": "Plan du cadastre.", "authors": ["bea", "noé"]},
        {"_id": "d3", "title": "", "text": "Parcelles du cadastre.", "authors": ["bea", "noé"]},
    ],
    "candidates.jsonl": [
        {"_id": "ali", "name": "Ali", "labelled": True},
        {"_id": "bea", "name": "Béa", "labelled": True},
        {"_id": "noé", "name": "Noé"},
    ],
    "queries.jsonl": [
        {"_id": "q1", "text": "taxe foncière"},
        {"_id": "q2", "text": "calcul de la taxe foncière, cadastre", "doc": "d1"},
    ],
    "qrels.tsv": [("q1", "ali", 1), ("q2", "bea", 1)],
}


def write_set(directory: Path, files: Files) -> None:
    """Write a set in BEIR's layout."""
    directory.mkdir()
    for name, rows in files.items():
        if name.endswith(".tsv"):
            lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        else:
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (directory / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
