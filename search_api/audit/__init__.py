"""The audit log of accesses that a role opens: written before anything is shown, never changed."""
