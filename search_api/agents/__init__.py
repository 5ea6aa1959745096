"""An agent, as the others may see them."""
