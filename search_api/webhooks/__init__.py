"""Webhooks: what applications are told of, and the outbox of what they are still to be told."""
