"""Experts on a question, pages of agents, and corrections by agents and animators."""
