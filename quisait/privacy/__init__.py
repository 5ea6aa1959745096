"""Personal data: what is stored, for how long, and what is applied again after a restoration."""
