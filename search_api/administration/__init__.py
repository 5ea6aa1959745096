"""State of the system, the audit log, health and edited files."""
