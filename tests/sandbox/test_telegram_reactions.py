"""Reactions of people and of bots."""

from __future__ import annotations

import re

import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served
from dealgram.sandbox.telegram.reactions import EMOJI

SCHEMA = ApiSchema.load()


def emoji(one):
    return {"type": "emoji", "emoji": one}


class Stage:
    """A bot that is an administrator and asked for reactions, one that only asked."""

    def __init__(self, telegram):
        self.telegram, self.sim = telegram, telegram.simulator
        self.bot, self.plain = self.sim.add_bot("Мост", "bridge_bot"), self.sim.add_bot("Другой", "other_bot")
        self.ann = self.sim.add_person("Анна")
        self.group = self.sim.create_group("Стройка", self.ann)
        for bot in (self.bot, self.plain):
            self.sim.add_member(self.group, bot)
        self.sim.promote(self.group, self.bot)

    async def react(self, message_id, *reactions, bot=None):
        return await self.telegram.call(
            bot or self.bot, "setMessageReaction", chat_id=self.group.id, message_id=message_id, reaction=reactions
        )

    async def reactions(self, bot):
        kinds = ["message", "message_reaction"]
        found = (await self.telegram.call(bot, "getUpdates", allowed_updates=kinds))["result"]
        if found:
            await self.telegram.call(bot, "getUpdates", offset=found[-1]["update_id"] + 1)
        return [update["message_reaction"] for update in found if "message_reaction" in update]


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        found = Stage(telegram)
        for bot in (found.bot, found.plain):
            await found.reactions(bot)
        yield found


def test_the_list_of_emoji_is_the_documented_one():
    if SCHEMA is None:
        pytest.skip("no description of the Bot API beside the repository")
    [described] = [one for one in SCHEMA._types["ReactionTypeEmoji"]["fields"] if one["name"] == "emoji"]
    assert set(re.findall(r'"([^"]+)"', described["description"])) == EMOJI


async def test_a_bot_sets_one_changes_it_and_takes_it_away_and_nobody_is_told(stage):
    message = stage.sim.write(stage.ann, stage.group, "смотрите")["message_id"]
    assert (await stage.react(message, emoji("👍")))["result"] is True
    assert stage.sim.bot_reaction(stage.group, message) == "👍"
    assert (await stage.react(message, emoji("🔥")))["result"] is True
    assert stage.sim.bot_reaction(stage.group, message) == "🔥"
    assert (await stage.react(message))["result"] is True
    assert stage.sim.bot_reaction(stage.group, message) is None
    assert await stage.reactions(stage.bot) == []
    stage.sim.assert_clean()


@pytest.mark.parametrize(
    ("reactions", "description"),
    [
        ((emoji("🦖"),), "REACTION_INVALID"),
        ((emoji("👍"), emoji("🔥")), "REACTIONS_TOO_MANY"),
        (({"type": "paid"},), "can't parse ReactionType: invalid reaction type specified"),
    ],
)
async def test_what_no_bot_may_set_is_refused_and_recorded(stage, reactions, description):
    message = stage.sim.write(stage.ann, stage.group, "смотрите")["message_id"]
    answer = await stage.react(message, *reactions)
    assert (answer["error_code"], answer["description"]) == (400, f"Bad Request: {description}")
    assert len(stage.sim.violations) == 1
    assert stage.sim.bot_reaction(stage.group, message) is None


async def test_a_chat_may_allow_some_only(stage):
    message = stage.sim.write(stage.ann, stage.group, "смотрите")["message_id"]
    stage.sim.allow_reactions(stage.group, "👍")
    assert (await stage.react(message, emoji("🔥")))["description"] == "Bad Request: REACTION_INVALID"
    assert (await stage.react(message, emoji("👍")))["ok"]
    chat = (await stage.telegram.call(stage.bot, "getChat", chat_id=stage.group.id))["result"]
    assert chat["available_reactions"] == [emoji("👍")]
    missing = await stage.react(999, emoji("👍"))
    assert missing["description"] == "Bad Request: message to react not found"
    stage.sim.assert_clean()


async def test_a_custom_emoji_must_be_there_already_and_stands_for_an_emoji(stage):
    message = stage.sim.write(stage.ann, stage.group, "смотрите")["message_id"]
    custom = stage.sim.add_custom_emoji("🚀")
    reaction = {"type": "custom_emoji", "custom_emoji_id": custom}
    assert (await stage.react(message, reaction))["description"] == "Bad Request: REACTION_INVALID"
    stage.sim.react(stage.ann, stage.group, message, custom=custom)
    [told] = await stage.reactions(stage.bot)
    assert told["new_reaction"] == [reaction]
    assert (await stage.react(message, reaction))["ok"]
    found = await stage.telegram.call(stage.bot, "getCustomEmojiStickers", custom_emoji_ids=[custom, "1"])
    assert [(one["emoji"], one["custom_emoji_id"]) for one in found["result"]] == [("🚀", custom)]
    stage.sim.assert_clean()


async def test_an_album_is_reacted_to_at_its_first_message_that_is_left(stage):
    first, second, third = stage.sim.send_album(stage.ann, stage.group, [("photo", samples.jpeg())] * 3)
    await stage.react(third["message_id"], emoji("👍"))
    assert stage.sim.bot_reaction(stage.group, first["message_id"]) == "👍"
    assert stage.sim.bot_reaction(stage.group, third["message_id"]) is None
    stage.sim.delete(stage.group, first["message_id"])
    await stage.react(third["message_id"], emoji("👍"))
    assert stage.sim.bot_reaction(stage.group, second["message_id"]) == "👍"


async def test_people_react_with_several_and_anonymously_also_to_the_bots_messages(stage):
    sent = await stage.telegram.call(stage.bot, "sendMessage", chat_id=stage.group.id, text="ответ")
    message = sent["result"]["message_id"]
    stage.sim.react(stage.ann, stage.group, message, "👍", "🔥")
    stage.sim.react(stage.ann, stage.group, message, "🎉", actor=stage.group)
    several, anonymous = await stage.reactions(stage.bot)
    assert (several["user"]["id"], several["new_reaction"]) == (stage.ann.id, [emoji("👍"), emoji("🔥")])
    assert "user" not in anonymous
    assert (anonymous["actor_chat"]["id"], anonymous["old_reaction"]) == (stage.group.id, [])
    assert await stage.reactions(stage.plain) == []
    stage.sim.assert_clean()
