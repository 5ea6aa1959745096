"""How a Matrix account is named here, so that the directory can join it to an agent.

`@name:server` of a stated server is named `name`, or the mail address that the name was made
of; any other keeps its full name, which no rule gives to an agent.
"""

from dataclasses import dataclass

from connectors.values import account_principal


def server_of(matrix_id: str) -> str:
    """The server of a user's or a room's id: what follows the first colon."""
    return matrix_id.partition(":")[2]


@dataclass(frozen=True, slots=True)
class AccountNames:
    """Accounts of one source. `servers` have short names, `mail_domains` those made of mail."""

    source: str
    servers: frozenset[str]
    mail_domains: frozenset[str] = frozenset()

    def account(self, user_id: str) -> str:
        """`source:name` for `@name:server`.

        A name that two mail addresses could have been made into is left as it is: it is
        nobody's.
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
        """The principal of the account's holder."""
        return account_principal(self.account(user_id))
