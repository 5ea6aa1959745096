"""`quisait check`: test everything that the settings name."""

import typer

from quisait.application.startup import read_settings
from quisait.commands.output import AsJson, print_json
from search_api.plain_text import safe_text


def check(as_json: AsJson = False) -> None:
    """Essaie la configuration et les moteurs, une ligne chacun."""
    settings = read_settings()
    # Imported here: it opens every part, which `--help` does not need.
    from quisait.checks import run_checks

    passed = True
    found = []
    for check in run_checks(settings):
        passed = passed and check.passed
        found.append(check)
        if not as_json:
            label = "ÉCHEC" if not check.passed else "à voir" if check.to_review else "ok"
            print(f"{label:6} {check.name} : {safe_text(check.detail)}", flush=True)
    if as_json:
        print_json(found)
    raise typer.Exit(0 if passed else 1)
