"""Every text of pages, box and answers, as a gettext template: `make catalogue` writes it.

Without line numbers: a text that only moves changes nothing.
"""

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from search_api.catalogue.loading import TEMPLATE

ROOT = Path(__file__).resolve().parents[2]
READ = {
    "search_api": [("templates/**", "jinja2"), ("**.py", "python")],
    "expertise": [("**.py", "python")],
    "quisait": [("**.py", "python")],
}
"""Where an agent's texts are, and what reads them."""
KEYWORDS = {
    "_": None,
    "gettext": None,  # what `{% trans %}` becomes
    "marked": None,
    "pgettext": ((1, "c"), 2),
    "ngettext": (1, 2),
    "counted_forms": (1, 2),
    "both_forms": (1, 2),
    # The errors' sentences, from a room that knows no catalogue.
    "NoSuchProposal": None,
    "Undecidable": None,
}
OPTIONS = {
    "templates/**": {
        "newstyle_gettext": "true",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "silent": "false",
    }
}
HEADER = """# Les textes de quisait. Pour en changer : docs/habillage.md.
msgid ""
msgstr ""
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Language: fr\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

"""


def template() -> str:
    """The text of `quisait.pot`."""
    found = Catalog()
    for room, methods in READ.items():
        extracted = extract_from_dir(ROOT / room, methods, OPTIONS, keywords=KEYWORDS)
        for name, _line, message, _comments, context in sorted(extracted, key=lambda one: one[0]):
            found.add(message, locations=[(f"{room}/{name}", 0)], context=context)
    written = io.BytesIO()
    write_po(written, found, width=0, omit_header=True, include_lineno=False, sort_output=True)
    return HEADER + written.getvalue().decode()


if __name__ == "__main__":
    TEMPLATE.write_text(template(), "utf-8")
