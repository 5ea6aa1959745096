"""Names of Matrix accounts, chosen so that the directory can link them to agents.

On the servers of the settings, `@name:server` is named `name`, or the mail address that the name
was made of. Any other account keeps its full name, which no rule links to an agent.
"""

from dataclasses import dataclass

from connectors.values import account_principal


def server_of(matrix_id: str) -> str:
    """Return the server of a user's or a room's id: the part after the first colon."""
    return matrix_id.partition(":")[2]


@dataclass(frozen=True, slots=True)
class AccountNames:
    """Names the accounts of one source.

    Accounts of `servers` get short names; in `mail_domains`, account names were made of mail
    addresses.
    """

    source: str
    servers: frozenset[str]
    mail_domains: frozenset[str] = frozenset()

    def account(self, user_id: str) -> str:
        """Return `source:name` for `@name:server`.

        A name that could have been made of two mail addresses keeps its full form: it is linked to
        nobody.
        """
        name, _, server = user_id.removeprefix("@").partition(":")
        if not name or server not in self.servers:
            return f"{self.source}:{user_id}"
        addresses = {
            f"{before}@{domain}"
            for domain in self.mail_domains
            if (before := name.removesuffix(f"-{domain}")) not in ("", name)
        }
        if not addresses:
            return f"{self.source}:{name}"
        return f"{self.source}:{addresses.pop() if len(addresses) == 1 else user_id}"

    def principal(self, user_id: str) -> str:
        """Return the principal of the account's holder."""
        return account_principal(self.account(user_id))
