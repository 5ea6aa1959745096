"""How long a real slapd takes to be read whole, and to be asked whether anything changed.

`python -m benchmarks.ldap_reading`; it reads the directory of the tests.
"""

import time

from connectors.ldap.config import LdapBranch, LdapConfig
from connectors.ldap.directory import LdapDirectory
from tests.ldap_server import AGENTS, GROUPS, PASSWORD, READER, ensure_ldap

ROUNDS = 5


def main() -> None:
    """The best of a few rounds: other work on the machine is not the directory's."""
    branches = (LdapBranch(AGENTS, "(uid=*)"), LdapBranch(GROUPS, "(cn=*)"))
    directory = LdapDirectory(LdapConfig((ensure_ldap().url,), *branches, READER, PASSWORD))
    whole, asked, count = [], [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        count = sum(1 for _ in directory.entries())
        whole.append(time.perf_counter() - began)
        began = time.perf_counter()
        directory.fingerprint()
        asked.append(time.perf_counter() - began)
    print(f"{count} entries: read whole {min(whole):.2f} s, whether any changed {min(asked):.2f} s")


if __name__ == "__main__":
    main()
