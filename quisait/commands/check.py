"""`quisait check`: test everything that the settings name."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from quisait.application.startup import read_settings
from search_api.plain_text import safe_text

AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]


def check(as_json: AsJson = False) -> None:
    """Essaie la configuration et les moteurs, une ligne chacun."""
    settings = read_settings()
    # Imported here: it opens every part, which `--help` does not need.
    from quisait.checks import run_checks

    passed = True
    found = []
    for check in run_checks(settings):
        passed = passed and check.passed
        found.append(asdict(check))
        if not as_json:
            print(
                f"{'ok    ' if check.passed else 'ÉCHEC '} "
                f"{check.name} : {safe_text(check.detail)}",
                flush=True,
            )
    if as_json:
        print(json.dumps(found, ensure_ascii=False, default=str, indent=2))
    raise typer.Exit(0 if passed else 1)
