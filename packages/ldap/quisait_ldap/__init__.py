"""An LDAP directory: agents and groups, read page by page, completely or not at all."""
