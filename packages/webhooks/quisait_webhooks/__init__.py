"""Webhooks: signed events for applications, and their outbox."""
