"""What a group forbids to ordinary members: kinds of messages and writing too often."""

from __future__ import annotations

import orjson
import pytest
import trio

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served

SCHEMA = ApiSchema.load()


class Stage:
    def __init__(self, telegram, clock):
        self.telegram, self.sim, self.clock = telegram, telegram.simulator, clock
        self.bot = self.sim.add_bot("Мост", "bridge_bot")
        self.ann = self.sim.add_person("Анна")
        self.group = self.sim.create_group("Стройка", self.ann)
        self.sim.add_member(self.group, self.bot)

    async def say(self, text="ответ", **params):
        return await self.telegram.call(self.bot, "sendMessage", chat_id=self.group.id, text=text, **params)

    async def upload(self, method, field, data, name="file", **params):
        url = f"{self.telegram.url}/bot{self.bot.token}/{method}"
        form = {"chat_id": str(self.group.id)} | {key: orjson.dumps(value).decode() for key, value in params.items()}
        return (await self.telegram.client.post(url, data=form, files={field: (name, data)})).json()


@pytest.fixture
async def stage():
    clock = [1_750_000_000.0]
    async with served(TelegramSimulator(schema=SCHEMA, now=lambda: clock[0])) as telegram:
        found = Stage(telegram, clock)
        yield found
        found.sim.assert_clean()


@pytest.mark.parametrize(
    ("right", "method", "field", "data", "name"),
    [
        ("can_send_photos", "sendPhoto", "photo", samples.jpeg(), "photos"),
        ("can_send_videos", "sendVideo", "video", samples.mp4(), "videos"),
        ("can_send_documents", "sendDocument", "document", samples.pdf(), "documents"),
        ("can_send_audios", "sendAudio", "audio", samples.mp3(), "music"),
        ("can_send_voice_notes", "sendVoice", "voice", samples.ogg_opus(), "voice notes"),
        ("can_send_video_notes", "sendVideoNote", "video_note", samples.mp4(width=64, height=64), "video notes"),
        ("can_send_other_messages", "sendSticker", "sticker", samples.webp(), "stickers"),
        ("can_send_other_messages", "sendAnimation", "animation", samples.gif(), "animations"),
    ],
)
async def test_forbidden_kinds_are_refused_but_to_administrators(stage, right, method, field, data, name):
    stage.sim.forbid(stage.group, right)
    refused = await stage.upload(method, field, data)
    assert (refused["error_code"], refused["description"]) == (
        400,
        f"Bad Request: not enough rights to send {name} to the chat",
    )
    assert (await stage.say())["ok"]
    chat = (await stage.telegram.call(stage.bot, "getChat", chat_id=stage.group.id))["result"]
    assert [key for key, allowed in chat["permissions"].items() if not allowed] == [right]
    stage.sim.promote(stage.group, stage.bot)
    assert (await stage.upload(method, field, data))["ok"]


async def test_one_member_may_be_restricted(stage):
    await stage.telegram.call(stage.bot, "getUpdates")
    stage.sim.restrict(stage.group, stage.bot, "can_send_messages")
    refused = await stage.say()
    assert refused["description"] == "Bad Request: not enough rights to send text messages to the chat"
    change = (await stage.telegram.call(stage.bot, "getUpdates"))["result"][-1]["my_chat_member"]["new_chat_member"]
    assert (change["status"], change["can_send_messages"], change["can_send_photos"]) == ("restricted", False, True)
    stage.sim.restrict(stage.group, stage.bot)
    assert (await stage.say())["ok"]
    with pytest.raises(ValueError, match="no right"):
        stage.sim.forbid(stage.group, "can_fly")


async def test_slow_mode_names_the_time_and_spares_administrators(stage):
    stage.sim.set_slow_mode(stage.group, 30)
    assert (await stage.say())["ok"]
    stage.clock[0] += 12
    refused = await stage.say()
    assert (refused["error_code"], refused["parameters"]["retry_after"]) == (429, 18)
    stage.clock[0] += 18
    assert (await stage.say())["ok"]
    stage.sim.promote(stage.group, stage.bot)
    assert (await stage.say())["ok"]
    chat = (await stage.telegram.call(stage.bot, "getChat", chat_id=stage.group.id))["result"]
    assert chat["slow_mode_delay"] == 30


async def test_slow_mode_may_hold_a_message_for_a_while(autojump_clock):
    simulator = TelegramSimulator(schema=SCHEMA, now=lambda: 1_750_000_000 + trio.current_time())
    simulator.switches.slow_mode_hold_s = 10
    bot, ann = simulator.add_bot("Мост", "bridge_bot"), simulator.add_person("Анна")
    group = simulator.create_group("Стройка", ann)
    simulator.add_member(group, bot)
    simulator.set_slow_mode(group, 8)
    started = trio.current_time()
    for text in ("раз", "два"):
        await simulator._api.execute(bot, "sendMessage", {"chat_id": group.id, "text": text})
    assert [message["text"] for message in simulator.history(group)[-2:]] == ["раз", "два"]
    assert trio.current_time() - started >= 8
    simulator.set_slow_mode(group, 60)
    for text in ("три", "четыре"):
        await simulator._api.execute(bot, "sendMessage", {"chat_id": group.id, "text": text})
    assert simulator.history(group)[-1]["text"] == "три"
    assert simulator.requests[-1].status == 429
