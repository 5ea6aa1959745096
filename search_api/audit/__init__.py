"""Who read what by a role: written before it is shown, and never changed."""
