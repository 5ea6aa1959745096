"""An agent's own data and preferences."""
