"""Files of Windows shares, read by those whom their access lists let read (docs/sources/smb.md)."""
