"""Files of a WebDAV server, and of Nextcloud with its shares (docs/sources/webdav.md)."""
