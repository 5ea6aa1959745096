"""One try to sign on, from the page that asked for it to the provider's answer.

Nothing is kept here meanwhile: the browser holds the secret in a cookie, and what the
provider is told comes from it. An answer without that very browser's cookie is nobody's.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

LIFE_S = 600
"""How long a person may take at the provider."""
_LONGEST_BACK = 1_500


@dataclass(frozen=True, slots=True)
class Try:
    """A try: its public id, the browser's secret, when it began, where to return."""

    id: str
    secret: str
    begun_s: int
    back: str

    @property
    def state(self) -> str:
        """What the answer must bring back: `id.proof`, 66 characters."""
        return f"{self.id}.{self._derived('state')}"

    @property
    def nonce(self) -> str:
        """What the ID token must hold, 43 characters."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's code verifier (RFC 7636), 43 characters."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def cookie(self) -> str:
        """What the browser keeps of it."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        return f"{self.secret}.{self.begun_s}.{back}"


def begin_try(back: str, now_s: int) -> Try:
    """A new one. `back` is a path of this site; a very long one is forgotten."""
    kept = back if len(back.encode()) <= _LONGEST_BACK else "/"
    return Try(secrets.token_urlsafe(16), secrets.token_urlsafe(32), now_s, kept)


def id_of(state: str) -> str:
    """The try that a state speaks of."""
    return state.partition(".")[0]


def returned_try(state: str, cookie: str, now_s: int) -> Try | None:
    """The try that this browser began and that this state answers, else None."""
    secret, _, rest = cookie.partition(".")
    begun, _, back = rest.partition(".")
    try:
        path = base64.urlsafe_b64decode(back.encode()).decode()
        one = Try(id_of(state), secret, int(begun), path)
    except ValueError:
        return None
    if len(secret) < 32 or not hmac.compare_digest(one.state.encode(), state.encode()):
        return None
    return one if 0 <= now_s - one.begun_s <= LIFE_S else None
