"""Which emoji is which reaction. Pure.

A bot may react with the emoji of one fixed list only (Bot API: ReactionTypeEmoji). The same emoji is written in several
ways: with and without a variation selector, with a skin tone, with a sex. Those are one reaction to people, and so they
are here; a few that Telegram lacks have a neighbour there that says the same.
"""

from __future__ import annotations

_LIST = """
❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳
❤\u200d🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻
👨\u200d💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾
🤷\u200d♂ 🤷 🤷\u200d♀ 😡
"""
TELEGRAM_REACTIONS: tuple[str, ...] = tuple(_LIST.split())
"""As the Bot API lists them."""

_SELECTORS = "\ufe0e\ufe0f"
_TONES = "".join(chr(code) for code in range(0x1F3FB, 0x1F400))
_BARE = str.maketrans("", "", _SELECTORS + _TONES)
_UNSELECTED = str.maketrans("", "", _SELECTORS)
_SELECTED = frozenset("❤☃✍🕊♂♀")  # shown as a picture only with a selector
_SEX = ("\u200d♂", "\u200d♀")

_NEIGHBOURS = {
    **dict.fromkeys("♥💙💚💛💜🧡🖤🤍🤎🩷🩵🩶💕💖💗💓💞💝", "❤"),
    **dict.fromkeys("😂😆😹", "🤣"),
    **dict.fromkeys("😀😃😄😊☺", "😁"),
    **dict.fromkeys("😮😲😯", "😱"),
    **dict.fromkeys("😥😿☹🙁", "😢"),
    **dict.fromkeys("😠👿", "😡"),
    "🆗": "👌",
    "👩‍💻": "👨‍💻",
    "🧑‍💻": "👨‍💻",
    "🧑‍🎄": "🎅",
    "🤶": "🎅",
    "⛄": "☃",
}


def _bare(emoji: str) -> str:
    return emoji.translate(_BARE)


_KNOWN = {_bare(emoji): near for emoji, near in _NEIGHBOURS.items()}
_KNOWN.update((_bare(emoji), emoji) for emoji in TELEGRAM_REACTIONS)


def for_telegram(emoji: str) -> str | None:
    """The reaction of Telegram that is the given emoji or says the same; None where there is none."""
    bare = _bare(emoji)
    if found := _KNOWN.get(bare):
        return found
    for sex in _SEX:
        bare = bare.removesuffix(sex)
    return _KNOWN.get(bare)


def for_amocrm(emoji: str) -> tuple[str, ...]:
    """The ways in which a reaction may stand in the channel's list of reactions at amoCRM, the likeliest first.

    Telegram writes its reactions without a variation selector; keyboards, and lists made by hand, write some with one.
    """
    bare = emoji.translate(_UNSELECTED)
    full = "".join(f"{char}\ufe0f" if char in _SELECTED else char for char in bare)
    return tuple(dict.fromkeys((emoji, bare, full)))
