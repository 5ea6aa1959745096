"""Limits of requests to one host: rate, time and size. This module imports no HTTP client."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The request rate, the time limits and the size of a response, for one host.

    `timeout_s` limits each read from the socket, `total_timeout_s` a whole response,
    `max_wait_s` the sum of the waits before retries of one request.
    """

    rate_per_s: float = 10.0
    timeout_s: float = 30.0
    total_timeout_s: float = 300.0
    max_wait_s: float = 300.0
    max_bytes: int = 256 * 1024 * 1024
