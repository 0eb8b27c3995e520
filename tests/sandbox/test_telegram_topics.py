"""Forums: what bots see of topics, where their messages go, what is closed."""

from __future__ import annotations

import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served

SCHEMA = ApiSchema.load()


class Stage:
    """A forum of Anna's with the topic «Кухня», Boris and a bot in it."""

    def __init__(self, telegram):
        self.telegram, self.sim = telegram, telegram.simulator
        self.bot = self.sim.add_bot("Мост", "bridge_bot")
        self.ann, self.bob = self.sim.add_person("Анна"), self.sim.add_person("Борис")
        self.forum = self.sim.create_group("Стройка", self.ann, forum=True)
        self.sim.add_member(self.forum, self.bob)
        self.sim.add_member(self.forum, self.bot)
        self.kitchen = self.sim.create_topic(self.ann, self.forum, "Кухня")

    async def call(self, method, **params):
        return await self.telegram.call(self.bot, method, **{"chat_id": self.forum.id, **params})

    async def say(self, text="ответ", **params):
        return await self.call("sendMessage", text=text, **params)

    async def messages(self):
        found = (await self.telegram.call(self.bot, "getUpdates"))["result"]
        if found:
            await self.telegram.call(self.bot, "getUpdates", offset=found[-1]["update_id"] + 1)
        return [update["message"] for update in found if "message" in update]


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        found = Stage(telegram)
        await found.messages()
        yield found
        found.sim.assert_clean()


async def test_every_message_of_a_topic_carries_its_first_one(stage):
    first = stage.sim.write(stage.bob, stage.forum, "в теме", thread=stage.kitchen)
    stage.sim.send_media(stage.bob, stage.forum, "photo", samples.jpeg(), thread=stage.kitchen)
    stage.sim.write(stage.bob, stage.forum, "ответ", reply_to=first["message_id"])
    text, photo, reply = await stage.messages()
    for message in (text, photo, reply):
        assert (message["message_thread_id"], message["is_topic_message"]) == (stage.kitchen, True)
    assert text["reply_to_message"]["forum_topic_created"]["name"] == "Кухня"
    assert photo["reply_to_message"]["message_id"] == stage.kitchen
    assert reply["reply_to_message"]["text"] == "в теме"


async def test_the_general_topic_has_no_number(stage):
    said = stage.sim.write(stage.bob, stage.forum, "в общей", thread=1)
    stage.sim.write(stage.bob, stage.forum, "и ответ", reply_to=said["message_id"])
    for message in await stage.messages():
        assert "message_thread_id" not in message
        assert "is_topic_message" not in message
    refused = await stage.say(message_thread_id=1)
    assert refused["description"] == "Bad Request: message thread not found"
    assert (await stage.call("sendChatAction", action="typing", message_thread_id=1))["result"] is True


async def test_topics_are_renamed_closed_reopened_and_hidden_with_a_note_in_them(stage):
    sim = stage.sim
    sim.rename_topic(stage.ann, stage.forum, stage.kitchen, "Кухня и ванная")
    sim.close_topic(stage.ann, stage.forum, stage.kitchen)
    sim.reopen_topic(stage.ann, stage.forum, stage.kitchen)
    sim.hide_general(stage.ann, stage.forum)
    sim.unhide_general(stage.ann, stage.forum)
    renamed, closed, reopened, hidden, unhidden = await stage.messages()
    assert renamed["forum_topic_edited"] == {"name": "Кухня и ванная"}
    assert (closed["forum_topic_closed"], reopened["forum_topic_reopened"]) == ({}, {})
    assert {one["message_thread_id"] for one in (renamed, closed, reopened)} == {stage.kitchen}
    assert renamed["reply_to_message"]["forum_topic_created"]["name"] == "Кухня"  # the first message keeps its words
    assert (hidden["general_forum_topic_hidden"], unhidden["general_forum_topic_unhidden"]) == ({}, {})
    assert "message_thread_id" not in hidden


async def test_only_administrators_write_in_closed_topics(stage):
    sim = stage.sim
    inside = sim.write(stage.bob, stage.forum, "пока открыто", thread=stage.kitchen)
    sim.close_topic(stage.ann, stage.forum, stage.kitchen)
    with pytest.raises(ValueError, match="closed"):
        sim.write(stage.bob, stage.forum, "закрыто", thread=stage.kitchen)
    with pytest.raises(ValueError, match="closed"):
        sim.send_media(stage.bob, stage.forum, "photo", samples.jpeg(), reply_to=inside["message_id"])
    assert sim.write(stage.ann, stage.forum, "можно", thread=stage.kitchen)
    by_thread = await stage.say(message_thread_id=stage.kitchen)
    by_reply = await stage.say(reply_parameters={"message_id": inside["message_id"]})
    assert by_thread["description"] == by_reply["description"] == "Bad Request: TOPIC_CLOSED"
    assert (await stage.say())["ok"]
    sim.promote(stage.forum, stage.bot, without=["can_manage_topics"])
    assert (await stage.say(message_thread_id=stage.kitchen))["description"] == "Bad Request: TOPIC_CLOSED"
    sim.promote(stage.forum, stage.bot)
    assert (await stage.say(message_thread_id=stage.kitchen))["ok"]
    sim.close_topic(stage.ann, stage.forum, 1)
    sim.demote(stage.forum, stage.bot)
    assert (await stage.say())["description"] == "Bad Request: TOPIC_CLOSED"


async def test_an_answer_to_a_topics_first_message_stays_in_it(stage):
    answer = (await stage.say(reply_parameters={"message_id": stage.kitchen}))["result"]
    assert answer["message_thread_id"] == stage.kitchen


async def test_an_answer_to_another_topic_is_one_from_elsewhere(stage):
    other = stage.sim.create_topic(stage.ann, stage.forum, "Двор")
    asked = stage.sim.write(stage.bob, stage.forum, "вопрос", thread=stage.kitchen)
    reply = {"message_id": asked["message_id"]}
    answer = (await stage.say(message_thread_id=other, reply_parameters=reply))["result"]
    assert answer["message_thread_id"] == other
    assert answer["external_reply"]["message_id"] == asked["message_id"]
    assert answer["reply_to_message"]["forum_topic_created"]["name"] == "Двор"


async def test_a_deleted_topic_is_not_found_and_its_messages_are_gone(stage):
    stage.sim.write(stage.bob, stage.forum, "внутри", thread=stage.kitchen)
    stage.sim.delete_topic(stage.forum, stage.kitchen)
    assert all(message.get("text") != "внутри" for message in stage.sim.history(stage.forum))
    refused = await stage.say(message_thread_id=stage.kitchen)
    assert refused["description"] == "Bad Request: message thread not found"


async def test_actions_are_kept_with_their_topic(stage):
    await stage.call("sendChatAction", action="typing", message_thread_id=stage.kitchen)
    await stage.call("sendChatAction", action="upload_photo")
    assert stage.sim.actions(stage.forum) == [(stage.kitchen, "typing"), (None, "upload_photo")]
    refused = await stage.call("sendChatAction", action="typing", message_thread_id=999)
    assert refused["description"] == "Bad Request: message thread not found"


async def test_topics_are_switched_on_and_off(stage):
    sim = stage.sim
    plain = sim.create_group("Двор", stage.ann)
    sim.add_member(plain, stage.bot)
    assert sim.make_forum(plain) is plain
    thread = sim.create_topic(stage.ann, plain, "Тема")
    assert (await stage.call("getChat", chat_id=plain.id))["result"]["is_forum"] is True
    sim.unmake_forum(plain)
    assert "is_forum" not in (await stage.call("getChat", chat_id=plain.id))["result"]
    ignored = await stage.say(chat_id=plain.id, message_thread_id=thread)  # a plain group looks at no thread
    assert "message_thread_id" not in ignored["result"]
    basic = sim.create_group("Старая", stage.ann, "group")
    sim.add_member(basic, stage.bot)
    grown = sim.make_forum(basic)
    assert (grown.kind, grown.is_forum, basic.migrated_to) == ("supergroup", True, grown)


async def test_a_chain_of_answers_in_a_plain_supergroup_has_a_thread_but_no_topic(stage):
    plain = stage.sim.create_group("Двор", stage.ann)
    stage.sim.add_member(plain, stage.bot)
    first = stage.sim.write(stage.ann, plain, "раз")
    second = stage.sim.write(stage.ann, plain, "два", reply_to=first["message_id"])
    stage.sim.write(stage.ann, plain, "три", reply_to=second["message_id"])
    _, alone, *answers = await stage.messages()
    assert "message_thread_id" not in alone
    for answer in answers:
        assert answer["message_thread_id"] == first["message_id"]
        assert "is_topic_message" not in answer
