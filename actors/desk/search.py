"""Searching bots and groups by a part of their names, as people type: in any case, ё like е, words in any order. Pure.

Done here and not in SQL, because what counts as the same letter in another case depends on how a database was made.
"""

from __future__ import annotations

import unicodedata


def normal(text: str) -> str:
    """The text as it is compared, and as it is sorted by."""
    return " ".join(_folded(text).split())


def _folded(text: str) -> str:
    # Some machines write й as и with a breve. Thousands of titles: hardly any is not composed already.
    return _composed(_composed(text).casefold()).replace("ё", "е")


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def words_of(query: str | None) -> tuple[str, ...]:
    """What is looked for; empty for a query that says nothing."""
    return tuple(dict.fromkeys(normal(query or "").split()))


def matches(words: tuple[str, ...], *texts: str) -> bool:
    """Whether every word is a part of the texts taken together."""
    whole = _folded("\n".join(texts))
    return all(word in whole for word in words)
