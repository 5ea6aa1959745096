"""A typed client of the API of « Qui sait ? »: `Client(address, token).search(q="…")`."""

from quisait_client.client import Client
from quisait_client.transport import ApiError

__all__ = ["ApiError", "Client"]
