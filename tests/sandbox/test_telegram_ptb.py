"""python-telegram-bot accepts what the simulator answers: an independent reader of the Bot API."""

from __future__ import annotations

import pytest
import telegram
import trio
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.request import HTTPXRequest

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served

KEYBOARD = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("Да", callback_data="yes")]])
ALL = ["message", "edited_message", "callback_query", "my_chat_member", "chat_member", "message_reaction"]


class TrioBot(telegram.Bot):
    """The Bot without its two uses of asyncio: requests are started and stopped one after another."""

    async def initialize(self):
        for request in dict.fromkeys(self._request):
            await request.initialize()

    async def shutdown(self):
        for request in dict.fromkeys(self._request):
            await request.shutdown()


@pytest.fixture
async def running():
    async with served(TelegramSimulator(schema=ApiSchema.load())) as telegram_server:
        yield telegram_server


@pytest.fixture
async def connect(running):
    opened = []

    async def open_bot(sim_bot, token=None):
        request = HTTPXRequest(httpx_kwargs={"trust_env": False})
        bot = TrioBot(
            token or sim_bot.token, base_url=f"{running.url}/bot", request=request, get_updates_request=request
        )
        await bot.initialize()
        opened.append(bot)
        return bot

    yield open_bot
    for bot in opened:
        await bot.shutdown()


async def test_everything_a_bridge_calls(running, connect):
    simulator = running.simulator
    sim_bot = simulator.add_bot("Мост", "bridge_bot")
    ann, bob = simulator.add_person("Анна", "Иванова", "anna"), simulator.add_person("Борис")
    group = simulator.create_group("Стройка", ann)
    simulator.add_member(group, sim_bot)
    simulator.promote(group, sim_bot)
    simulator.add_member(group, bob)
    bot = await connect(sim_bot)

    me = await bot.get_me()
    assert (me.username, me.can_read_all_group_messages, me.is_bot) == ("bridge_bot", True, True)
    question = simulator.write(bob, group, "Когда?")
    updates = await bot.get_updates(allowed_updates=ALL)
    assert [update.message.text for update in updates if update.message and update.message.text] == ["Когда?"]
    assert updates[0].my_chat_member.new_chat_member.status == "member"

    sent = await bot.send_message(
        group.id,
        "<b>Завтра</b>",
        parse_mode=ParseMode.HTML,
        reply_parameters=telegram.ReplyParameters(question["message_id"], allow_sending_without_reply=True),
        reply_markup=KEYBOARD,
        disable_notification=True,
    )
    assert (sent.text, sent.entities[0].type, sent.reply_to_message.text) == ("Завтра", "bold", "Когда?")
    simulator.press(bob, group, sent.message_id, "yes")
    simulator.react(bob, group, sent.message_id, "👍")
    simulator.edit(bob, group, question["message_id"], "Когда же?")
    press, reaction, edit = (await bot.get_updates(offset=updates[-1].update_id + 1))[:3]
    assert await press.callback_query.answer("Записано", show_alert=True)
    assert press.callback_query.message.text == "Завтра"
    assert reaction.message_reaction.new_reaction[0].emoji == "👍"
    assert edit.edited_message.text == "Когда же?"

    edited = await bot.edit_message_text("Послезавтра", group.id, sent.message_id)
    assert (edited.text, edited.reply_markup) == ("Послезавтра", None)
    assert await bot.edit_message_reply_markup(group.id, sent.message_id, reply_markup=KEYBOARD)
    assert await bot.delete_message(group.id, sent.message_id)
    assert await bot.send_chat_action(group.id, "typing")
    asked = await bot.send_message(group.id, "ID?", reply_markup=telegram.ForceReply(selective=True))
    assert asked.reply_markup is None

    chat = await bot.get_chat(group.id)
    assert (chat.title, chat.type, chat.permissions.can_send_messages) == ("Стройка", "supergroup", True)
    assert [member.user.id for member in await bot.get_chat_administrators(group.id)] == [ann.id, sim_bot.id]
    assert (await bot.get_chat_member(group.id, bob.id)).status == "member"
    assert await bot.get_chat_member_count(group.id) == 3

    command = telegram.BotCommand("menu", "Меню")
    assert await bot.set_my_commands([command], scope=telegram.BotCommandScopeAllGroupChats())
    assert await bot.get_my_commands(scope=telegram.BotCommandScopeAllGroupChats()) == (command,)
    assert await bot.delete_my_commands(scope=telegram.BotCommandScopeAllGroupChats())
    assert await bot.set_my_name("Мост")
    assert await bot.set_my_description("Мост в amoCRM")
    assert await bot.set_my_short_description("Мост")
    assert (await bot.get_my_name()).name == "Мост"
    assert await bot.set_webhook("https://bridge.example/hook", secret_token="s3cret", allowed_updates=ALL)
    info = await bot.get_webhook_info()
    assert (info.url, set(info.allowed_updates)) == ("https://bridge.example/hook", set(ALL))
    with pytest.raises(Conflict):
        await bot.get_updates()
    assert await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.leave_chat(group.id)
    simulator.assert_clean()


async def test_refusals_become_its_exceptions(running, connect, monkeypatch):
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # without it, RetryAfter warns of its own future
    simulator = running.simulator
    sim_bot = simulator.add_bot("Мост", "bridge_bot")
    ann = simulator.add_person("Анна")
    simulator.write(ann, sim_bot, "/start")
    basic = simulator.create_group("Стройка", ann, "group")
    simulator.add_member(basic, sim_bot)
    bot = await connect(sim_bot)

    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(-42, "?")
    simulator.block(ann, sim_bot)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(ann.id, "?")
    simulator.unblock(ann, sim_bot)
    new = simulator.upgrade_to_supergroup(basic)
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(basic.id, "?")
    assert moved.value.new_chat_id == new.id
    simulator.refuse("sendMessage", 429, "Too Many Requests: retry after 7", retry_after=7)
    with pytest.raises(RetryAfter) as flood:
        await bot.send_message(ann.id, "?")
    assert flood.value.retry_after.total_seconds() == 7
    simulator.faults.answer("sendMessage", status=502, body="Bad Gateway")
    with pytest.raises(NetworkError):
        await bot.send_message(ann.id, "?")
    simulator.faults.drop_after("sendMessage")
    with pytest.raises(NetworkError):
        await bot.send_message(ann.id, "дошло, но никто не знает")
    assert simulator.history(simulator.private_chat(ann, sim_bot))[-1]["text"] == "дошло, но никто не знает"
    stranger = await connect(sim_bot, token="1:nobody")
    with pytest.raises(InvalidToken):
        await stranger.get_me()
    simulator.assert_clean()


async def test_its_long_poll_ends_with_the_update(running, connect):
    simulator = running.simulator
    sim_bot = simulator.add_bot("Мост", "bridge_bot")
    ann = simulator.add_person("Анна")
    bot = await connect(sim_bot)
    found = []

    async def poll():
        found.extend(await bot.get_updates(timeout=30))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        simulator.write(ann, sim_bot, "привет")
    assert [update.message.text for update in found] == ["привет"]
