"""Errors of a sign-on, by what the person can do about them.

`SignOnFailed`
    ├── `ProviderUnreachable`: try again
    ├── `ProviderRefused`: the provider refused, or its answer cannot be verified
    └── `NotAnAgent`: the person named by the provider matches no agent, or several
"""

from enum import StrEnum


class SignOnFailed(Exception):
    """The sign-on failed. The text is a French sentence for the person."""


class ProviderUnreachable(SignOnFailed):
    """The identity provider does not answer, or says that it is unavailable."""


class ProviderRefused(SignOnFailed):
    """The provider refused. `reason` goes to the log: a word, never a name nor a token."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


KNOWN_CODES = frozenset(
    [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_request_object",
        "invalid_request_uri",
        "invalid_scope",
        "login_required",
        "registration_not_supported",
        "request_not_supported",
        "request_uri_not_supported",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unmet_authentication_requirements",
        "unsupported_grant_type",
        "unsupported_response_type",
    ]
)
"""Error codes of OAuth 2.0 (RFC 6749, 4.1.2.1 and 5.2) and OpenID Connect Core 1.0 (3.1.2.6)."""


def logged_reason(place: str, code: object) -> str:
    """Return the `reason` to log for an error code from another server, which may be any text.

    `place` is where the code was found: `answer` or `token`. An unknown code becomes `other`.
    """
    return f"{place}_{code if isinstance(code, str) and code in KNOWN_CODES else 'other'}"


class NoAgentReason(StrEnum):
    """Why no agent matches the provider's claims."""

    NOT_ACCEPTED = "not_accepted"
    CLAIM_MISSING = "claim_missing"
    EMAIL_UNVERIFIED = "email_unverified"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"


_SENTENCES = {
    NoAgentReason.NOT_ACCEPTED: (
        "Votre identité est établie, mais par un service dont Qui sait ? "
        "n’accueille pas les agents."
    ),
    NoAgentReason.CLAIM_MISSING: (
        "Votre fournisseur d’identité ne dit pas ce qui permettrait de vous "
        "retrouver dans l’annuaire."
    ),
    NoAgentReason.EMAIL_UNVERIFIED: (
        "Votre fournisseur d’identité ne garantit pas votre adresse "
        "électronique : elle ne suffit pas à vous retrouver dans l’annuaire."
    ),
    NoAgentReason.UNKNOWN: (
        "Votre identité est établie, mais aucun agent en poste de l’annuaire n’y correspond."
    ),
    NoAgentReason.AMBIGUOUS: (
        "Votre identité est établie, mais plusieurs agents de l’annuaire y "
        "correspondent : Qui sait ? ne choisit pas entre eux."
    ),
}


class NotAnAgent(SignOnFailed):
    """The provider's claims match no agent, or more than one."""

    def __init__(self, why: NoAgentReason) -> None:
        super().__init__(_SENTENCES[why])
        self.why = why
