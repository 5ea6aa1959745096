"""An LDAP directory: agents and groups, read page by page or not at all."""
