"""What a request must be to be let in: its host, its site, its size, its pace."""
