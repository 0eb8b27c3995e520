"""Quotes, answers to other chats, forwards, channels, bots among themselves."""

from __future__ import annotations

import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served

SCHEMA = ApiSchema.load()


class Stage:
    def __init__(self, telegram):
        self.telegram, self.sim = telegram, telegram.simulator
        self.bot = self.sim.add_bot("Мост", "bridge_bot")
        self.ann, self.bob = self.sim.add_person("Анна", "Иванова"), self.sim.add_person("Борис")
        self.group, self.other = self.new_group("Стройка"), self.new_group("Двор")

    def new_group(self, title, *bots, kind="supergroup"):
        group = self.sim.create_group(title, self.ann, kind)
        self.sim.add_member(group, self.bob)
        for bot in bots or (self.bot,):
            self.sim.add_member(group, bot)
        return group

    async def say(self, text="ответ", **reply):
        params = {"chat_id": self.group.id, "text": text, "reply_parameters": reply}
        return await self.telegram.call(self.bot, "sendMessage", **params)

    async def updates(self, bot=None):
        bot = bot or self.bot
        found = (await self.telegram.call(bot, "getUpdates"))["result"]
        if found:
            await self.telegram.call(bot, "getUpdates", offset=found[-1]["update_id"] + 1)
        return found

    async def messages(self, bot=None):
        return [update["message"] for update in await self.updates(bot) if "message" in update]


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        found = Stage(telegram)
        await found.updates()
        yield found
        found.sim.assert_clean()


async def test_a_person_quotes_a_part(stage):
    asked = stage.sim.write(stage.bob, stage.group, "Один 🎉 два три")["message_id"]
    stage.sim.write(stage.ann, stage.group, "да", reply_to=asked, quote="два")
    seen = (await stage.messages())[-1]
    assert seen["quote"] == {"text": "два", "position": 8, "is_manual": True}
    with pytest.raises(ValueError, match="does not say"):
        stage.sim.write(stage.ann, stage.group, "да", reply_to=asked, quote="четыре")


BOLD = [{"type": "bold", "offset": 0, "length": 3}]


@pytest.mark.parametrize(
    ("quote", "position"),
    [
        ({"quote": "раз два"}, None),
        ({"quote": "два"}, 4),
        ({"quote": "раз", "quote_position": 5}, 8),
        ({"quote": "раз", "quote_entities": BOLD}, 0),
        ({"quote": "<b>раз</b>", "quote_parse_mode": "HTML"}, 0),
        ({"quote": "<b>раз</b> два", "quote_parse_mode": "HTML"}, 0),
        ({"quote": "четыре"}, None),
    ],
)
async def test_a_bots_quote_must_be_exact_with_its_formatting(stage, quote, position):
    asked = stage.sim.write(stage.bob, stage.group, "раз два раз", entities=BOLD)["message_id"]
    answer = await stage.say(message_id=asked, allow_sending_without_reply=True, **quote)
    if position is None:
        assert answer["description"] == "Bad Request: QUOTE_TEXT_INVALID"
    else:
        assert answer["result"]["quote"]["position"] == position
        assert answer["result"]["quote"]["is_manual"] is True


async def test_captions_can_be_quoted(stage):
    photo = stage.sim.send_media(stage.bob, stage.group, "photo", samples.jpeg(), caption="до ремонта")
    answer = (await stage.say(message_id=photo["message_id"], quote="ремонта"))["result"]
    assert (answer["quote"]["position"], "photo" in answer["reply_to_message"]) == (3, True)


async def test_an_answer_to_another_chat_needs_its_target(stage):
    asked = stage.sim.write(stage.bob, stage.other, "там")["message_id"]
    there = {"chat_id": stage.other.id, "allow_sending_without_reply": True}
    answer = (await stage.say(message_id=asked, **there))["result"]
    assert "reply_to_message" not in answer
    assert (answer["external_reply"]["chat"]["id"], answer["external_reply"]["origin"]["type"]) == (
        stage.other.id,
        "user",
    )
    missing = await stage.say(message_id=999, **there)
    assert missing["description"] == "Bad Request: message to be replied not found"
    assert (await stage.say(message_id=999, allow_sending_without_reply=True))["ok"]
    foreign = stage.new_group("Чужая", stage.sim.add_bot("Чужой", "foreign_bot"))
    refused = await stage.say(message_id=1, chat_id=foreign.id)
    assert refused["description"] == "Bad Request: chat not found"


async def test_people_answer_messages_of_other_chats(stage):
    text = stage.sim.write(stage.bob, stage.other, "вопрос оттуда")["message_id"]
    photo = stage.sim.send_media(stage.bob, stage.other, "photo", samples.jpeg())["message_id"]
    private = stage.sim.write(stage.bob, stage.bot, "личное")["message_id"]
    await stage.updates()
    stage.sim.reply_elsewhere(stage.ann, stage.group, "раз", stage.other, text)
    stage.sim.reply_elsewhere(stage.ann, stage.group, "два", stage.other, text, "оттуда")
    stage.sim.reply_elsewhere(stage.ann, stage.group, "три", stage.other, photo)
    stage.sim.reply_elsewhere(stage.bob, stage.group, "четыре", stage.bot, private)
    whole, part, picture, alone = await stage.messages()
    assert whole["quote"] == {"text": "вопрос оттуда", "position": 0}
    assert (part["quote"]["text"], part["quote"]["is_manual"]) == ("оттуда", True)
    assert "reply_to_message" not in whole
    assert whole["external_reply"]["message_id"] == text
    assert "text" not in whole["external_reply"]
    file_id = picture["external_reply"]["photo"][-1]["file_id"]
    assert (await stage.telegram.call(stage.bot, "getFile", file_id=file_id))["ok"]
    assert "chat" not in alone["external_reply"]


async def test_forwards_name_their_four_origins(stage):
    sim = stage.sim
    public = sim.write(stage.bob, stage.other, "от человека")["message_id"]
    anonymous = sim.write(stage.ann, stage.other, "от группы", anonymous=True)["message_id"]
    channel = sim.create_channel("Новости", stage.ann)
    post = sim.post_in_channel(channel, "от канала", signature="Редактор")["message_id"]
    photo = sim.send_media(stage.bob, stage.other, "photo", samples.jpeg(), caption="фото")["message_id"]
    await stage.updates()
    for source, message in ((stage.other, public), (stage.other, anonymous), (channel, post), (stage.other, photo)):
        sim.forward(stage.ann, stage.group, source, message)
    sim.hide_account(stage.bob)
    hidden = sim.forward(stage.ann, stage.group, stage.other, public)["message_id"]
    sim.hide_account(stage.bob, hidden=False)
    sim.forward(stage.ann, stage.group, stage.group, hidden)
    seen = await stage.messages()
    origins = [message["forward_origin"] for message in seen]
    assert [origin["type"] for origin in origins] == ["user", "chat", "channel", "user", "hidden_user", "hidden_user"]
    assert origins[0]["sender_user"]["id"] == stage.bob.id
    assert origins[1]["sender_chat"]["id"] == stage.other.id
    assert (origins[2]["message_id"], origins[2]["author_signature"]) == (post, "Редактор")
    assert origins[4]["sender_user_name"] == origins[5]["sender_user_name"] == "Борис"
    assert (seen[3]["caption"], "photo" in seen[3], seen[3]["from"]["id"]) == ("фото", True, stage.ann.id)


async def test_an_album_is_forwarded_as_a_new_album(stage):
    album = stage.sim.send_album(stage.bob, stage.other, [("photo", samples.jpeg()), ("video", samples.mp4())])
    await stage.updates()
    stage.sim.forward_album(stage.ann, stage.group, stage.other, [one["message_id"] for one in album])
    seen = await stage.messages()
    assert len({one["media_group_id"] for one in seen} | {album[0]["media_group_id"]}) == 2
    assert len(seen) == 2


async def test_a_channels_posts_appear_in_its_discussion(stage):
    channel = stage.sim.create_channel("Новости", stage.ann, discussion=stage.group)
    stage.sim.post_in_channel(channel, "новость", kind="photo", data=samples.jpeg())
    [seen] = await stage.messages()
    assert seen["is_automatic_forward"] is True
    assert (seen["from"]["id"], seen["sender_chat"]["id"]) == (777000, channel.id)
    assert seen["forward_origin"]["chat"]["id"] == channel.id
    assert seen["caption"] == "новость"
    stage.sim.write(stage.bob, stage.group, "от канала", identity=channel)
    [other] = await stage.messages()
    assert (other["from"]["username"], other["sender_chat"]["id"]) == ("Channel_Bot", channel.id)


async def test_bots_hear_each_other_only_in_bot_to_bot_mode(stage):
    sim = stage.sim
    talker = sim.add_bot("Говорун", "talker_bot")
    private = sim.add_bot("Скромный", "modest_bot", privacy_mode=True)
    group = stage.new_group("Боты", stage.bot, talker, private)
    await stage.updates()
    sim.bot_says(talker, group, "раз")
    assert await stage.messages() == []
    for bot in (stage.bot, private, talker):
        sim.set_bot_to_bot(bot, on=True)
    await stage.updates(talker)
    await stage.updates(private)
    sim.bot_says(talker, group, "два")
    await stage.telegram.call(stage.bot, "sendMessage", chat_id=group.id, text="три")
    [heard] = await stage.messages()
    assert (heard["text"], heard["from"]["is_bot"]) == ("два", True)
    assert [message["text"] for message in await stage.messages(talker)] == ["три"]
    assert await stage.messages(private) == []


async def test_a_location_moves_until_it_stops(stage):
    start = stage.sim.share_location(stage.bob, stage.group, 37.6, 55.7, live_period=900)["message_id"]
    stage.sim.move_location(stage.bob, stage.group, start, 37.7, 55.8, heading=90)
    stage.sim.stop_location(stage.bob, stage.group, start)
    sent, moved, stopped = await stage.updates()
    assert sent["message"]["location"]["live_period"] == 900
    assert moved["edited_message"]["location"] == {
        "longitude": 37.7,
        "latitude": 55.8,
        "live_period": 900,
        "heading": 90,
    }
    assert stopped["edited_message"]["location"] == {"longitude": 37.7, "latitude": 55.8}
    with pytest.raises(ValueError, match="no live location"):
        stage.sim.move_location(stage.bob, stage.group, start, 1, 1)
    point = stage.sim.share_location(stage.bob, stage.group, 37.6, 55.7)
    assert "live_period" not in point["location"]


async def test_an_edit_may_change_nothing(stage):
    said = stage.sim.write(stage.bob, stage.group, "привет")
    stage.sim.touch(stage.group, said["message_id"])
    _, touched = await stage.updates()
    assert touched["edited_message"]["text"] == "привет"
    assert "edit_date" in touched["edited_message"]
