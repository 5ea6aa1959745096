"""Records as exports and pushes write them: one JSON object per line."""
