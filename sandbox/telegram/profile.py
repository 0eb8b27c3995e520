"""Methods about the bot itself: getMe, commands, name and descriptions, each per language and scope."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from dealgram.sandbox.telegram.errors import bad_request
from dealgram.sandbox.telegram.methods import Method, NoParameters
from dealgram.sandbox.telegram.world import Json, SimBot

_CAPABILITIES = (
    "supports_guest_queries",
    "supports_inline_queries",
    "can_connect_to_business",
    "has_main_web_app",
    "has_topics_enabled",
    "allows_users_to_create_topics",
    "can_manage_bots",
    "supports_join_request_queries",
)
_MAX_COMMANDS = 100


_SCOPES = frozenset(
    {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
)  # those of a single chat are not simulated
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_LIMITS = {"name": 64, "description": 512, "short_description": 120}


class Commands(msgspec.Struct, kw_only=True):
    scope: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "default"})
    language_code: str = ""

    def key(self) -> tuple[str, str]:
        return orjson.dumps(self.scope, option=orjson.OPT_SORT_KEYS).decode(), self.language_code


class SetMyCommands(Commands, kw_only=True):
    commands: list[dict[str, Any]]


class Language(msgspec.Struct, kw_only=True):
    language_code: str = ""


class SetMyName(Language, kw_only=True):
    name: str = ""


class SetMyDescription(Language, kw_only=True):
    description: str = ""


class SetMyShortDescription(Language, kw_only=True):
    short_description: str = ""


class Profile:
    def methods(self) -> dict[str, Method]:
        return {
            "getMe": Method(NoParameters, self.get_me),
            "setMyCommands": Method(SetMyCommands, self.set_commands),
            "getMyCommands": Method(Commands, self.get_commands),
            "deleteMyCommands": Method(Commands, self.delete_commands),
            "setMyName": Method(SetMyName, self.set_name),
            "getMyName": Method(Language, self.get_name),
            "setMyDescription": Method(SetMyDescription, self.set_description),
            "getMyDescription": Method(Language, self.get_description),
            "setMyShortDescription": Method(SetMyShortDescription, self.set_short_description),
            "getMyShortDescription": Method(Language, self.get_short_description),
        }

    def get_me(self, bot: SimBot, call: NoParameters) -> Json:
        return (
            bot.as_user()
            | {"can_join_groups": bot.can_join_groups, "can_read_all_group_messages": not bot.privacy_mode}
            | dict.fromkeys(_CAPABILITIES, False)
        )

    def set_commands(self, bot: SimBot, call: SetMyCommands) -> bool:
        _check_language(call.language_code)
        if call.scope.get("type") not in _SCOPES:
            raise bad_request("unsupported bot command scope specified")
        if len(call.commands) > _MAX_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in call.commands:
            name = command["command"].removeprefix("/")
            if not 1 <= len(command["description"]) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
            if not _COMMAND.fullmatch(name):
                raise bad_request("BOT_COMMAND_INVALID")
        bot.commands[call.key()] = call.commands
        return True

    def get_commands(self, bot: SimBot, call: Commands) -> list[Json]:
        """The list of this very scope and language; what a person sees is looked for in wider ones by their app."""
        return bot.commands.get(call.key(), [])

    def delete_commands(self, bot: SimBot, call: Commands) -> bool:
        bot.commands.pop(call.key(), None)
        return True

    def set_name(self, bot: SimBot, call: SetMyName) -> bool:
        done = _set(bot, "name", call.language_code, call.name)
        if call.name and not call.language_code:
            bot.name = call.name
        return done

    def get_name(self, bot: SimBot, call: Language) -> Json:
        return {"name": _get(bot, "name", call.language_code) or bot.name}

    def set_description(self, bot: SimBot, call: SetMyDescription) -> bool:
        return _set(bot, "description", call.language_code, call.description)

    def get_description(self, bot: SimBot, call: Language) -> Json:
        return {"description": _get(bot, "description", call.language_code)}

    def set_short_description(self, bot: SimBot, call: SetMyShortDescription) -> bool:
        return _set(bot, "short_description", call.language_code, call.short_description)

    def get_short_description(self, bot: SimBot, call: Language) -> Json:
        return {"short_description": _get(bot, "short_description", call.language_code)}


def _check_language(code: str) -> None:
    """Empty, or two letters as ISO 639-1 has them (Bot API: setMyCommands)."""
    if code and not _LANGUAGE.fullmatch(code):
        raise bad_request("invalid language code specified")


def _set(bot: SimBot, what: str, language: str, value: str) -> bool:
    _check_language(language)
    if len(value) > _LIMITS[what]:
        raise bad_request(f"{what.replace('_', ' ')} is too long")
    if value:
        bot.profile[what, language] = value
    else:
        bot.profile.pop((what, language), None)
    return True


def _get(bot: SimBot, what: str, language: str) -> str:
    """The text for a language, else the one for every language."""
    return bot.profile.get((what, language)) or bot.profile.get((what, ""), "")
