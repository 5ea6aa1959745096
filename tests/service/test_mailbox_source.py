"""A shared mailbox on a real Dovecot: from the settings to a found thread, and who answered."""

import json

import pytest

from tests.dovecot_server import PASSWORD, ensure_dovecot
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

USER = "boite-service"
QUESTION = (
    "Message-ID: <1@exemple.fr>\r\nFrom: Ben <ben@exemple.fr>\r\nSubject: Bornage\r\n\r\n"
    "Qui signe le bornage amiable ?\r\n"
)
ANSWER = (
    "Message-ID: <2@exemple.fr>\r\nIn-Reply-To: <1@exemple.fr>\r\nFrom: Ana <ana@exemple.fr>\r\n"
    "Subject: Re: Bornage\r\n\r\nLe chef du cadastre signe le bornage amiable.\r\n\r\nCordialement,"
    "\r\nAna\r\n"
)
SECRET = (
    "Message-ID: <3@exemple.fr>\r\nFrom: Ben <ben@exemple.fr>\r\nSubject: Carrousel\r\n\r\n"
    "Le carrousel Zanzibar passe par trois comptes.\r\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A mailbox with a folder for everybody, and one for those whom its own rights name."""
    server = ensure_dovecot()
    with server.account(USER) as client:
        for name in ("Résolues", "Fraude"):
            client.create_folder(name)
        for name, raw in (("Résolues", QUESTION), ("Résolues", ANSWER), ("Fraude", SECRET)):
            client.append(name, raw.encode())
        client.setacl("Fraude", "ag-2", "lr")
    options = {
        "host": "127.0.0.1",
        "port": server.tls_port,
        "ca_file": server.ca_file,
        "user": USER,
        "folders": {"Résolues": ["everyone"], "Fraude": "acl"},
        "evidence": "yes",
    }
    source = {"name": "boite", "kind": "mailbox", "options": options, "join": ["uid", "email"]}
    folder = tmp_path_factory.mktemp("mailbox") / "place"
    sources = json.dumps([source | {"password_file": "secret"}])
    made = make_place(folder, QUISAIT_SOURCES=sources)
    (folder / "secret").write_text(f"{PASSWORD}\n", "utf-8")
    agents = (folder / "agents.csv").read_text("utf-8").splitlines()
    emails = ["email", "ana@exemple.fr", "ben@exemple.fr", "cyd@exemple.fr"]
    rows = (f"{row},{email}\n" for row, email in zip(agents, emails, strict=True))
    (folder / "agents.csv").write_text("".join(rows), "utf-8")
    return made


def test_from_the_settings_to_a_found_thread(place: Place) -> None:
    """Tried, read, found by whom a folder's rights admit; who answered knows; deleted at once."""
    tried = {one["title"]: one["allowed"] for one in place.json("try", "boite")["documents"]}
    assert tried["Bornage"] == ["everyone"]
    assert "boite:account:ag-2" in tried["Carrousel"]
    place.run("crawl", "boite")

    def found(agent: str) -> set[str]:
        answer = place.json("search", "bornage amiable Zanzibar", "--agent", agent)
        return {one["title"] for one in answer["documents"]}

    assert found("ag-1") == {"Bornage"}
    assert found("ag-2") == {"Bornage", "Carrousel"}
    known = place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]
    with ensure_dovecot().account(USER) as client:
        client.select_folder("Fraude")
        client.delete_messages(client.search(["ALL"]))
    place.run("crawl", "boite")
    assert found("ag-2") == {"Bornage"}
