"""Write the register of processing, in French, from the current settings (for the AIPD).

Its text is the template `report.md.j2` beside this module.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connectors.installed import load_kind
from connectors.ports import SourceRefused
from expertise.builds import TREND_DAYS
from quisait.features import installed_features
from quisait.settings import PrivacySettings, Settings, beside_file
from search_api.questions.choosing import LATELY_DAYS
from search_api.verification.storage import MONTH_DAYS

_ROLES = {
    "animator": "animation de réseau",
    "administrator": "administration",
    "officer": "protection des données",
}
_SECTIONS = ("data", "recipients", "transfers", "periods", "off")
"""Sections of the report to which features may add lines (`Feature.report`)."""
_KINDS = {
    "folder": "dossier de fichiers",
    "questions": "questions posées ici à des collègues, avec leurs réponses",
}


def report_text(settings: Settings) -> str:
    """Return the register as Markdown, from the enabled features.

    It names no secret and no agent.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 - Markdown, which nobody's browser renders
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind_label"] = _kind
    kinds = sorted({source.kind for source in settings.sources})
    register = beside_file(settings.privacy.register_file)
    return environment.get_template("report.md.j2").render(
        dict(settings),
        added=_added(settings),
        role_labels=_ROLES,
        personal_data=[text for kind in kinds if (text := _personal_data(kind))],
        usual=PrivacySettings(),
        register_inside=register.is_relative_to(beside_file(settings.folder)),
        encrypted=all(url.startswith("https://") for url in settings.index.urls),
        lately_days=LATELY_DAYS,
        month_days=MONTH_DAYS,
        trend_days=TREND_DAYS,
    )


def _added(settings: Settings) -> dict[str, list[str]]:
    """Return the lines that installed features add, by section."""
    lines: dict[str, list[str]] = {section: [] for section in _SECTIONS}
    for feature in installed_features():
        for section, added in feature.report(settings).items():
            lines[section] += added
    return lines


def _kind(name: str) -> str:
    """Return the label of a kind of source, or its name if its connector does not load."""
    if name in _KINDS:
        return _KINDS[name]
    try:
        return f"{load_kind(name).label} (connecteur « {name} »)"
    except SourceRefused:
        return f"connecteur « {name} », qui ne se charge pas"


def _personal_data(kind: str) -> str:
    """Return the sentence of an installed kind on its personal data, or an empty text."""
    if kind in _KINDS:
        return ""
    try:
        return load_kind(kind).personal_data
    except SourceRefused:
        return ""
