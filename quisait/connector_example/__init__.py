"""What `quisait connector new` copies: a working connector and its test."""
