"""Paths of further test data beside the clone: real files, judged sets, the official code.

These data are optional, because the project has its own test data. If they exist, they are tested
too; otherwise the last lines of a run name the tests that they would add.
"""

import os
from pathlib import Path

SHARED = Path(
    os.environ.get("QUISAIT_SHARED", Path(__file__).resolve().parents[2] / "shared")
).resolve()

ADDS = {
    "documents": "real files of every format",
    "eval/search_bots": "relevance on search_bots",
    "eval/search_cdtn_fiches": "relevance on search_cdtn_fiches",
    "eval/search_covid_qc": "relevance on search_covid_qc",
    "eval/search_datagouv": "relevance on search_datagouv",
    "eval/search_dechets": "relevance on search_dechets",
    "eval/search_mcc": "relevance on search_mcc",
    "eval/search_piaf": "relevance on search_piaf",
    "eval/search_vdd_related": "relevance on search_vdd_related",
    "eval/expert_beta": "experts on expert_beta",
    "eval/expert_dblp": "experts on expert_dblp",
    "eval/expert_meta": "experts on expert_meta",
    "eval/expert_openfisca": "experts on expert_openfisca",
    "eval/expert_slicer": "experts on expert_slicer",
    "eval/expert_vdd_contacts": "experts on expert_vdd_contacts",
    "geo": "the official geographic code",
}
"""What each folder adds to a run of the tests."""


def is_there(folder: str) -> bool:
    """Return whether this folder of `ADDS` exists."""
    assert folder in ADDS
    return (SHARED / folder).is_dir()


def what_is_missing() -> str:
    """One line about the folders that are not there; empty where all are."""
    missing = [what for folder, what in ADDS.items() if not is_there(folder)]
    if not missing:
        return ""
    return f"Not tested, for want of ../shared (QUISAIT_SHARED): {', '.join(missing)}."
