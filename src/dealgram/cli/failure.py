"""How a command ends when it cannot do what was asked."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - what a command ends with, not a mistake in the code
    """A command cannot do what was asked; the text says why in one sentence."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
