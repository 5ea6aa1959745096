"""Files of a WebDAV server, and of Nextcloud with its shares (docs/sources/fichiers.md)."""
