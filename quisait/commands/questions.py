"""`quisait questions`: pass questions on to the next agent.

Asking and answering is only possible in person, on the pages or by the API.
"""

import typer

from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.work.questions import move_on, publish_questions
from search_api.wording import plural

_OFF = "Aucune question n'est posée ici : réglez [questions] enabled."

questions_app = typer.Typer(
    help="Les questions posées à qui sait : leur suite.",
    no_args_is_help=True,
)


@questions_app.command("step")
def step() -> None:
    """Fait passer au suivant ce qui attend depuis trop longtemps ; « quisait run » s'en charge."""
    with opened_application(Opening.WRITE) as application:
        if not application.settings.questions.enabled:
            raise ValueError(_OFF)
        publish_questions(application)
        moved = move_on(application)
    print(
        plural("{num} question avance.", "{num} questions avancent.", moved)
        if moved
        else "Aucune question n'avance."
    )
