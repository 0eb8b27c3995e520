"""How a step of an account's setup says that it cannot be done as things are."""

from __future__ import annotations


class StepFailedError(Exception):
    """A step cannot be done as things are; the text says why, in Russian, for administrators."""
