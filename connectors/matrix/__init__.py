"""Rooms of a Matrix server, such as Tchap: conversations, and who of their members reads them."""
