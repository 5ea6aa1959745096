"""One catalogue holds every text: nothing French stands in templates, scripts or code beside."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from search_api.catalogue.extracting import KEYWORDS, template
from search_api.catalogue.loading import TEMPLATE

pytestmark = pytest.mark.pages

ROOM = Path(__file__).resolve().parents[2] / "search_api"
LETTERS = re.compile(r"[^\W\d_]")
SAID = {"title", "aria-label", "aria-description", "placeholder", "alt", "label", "content"}
"""Attributes that a person meets."""
TYPED = {"kbd", "code"}
"""What a person types or copies is the same in any wording."""
TECHNICAL = {"viewport", "color-scheme", "refresh"}
"""Names of `meta` elements whose content is for the browser."""
FRENCH = re.compile(
    r"[àâçéèêëîïôùûœÀÂÇÉÈÊÎÔŒ’«»]|\b(?:le|la|les|des|une|pour|vous|est|aucun|dans|du|par)\b", re.I
)
NOT_FOR_AGENTS = {
    "questions/glossary.py": "what is wrong in a file that an administrator edits",
    "questions/reloaded_file.py": "what is wrong in a file that an administrator edits",
    "ranking/search_configuration.py": "what is wrong in a file that an administrator edits",
    "identity/readers.py": "stops the start, for the administrator",
    "identity/tokens.py": "stops the start, for the administrator",
    "server.py": "stops the start, for the administrator",
    "catalogue/extracting.py": "stands at the head of the catalogue",
    "catalogue/loading.py": "stops the start, for the administrator",
    "questions/query.py": "the query language",
}
JUDGED = {"Field", "Query", "compile"}
"""Calls whose texts no agent reads: descriptions for programmers, patterns."""


class _Shown(HTMLParser):
    """Texts and attributes that a person meets, expressions left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside.append(tag)
        browser = dict(attrs).get("name") in TECHNICAL or "http-equiv" in dict(attrs)
        self.found += [v or "" for k, v in attrs if k in SAID and not (k == "content" and browser)]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not TYPED & set(self.inside) and "style" not in self.inside:
            self.found.append(data)


def outside_catalogue(source: str) -> list[str]:
    """Texts of a template that stand in it as they are, or in an expression."""
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"], trim_blocks=True)
    plain: list[str] = []
    depth = 0
    for _line, token, value in environment.lex(source):
        if token == "name" and value in ("trans", "endtrans") and plain[-1:] == ["\0"]:
            depth += 1 if value == "trans" else -1
        if token == "data" and not depth:
            plain.append(value)
        elif token == "block_begin":
            plain.append("\0")
    shown = _Shown()
    shown.feed("".join(plain).replace("\0", ""))
    texts = [text.strip() for text in shown.found if LETTERS.search(text.replace("×", ""))]
    tree = environment.parse(source)
    marked = {
        id(constant)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in {*KEYWORDS, "gettext"}
        for constant in call.find_all(nodes.Const)
    }
    texts += [
        constant.value
        for constant in tree.find_all(nodes.Const)
        if isinstance(constant.value, str)
        and id(constant) not in marked
        and FRENCH.search(constant.value)
        and constant.value != "métier"  # the word of a topic's kind
        and not constant.value.startswith(("quisait ", "["))
    ]
    return texts


def unmarked(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of French in code that enters no catalogue; docstrings are English."""
    tree = ast.parse(source)
    known = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) in {*KEYWORDS, *JUDGED}
        for argument in [*node.args, *(k.value for k in node.keywords)]
        for part in ast.walk(argument)
    } | {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if id(node) in known or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str) and FRENCH.search(node.value):
            yield node.lineno, node.value


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@pytest.mark.parametrize("path", sorted((ROOM / "templates").iterdir()), ids=lambda one: one.name)
def test_templates_take_every_text_from_the_catalogue(path: Path) -> None:
    """Texts between elements, attributes that are read out, words in expressions."""
    if path.suffix == ".html":
        assert outside_catalogue(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Bonjour {{ name }}</p>",
        '<a title="Ouvrir">{{ _("Ouvrir") }}</a>',
        '{{ "Aucun pair de connu" if none else one }}',
        "{% trans %}Bon{% endtrans %}jour",
        '<input placeholder="{% if x %}Votre question{% endif %}">',
    ],
)
def test_a_text_beside_the_catalogue_is_found(source: str) -> None:
    """The check above bites."""
    assert outside_catalogue(source)
    assert not outside_catalogue('<p title="{{ _("Ouvrir") }}">{% trans %}Bon{% endtrans %}</p>')


def test_code_marks_every_text() -> None:
    """What an agent may meet of the API and the pages."""
    found = [
        f"{name}:{line}: {text}"
        for path in sorted(ROOM.rglob("*.py"))
        if (name := str(path.relative_to(ROOM))) not in NOT_FOR_AGENTS
        for line, text in unmarked(path.read_text("utf-8"))
    ]
    assert found == []
    assert list(unmarked('raise Problem(404, f"Rien pour {x}.")')) == [(1, "Rien pour ")]
    assert not list(unmarked('raise Problem(404, _("Rien pour vous."))'))


@pytest.mark.parametrize("path", sorted((ROOM / "static").rglob("*.js")), ids=lambda one: one.name)
def test_scripts_hold_no_text(path: Path) -> None:
    """They get it from the page, or from the module that the server writes."""
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)
    texts = re.findall(r"\"([^\"\n]*)\"|`([^`\n]*)`|'([^'\n]*)'", source)
    assert [text for parts in texts for text in parts if FRENCH.search(text)] == []


def test_the_template_of_the_catalogue_is_fresh() -> None:
    """`make catalogue` writes it."""
    assert TEMPLATE.read_text("utf-8") == template()
