"""The register of processing follows the configuration, and tells no secret."""

import pytest

from quisait.privacy.report import report_text
from quisait.settings import Settings, load_settings

pytestmark = pytest.mark.trust


def report(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    monkeypatch.setenv("QUISAIT_FILE", "nowhere/quisait.toml")
    for name, value in environment.items():
        monkeypatch.setenv(f"QUISAIT_{name}", value)
    settings: Settings = load_settings()
    return report_text(settings)


def test_it_says_what_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing configured: nobody is proposed, no question kept, and that is written."""
    text = report(monkeypatch)
    for said in (
        "Aucun annuaire",
        "Journal des questions : éteint",
        "Cartographie des sujets : éteinte",
    ):
        assert said in text
    assert "Nul n'a le rôle « protection des données »" in text


def test_it_says_what_is_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Periods, roles and sources of the settings; the key stays where it is."""
    text = report(
        monkeypatch,
        JOURNAL__ENABLED="true",
        JOURNAL__KEEP_DAYS="47",
        PRIVACY__DEPARTED_DAYS="400",
        PRIVACY__REGISTER_FILE=".quisait/registre.jsonl",
        ROLES='[{"role": "officer", "agents": ["ag-secret"]}]',
        SOURCES='[{"name": "notes", "kind": "folder", "path": "n"}]',
        SERVER__TOKEN_KEY="k" * 32,
        INDEX__ENGINE="opensearch",
        INDEX__PASSWORD="motdepasse",
    )
    for said in (
        "47 j",
        "400 jours",
        "« notes »",
        "Propositions :",
        "Sessions et jetons",
        "SANS chiffrement",
        "À DÉPLACER",
        "à justifier",
    ):
        assert said in text
    for hidden in ("ag-secret", "k" * 32, "motdepasse"):
        assert hidden not in text


def test_rooms_and_the_answers_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read there, who is shown answers, and who keeps them: the servers of others too."""
    rooms = {
        "SOURCES": '[{"name": "tchap", "kind": "matrix", "options": {"url": "https://m.test"}}]',
        "SIGN_ON__ADDRESS": "https://qui-sait.test",
    }
    read_only = report(monkeypatch, **rooms, ASSISTANTS__ENABLED="false")
    assert "Salons (Matrix, Tchap) où le compte est invité" in read_only
    assert "Réponses dans les salons : éteintes" in read_only
    assert "Aucun transfert" in read_only
    assert "ssistants" not in read_only
    assisted = report(monkeypatch, ASSISTANTS__ENABLED="true", ASSISTANTS__KEPT_DAYS="9")
    assert "Appels d'assistants : 9 jours" in assisted
    assert "Aucun transfert" not in assisted
    answering = report(monkeypatch, **rooms, BOT__SOURCE="tchap")
    assert "Salons de la source « tchap »" in answering
    assert "les serveurs Matrix des membres les gardent" in answering
    assert "Aucun transfert" not in answering


def test_a_language_model_is_named_among_the_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address, its sources, and whether restricted documents may leave."""
    written = {
        "WRITTEN_ANSWER__URL": "https://modele.test/v1",
        "WRITTEN_ANSWER__MODEL": "petit",
        "WRITTEN_ANSWER__SOURCES": '["wiki"]',
        "WRITTEN_ANSWER__KEY": "k" * 32,
        "SOURCES": '[{"name": "wiki", "kind": "push"}]',
    }
    sent = report(monkeypatch, **written, ASSISTANTS__ENABLED="false")
    assert "petit, à https://modele.test/v1" in sent
    assert "documents ouverts à tous, des sources wiki" in sent
    assert "Aucun transfert" not in sent
    assert "k" * 32 not in sent
    more = report(monkeypatch, **written, WRITTEN_ANSWER__RESTRICTED="true")
    assert "lisibles de qui demande" in more


def test_questions_and_what_authors_say_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of whoever asks, answers, reports and verifies, and for how long."""
    kept = ("Signalements :", "Vérifications :", "Ouvertures :", "28 jours", "30 jours", "47 jours")
    off = report(monkeypatch, ASSISTANTS__KEPT_DAYS="9")
    assert not [said for said in kept if said in off]
    asked = {"QUESTIONS__ENABLED": "true", "QUESTIONS__UNANSWERED_DAYS": "47"}
    places = {"VERIFICATION__ENABLED": "true", "QUESTIONS__UNUSED_DAYS": "0"}
    text = report(monkeypatch, **asked, **places)
    assert [said for said in kept if said in text] == list(kept)
    assert "n'ouvre : sans limite, à justifier" in text
    uncounted = report(monkeypatch, VERIFICATION__MUCH_OPENED="0")
    assert "combien de lecteurs par document" not in uncounted
