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
            print(
                f"{'ok    ' if check.passed else 'ÉCHEC '} "
                f"{check.name} : {safe_text(check.detail)}",
                flush=True,
            )
    if as_json:
        print_json(found)
    raise typer.Exit(0 if passed else 1)
