"""Personal data: what is stored, for how long, and which deletions a restoration repeats."""
