"""The settings of sign-on: refused where they would not hold, tried by `quisait check`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from quisait.checks.sign_on import check_sign_on
from quisait.settings import Settings, load_settings
from quisait.settings.types import validation_messages
from quisait.settings.web import OidcSettings, SignedHeaderSettings, SignOnSettings
from tests.lying_provider import LyingProvider, lying_provider

pytestmark = pytest.mark.trust


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('[oidc]\nissuer = "idp.exemple.fr"', "n'est pas l'adresse d'un fournisseur"),
        ('[oidc]\nissuer = "https://idp.exemple.fr"', "client_id et client_secret"),
        ('[oidc]\nalgorithms = ["HS256"]', "oidc.algorithms"),
        ('[oidc]\nalgorithms = ["none"]', "oidc.algorithms"),
        ('[sign_on]\naddress = "https://a.fr/"', "n'est pas une origine"),
        ('[sign_on]\nagent_by = "account"', "account_source"),
        ('[signed_header]\nname = "X-Agent"', "issuer et audience"),
        ('[signed_header]\nname = "X Agent"', "n'est pas le nom d'un en-tête"),
        (
            '[signed_header]\nname = "X-Agent"\nissuer = "a"\naudience = "b"',
            "keys_file ou keys_url",
        ),
    ],
)
def test_settings_that_would_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, sentence: str
) -> None:
    """Refused before anything is served, with what to write."""
    (tmp_path / "quisait.toml").write_text(settings, "utf-8")
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    with pytest.raises(ValidationError) as refused:
        load_settings()
    assert sentence in " ".join(validation_messages(refused.value, tmp_path))


@pytest.fixture
def provider() -> Iterator[LyingProvider]:
    with lying_provider() as one:
        yield one


def asking(issuer: str, address: str = "http://127.0.0.1:8077") -> Settings:
    oidc = OidcSettings(issuer=issuer, client_id="a", client_secret="b")
    return Settings(sign_on=SignOnSettings(address=address), oidc=oidc)


def test_a_provider_that_answers(provider: LyingProvider) -> None:
    """Its address and how many keys it signs with."""
    assert check_sign_on(asking(provider.issuer)) == f"{provider.issuer}, 1 clés"


def test_a_header(provider: LyingProvider, tmp_path: Path) -> None:
    """The keys of its proxy are read, from where the settings say."""
    at = SignedHeaderSettings(
        name="X-Agent", issuer="a", audience="b", keys_url=f"{provider.issuer}/jwks"
    )
    assert check_sign_on(Settings(signed_header=at)) == "en-tête X-Agent, 1 clés"
    absent = at.model_copy(update={"keys_url": "", "keys_file": str(tmp_path / "absent")})
    with pytest.raises(ValueError, match="ne se lit pas"):
        check_sign_on(Settings(signed_header=absent))


def test_what_would_fail(provider: LyingProvider) -> None:
    """An issuer that is not quite it, one that is silent, an address in clear, or none."""
    with pytest.raises(ValueError, match=r"ne peut pas être cru \(discovered_issuer\)"):
        check_sign_on(asking(f"{provider.issuer}/"))
    provider.answers = {"/.well-known/openid-configuration": (503, "text/html", "")}
    with pytest.raises(ValueError, match="ne répond pas"):
        check_sign_on(asking(provider.issuer))
    with pytest.raises(ValueError, match="pas en https"):
        check_sign_on(asking(provider.issuer, "http://quisait.exemple.fr"))
    with pytest.raises(ValueError, match=r"réglez \[sign_on\] address"):
        check_sign_on(asking(provider.issuer, ""))
