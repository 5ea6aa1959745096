"""Explain why a TLS certificate was refused, and how to fix it."""


def certificate_fault(error: BaseException, remedy: str) -> str:
    """Return why a certificate was refused and what to do, as the end of a French sentence.

    `remedy` says what to do if the authority is unknown or the certificate is for another host.
    """
    # OpenSSL's message, which every library repeats.
    if "certificate has expired" in str(error):
        return "a expiré : qui tient ce serveur doit le renouveler (« quisait check » dit la date)"
    return f"n'est pas reconnu : {remedy}"
