"""Personal data: what is kept, for how long, and what is applied again to a restored backup."""
