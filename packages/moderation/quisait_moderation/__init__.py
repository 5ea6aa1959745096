"""Reports, and hiding questions and answers."""
