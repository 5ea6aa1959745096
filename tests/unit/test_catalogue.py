"""An administration's own texts: what they change, and what stops the start."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quisait.server.app import catalogue_of
from quisait.settings import Settings
from quisait.settings.web import PagesSettings
from search_api.catalogue.loading import IN_FOLDER, TEMPLATE, load_catalogue
from search_api.catalogue.texts import SOURCES, Catalogue, TemplateTexts, _, key_of, ngettext
from search_api.catalogue.texts import _current as current

pytestmark = pytest.mark.pages

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
COUNTED = 'msgid "%(num)s document"\nmsgid_plural "%(num)s documents"\n'


def written(folder: Path, entries: str) -> Path:
    path = folder / IN_FOLDER
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + entries, "utf-8")
    return folder


def test_its_texts_take_precedence(tmp_path: Path) -> None:
    """By their sources, whatever spaces an editor made of no-break ones; others stay."""
    entries = (
        'msgid "Que cherchez-vous ?"\nmsgstr "Votre question ?"\n\n'
        'msgctxt "groupe"\nmsgid "Aucun."\nmsgstr "Pas de groupe."\n\n'
        '#, fuzzy\nmsgid "Chercher"\nmsgstr "Trouver"\n\n'
        f'{COUNTED}msgstr[0] "%(num)s pièce"\nmsgstr[1] "%(num)s pièces"\n\n'
        'msgid "Refuser"\nmsgstr ""\n'
    )
    found = load_catalogue(written(tmp_path, entries))
    assert found.text("Que cherchez-vous\u202f?") == "Votre question ?"
    assert found.text("Aucun.", "groupe") == "Pas de groupe."
    assert (found.text("Aucun."), found.text("Chercher")) == ("Aucun.", "Chercher")
    assert found.text("Refuser") == "Refuser"
    said = [found.counted("%(num)s\u00a0document", "%(num)s\u00a0documents", n) for n in (0, 1, 2)]
    assert said == ["%(num)s pièce", "%(num)s pièce", "%(num)s pièces"]


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ('msgid "Fermer"\nmsgstr "Clore\n', "ligne 5 : ce n’est pas du gettext"),
        ('msgid "Fermer"\nmsgstr "Clo"re"\n', "ligne 5 : ce n’est pas du gettext"),
        ('msgid "Fermer"\nmsgtext "Clore"\n', "ligne 5 : ce n’est pas du gettext"),
        ('msgid "à %(distance)s"\nmsgstr "non loin"\n', r"emplacements .* \(%\(distance\)s\)"),
        ('msgid "Fermer"\nmsgstr "Clore %(x)s"\n', r"emplacements .* \(aucun\)"),
        ('msgid "à %(distance)s"\nmsgstr "à %(distance)s, 5 %"\n', "« %% »"),
        ('msgid "à %(distance)s"\nmsgstr "à %(distance)s, %d"\n', "« %% »"),
        ('msgid "Fermer"\nmsgstr "<b>Clore</b>"\n', "ni balise ni entité"),
        ('msgid "Fermer"\nmsgstr "Clore&nbsp;!"\n', "ni balise ni entité"),
        ('msgid "Fermer"\nmsgstr "\u202eerolC"\n', "caractères invisibles"),
        (f'{COUNTED}msgstr[0] "%(num)s pièce"\nmsgstr[1] ""\n', "deux formes"),
        (f'{COUNTED}msgstr[0] "une pièce"\nmsgstr[1] "%(num)s pièces"\n', "emplacements"),
    ],
)
def test_what_cannot_be_said_stops_the_start(tmp_path: Path, entries: str, why: str) -> None:
    """With one French sentence that names the file."""
    settings = Settings(pages=PagesSettings(catalogue=str(written(tmp_path, entries))))
    with pytest.raises(ValueError, match=why) as raised:
        catalogue_of(settings)
    assert str(tmp_path / IN_FOLDER) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none_stops_the_start(tmp_path: Path) -> None:
    """Missing, or in another coding; no setting is no catalogue."""
    assert catalogue_of(Settings()) is SOURCES
    with pytest.raises(ValueError, match="réglez \\[pages\\] catalogue"):
        load_catalogue(tmp_path)
    written(tmp_path, "")
    (tmp_path / IN_FOLDER).write_bytes('msgid "Refuser"\nmsgstr "Décliner"\n'.encode("latin-1"))
    with pytest.raises(ValueError, match="UTF-8"):
        load_catalogue(tmp_path)


def test_the_shipped_template_is_a_catalogue_that_says_nothing_else(tmp_path: Path) -> None:
    """What `quisait schema texts` prints can be used as it is."""
    path = tmp_path / IN_FOLDER
    path.parent.mkdir(parents=True)
    path.write_bytes(TEMPLATE.read_bytes())
    assert load_catalogue(tmp_path) == SOURCES


@given(st.text(max_size=40), st.text(max_size=40))
def test_neither_text_nor_value_becomes_markup(text: str, value: str) -> None:
    """Even of a catalogue that nobody checked, and with whatever is put into it."""
    hostile = Catalogue({("", key_of("Bonjour %(name)s")): (f"{text.replace('%', '')}%(name)s",)})
    before = current.set(hostile)
    try:
        said = TemplateTexts.gettext("Bonjour %(name)s", name=value)
        assert not {"<", ">", '"', "'"} & set(said)
        assert _("Bonjour %(name)s", name="x").endswith("x")
    finally:
        current.reset(before)
    assert ngettext("%(num)s sujet", "%(num)s sujets", 12_345) == "12\u202f345 sujets"
