"""Reactions in both directions, and typing."""
