"""Experts on a question, pages of agents, and corrections of what is said about a person."""
