"""Take the pictures of docs/guide.md from the demo: `python -m benchmarks.guide`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.served_demo import ServedDemo, served_demo
from search_api.identity.tokens import DEMO_COOKIE

IMAGES = Path("docs/images")
WIDTH, HEIGHT = 900, 580
MOST_BYTES = 1_500_000
"""Most bytes of all pictures together."""
ADMINISTRATOR, ALONE, ANIMATOR = "ag-0070", "ag-0005", "ag-0066"


def nothing(_: Page) -> None:
    """Leave the page as it is."""


def typing(page: Page) -> None:
    """Type a beginning, and select the first suggestion."""
    page.get_by_label("Votre question").press_sequentially("taxe fon", delay=20)
    page.locator("#suggestions [role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")


def boxed(page: Page) -> None:
    """Search in the intranet's box."""
    page.locator("qui-sait").get_by_role("combobox").fill("rejet de publicité foncière")
    page.keyboard.press("Enter")
    page.locator("qui-sait").get_by_role("listitem").first.wait_for()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its file, page, reader, and preparation."""

    name: str
    path: str
    prepare: Callable[[Page], None] = nothing
    agent: str = "ag-0001"
    site: str = "quisait"
    height: int = HEIGHT
    width: int = WIDTH


PICTURES = (
    Picture("accueil", "/"),
    Picture("suggestions", "/", typing),
    Picture("resultats", "/?q=exon%C3%A9ration+ehpad", height=900, width=1100),
    Picture(
        "document",
        "/documents/wifip:fil-a-001?q=exon%C3%A9ration+ehpad",
        height=780,
        width=1100,
    ),
    Picture("filtres", "/?q=taxe+fonci%C3%A8re&kind=note&year=2024"),
    Picture("sans-resultat", "/?q=%22saisie+du+xylophone%22"),
    Picture("collegues", "/experts?q=taxe+fonci%C3%A8re"),
    Picture("agent", "/agents/ag-0002"),
    Picture("sujet", "/topics/cadastre", height=680),
    Picture("isolement", "/isolation?topic=cadastre", height=680, agent=ANIMATOR),
    Picture("pairs", "/peers", agent=ALONE),
    Picture("mes-donnees", "/mes-donnees"),
    Picture("intranet", "/", boxed, site="intranet"),
    Picture("administration", "/administration", agent=ADMINISTRATOR),
)


def take(demo: ServedDemo, picture: Picture) -> None:
    """Take one picture, in the light scheme."""
    size = {"width": picture.width, "height": picture.height}
    with demo.browser.new_context(
        locale="fr-FR",
        color_scheme="light",
        viewport=size,  # type: ignore[arg-type]
        reduced_motion="reduce",
    ) as context:
        context.add_cookies([{"name": DEMO_COOKIE, "value": picture.agent, "url": demo.quisait}])
        page = context.new_page()
        answer = page.goto(getattr(demo, picture.site) + picture.path)
        if answer is None or not answer.ok:
            raise SystemExit(f"{picture.path} did not answer")
        picture.prepare(page)
        page.screenshot(path=IMAGES / f"{picture.name}.png")


def main() -> None:
    """Take all pictures; fail if they are too large for a repository."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with served_demo() as demo:
        for picture in PICTURES:
            take(demo, picture)
    weight = sum(image.stat().st_size for image in IMAGES.glob("*.png"))
    print(f"{len(PICTURES)} pictures, {weight / 1000:.0f} kB")
    if weight > MOST_BYTES:
        raise SystemExit(f"More than {MOST_BYTES / 1000:.0f} kB")


if __name__ == "__main__":
    main()
