"""What a bot's owner does at @BotFather, from the page: a new bot, its privacy mode, a new token.

Owns `ACTIONS`, like `telegram_actions`. The names that Telegram refuses are refused here in its sense.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dealgram.sandbox.page.refusal import Refusal, decode, text_of
from dealgram.sandbox.page.telegram_actions import Action, find_bot
from dealgram.sandbox.page.telegram_view import TelegramView

NAME_LIMIT = 64
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,28}bot\Z", re.IGNORECASE)

Json = dict[str, Any]


class _NewBot(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    username: str


class _Privacy(msgspec.Struct, forbid_unknown_fields=True):
    bot: int
    on: bool


class _Revoke(msgspec.Struct, forbid_unknown_fields=True):
    bot: int


def _new(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _NewBot)
    name = text_of(wanted.name, limit=NAME_LIMIT, empty="Назовите бота.")
    username = wanted.username.strip().removeprefix("@")
    if not _USERNAME.match(username):
        raise Refusal("Имя пользователя: латинские буквы, цифры и _, от 5 до 32 знаков, на конце bot.")
    if any(one.username.lower() == username.lower() for one in view.telegram.bots):
        raise Refusal("Такое имя пользователя уже занято.", 409)
    # @BotFather's bots do not see what people say in groups until their owner changes it.
    return {"bot": view.telegram.add_bot(name, username, privacy_mode=True).id}


def _privacy(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _Privacy)
    view.telegram.set_privacy(find_bot(view, wanted.bot), on=wanted.on)
    return {}


def _revoke(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _Revoke)
    view.telegram.revoke_token(find_bot(view, wanted.bot))
    return {}


ACTIONS: dict[str, Action] = {"bots": _new, "bots/privacy": _privacy, "bots/revoke": _revoke}
