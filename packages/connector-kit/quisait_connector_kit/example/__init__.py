"""The template of `quisait connector new`: a working connector and its test."""
