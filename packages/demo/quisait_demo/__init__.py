"""The demonstration: an administration that does not exist, served on this machine."""
