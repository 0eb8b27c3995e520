"""What bots' owners do away from their programs, and the limits on what a bot says of itself."""

from __future__ import annotations

import pytest

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served

SCHEMA = ApiSchema.load()


@pytest.fixture
async def telegram():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        yield telegram


@pytest.fixture
def bot(telegram):
    return telegram.simulator.add_bot("Север", "sever_bot")


async def test_an_owner_changes_name_rights_and_token(telegram, bot):
    simulator = telegram.simulator
    simulator.rename_bot(bot, "Юг")
    simulator.set_joins(bot, allowed=False)
    simulator.set_privacy(bot, on=True)
    me = (await telegram.call(bot, "getMe"))["result"]
    assert (me["first_name"], me["can_join_groups"], me["can_read_all_group_messages"]) == ("Юг", False, False)
    old = bot.token
    assert simulator.revoke_token(bot) == bot.token != old
    assert old.partition(":")[0] == bot.token.partition(":")[0]
    assert (await telegram.call(bot, "getMe"))["ok"]
    simulator.assert_clean()


async def test_a_webhook_set_elsewhere_is_seen_and_ends_polling(telegram, bot):
    simulator = telegram.simulator
    assert simulator.webhook_of(bot) == ""
    simulator.take_bot(bot, "https://elsewhere.example/hook")
    info = (await telegram.call(bot, "getWebhookInfo"))["result"]
    assert info["url"] == simulator.webhook_of(bot) == "https://elsewhere.example/hook"
    refused = await telegram.call(bot, "getUpdates")
    assert refused["error_code"] == 409
    assert "webhook is active" in refused["description"]
    simulator.take_bot(bot, "")
    assert (await telegram.call(bot, "getUpdates"))["ok"]
    assert (await telegram.call(bot, "getWebhookInfo"))["result"]["url"] == ""


async def test_menus_are_kept_per_scope_and_language(telegram, bot):
    groups, admins = {"type": "all_group_chats"}, {"type": "all_chat_administrators"}
    menu = [{"command": "menu", "description": "Меню"}]
    await telegram.call(bot, "setMyCommands", commands=menu, scope=groups, language_code="ru")
    found = {}
    for name, scope, language in (("ru", groups, "ru"), ("all", groups, ""), ("admins", admins, "ru")):
        answer = await telegram.call(bot, "getMyCommands", scope=scope, language_code=language)
        found[name] = [one["command"] for one in answer["result"]]
    assert found == {"ru": ["menu"], "all": [], "admins": []}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("setMyCommands", {"commands": [{"command": "Меню", "description": "Меню"}]}),
        ("setMyCommands", {"commands": [{"command": "a" * 33, "description": "Меню"}]}),
        ("setMyCommands", {"commands": [{"command": "menu", "description": "М" * 257}]}),
        ("setMyCommands", {"commands": [{"command": "menu", "description": "М"}], "language_code": "russian"}),
        ("setMyCommands", {"commands": [{"command": "menu", "description": "М"}], "scope": {"type": "everybody"}}),
        ("setMyDescription", {"description": "М" * 513}),
        ("setMyShortDescription", {"short_description": "М" * 121}),
        ("setMyShortDescription", {"short_description": "М", "language_code": "r"}),
        ("setMyName", {"name": "М" * 65}),
    ],
)
async def test_what_is_beyond_the_limits_is_refused_and_changes_nothing(telegram, bot, method, params):
    refused = await telegram.call(bot, method, **params)
    assert refused["error_code"] == 400
    assert bot.commands == {}
    assert bot.profile == {}
    assert bot.name == "Север"
