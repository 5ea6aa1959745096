"""Two rankings become one, arranged and explained. Pure."""
