"""Who knows: contributions become evidence, and evidence becomes candidates."""
