"""Pages that a role opens: the animator's desk, the administrator's."""
