"""Every text that an agent meets, under its French source, in one catalogue (decision 0025)."""
