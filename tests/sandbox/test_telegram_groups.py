"""Groups: what a bot sees, who counts messages how, joining and leaving, administrators, upgrade, topics."""

from __future__ import annotations

import pytest

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import Switches, TelegramSimulator, served

SCHEMA = ApiSchema.load()
ASKED = ["message", "edited_message", "my_chat_member", "chat_member", "message_reaction", "callback_query"]


class Stage:
    """A served simulator with Anna, who owns groups, and Boris, who is a guest in them."""

    def __init__(self, telegram):
        self.telegram = telegram
        self.simulator = telegram.simulator
        self.call = telegram.call
        self.ann = self.simulator.add_person("Анна", username="anna")
        self.bob = self.simulator.add_person("Борис")

    async def group(self, *bots, kind="supergroup", **options):
        group = self.simulator.create_group("Стройка", self.ann, kind, **options)
        self.simulator.add_member(group, self.bob)
        for bot in bots:
            self.simulator.add_member(group, bot)
            await self.taken(bot)
        return group

    async def taken(self, bot):
        """The updates since the last call, confirmed."""
        found = (await self.call(bot, "getUpdates", allowed_updates=ASKED))["result"]
        if found:
            await self.call(bot, "getUpdates", offset=found[-1]["update_id"] + 1)
        return found

    async def texts(self, bot):
        return [update["message"]["text"] for update in await self.taken(bot) if "message" in update]

    async def kinds(self, bot):
        return [min(update) for update in await self.taken(bot)]

    async def send(self, bot, chat, text, **params):
        return await self.call(bot, "sendMessage", chat_id=chat.id, text=text, **params)


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        yield Stage(telegram)
        telegram.simulator.assert_clean()


async def test_without_privacy_mode_a_bot_sees_people_but_no_bots(stage):
    bot, other = stage.simulator.add_bot("Мост", "bridge_bot"), stage.simulator.add_bot("Другой", "other_bot")
    group = await stage.group(bot, other)
    await stage.taken(bot)
    stage.simulator.write(stage.bob, group, "всем привет")
    await stage.send(bot, group, "моё")
    await stage.send(other, group, "чужое")
    assert await stage.texts(bot) == ["всем привет"]
    assert [message.get("text") for message in stage.simulator.history(group)][-3:] == ["всем привет", "моё", "чужое"]


async def test_privacy_mode_lets_through_what_is_meant_for_the_bot(stage):
    simulator = stage.simulator
    bot = simulator.add_bot("Мост", "bridge_bot", privacy_mode=True)
    other = simulator.add_bot("Другой", "other_bot")
    group = await stage.group(bot, other)
    await stage.taken(bot)
    assert (await stage.call(bot, "getMe"))["result"]["can_read_all_group_messages"] is False

    heard = simulator.write(stage.bob, group, "не для бота")
    simulator.write(stage.bob, group, "@bridge_bot привет")
    simulator.write(stage.bob, group, "/menu")
    simulator.write(stage.bob, group, "/menu@other_bot")
    simulator.write(stage.bob, group, "ответ человеку", reply_to=heard["message_id"])
    assert await stage.texts(bot) == []

    simulator.write(stage.bob, group, "/menu@Bridge_Bot")
    assert await stage.texts(bot) == ["/menu@Bridge_Bot"]
    own = (await stage.send(bot, group, "спросите меня"))["result"]["message_id"]
    simulator.write(stage.bob, group, "ответ боту", reply_to=own)
    simulator.write(stage.bob, group, "/menu")  # the bot was the last bot to speak
    assert await stage.texts(bot) == ["ответ боту", "/menu"]
    await stage.send(other, group, "теперь я")
    simulator.write(stage.bob, group, "/menu")
    assert await stage.texts(bot) == []
    via = simulator.send(stage.bob, group, text="через бота", via_bot=bot.as_user())
    assert await stage.texts(bot) == [via["text"]]
    simulator.rename(group, "Другое имя")
    [renamed] = await stage.taken(bot)
    assert renamed["message"]["new_chat_title"] == "Другое имя"


async def test_administrators_see_everything_and_privacy_counts_from_the_next_joining(stage):
    simulator = stage.simulator
    bot = simulator.add_bot("Мост", "bridge_bot", privacy_mode=True)
    group = await stage.group(bot)
    simulator.promote(group, bot)
    simulator.write(stage.bob, group, "админу видно")
    assert await stage.texts(bot) == ["админу видно"]
    simulator.demote(group, bot)
    simulator.set_privacy(bot, on=False)
    assert (await stage.call(bot, "getMe"))["result"]["can_read_all_group_messages"] is True
    await stage.taken(bot)
    simulator.write(stage.bob, group, "ещё не видно")
    assert await stage.texts(bot) == []
    simulator.remove_member(group, bot)
    simulator.add_member(group, bot)
    await stage.taken(bot)
    simulator.write(stage.bob, group, "видно")
    assert await stage.texts(bot) == ["видно"]


async def test_joining_and_leaving_is_told_by_update_and_service_message(stage):
    simulator = stage.simulator
    bot = simulator.add_bot("Мост", "bridge_bot")
    group = simulator.create_group("Стройка", stage.ann)
    simulator.add_member(group, bot)
    membership, service = await stage.taken(bot)
    change = membership["my_chat_member"]
    assert (change["from"]["id"], change["chat"]["id"]) == (stage.ann.id, group.id)
    assert (change["old_chat_member"]["status"], change["new_chat_member"]["status"]) == ("left", "member")
    assert [user["id"] for user in service["message"]["new_chat_members"]] == [bot.id]

    simulator.add_member(group, stage.bob, by=stage.bob)
    simulator.remove_member(group, stage.bob)
    joined, left = await stage.taken(bot)
    assert joined["message"]["from"]["id"] == stage.bob.id
    assert left["message"]["left_chat_member"]["id"] == stage.bob.id
    assert (await stage.call(bot, "getChatMemberCount", chat_id=group.id))["result"] == 2

    simulator.remove_member(group, bot)
    [removed] = await stage.taken(bot)
    assert removed["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    refused = await stage.send(bot, group, "?")
    assert (refused["error_code"], refused["description"]) == (
        403,
        "Forbidden: bot was kicked from the supergroup chat",
    )
    assert simulator.history(group)[-1]["left_chat_member"]["id"] == bot.id


async def test_a_bot_leaves_on_its_own(stage):
    bot = stage.simulator.add_bot("Мост", "bridge_bot")
    group = await stage.group(bot, kind="group")
    assert (await stage.call(bot, "leaveChat", chat_id=group.id))["result"] is True
    service, membership = await stage.taken(bot)
    assert service["message"]["left_chat_member"]["id"] == bot.id  # a basic group still delivers this last one
    assert membership["my_chat_member"]["new_chat_member"]["status"] == "left"
    refused = await stage.send(bot, group, "?")
    assert refused["description"] == "Forbidden: bot is not a member of the group chat"
    private = await stage.call(bot, "leaveChat", chat_id=stage.simulator.private_chat(stage.ann, bot).id)
    assert private["error_code"] == 400


async def test_chat_member_goes_to_admin_bots_that_asked(stage):
    simulator = stage.simulator
    admin, asking, silent = (simulator.add_bot(name, f"{name}_bot") for name in ("admin", "asking", "silent"))
    group = await stage.group(admin, asking, silent)
    simulator.promote(group, admin)
    simulator.promote(group, silent)
    await stage.call(silent, "getUpdates", allowed_updates=[])
    for bot in (admin, asking):
        await stage.taken(bot)
    before = len(simulator.pending(silent))
    simulator.promote(group, stage.bob)
    [change] = await stage.taken(admin)
    assert change["chat_member"]["new_chat_member"]["status"] == "administrator"
    assert await stage.taken(asking) == []
    assert len(simulator.pending(silent)) == before


async def test_members_and_administrators_can_be_asked_for(stage):
    simulator = stage.simulator
    bot, other = simulator.add_bot("Мост", "bridge_bot"), simulator.add_bot("Другой", "other_bot")
    group = await stage.group(bot, other)
    simulator.promote(group, other)
    simulator.promote(group, bot)

    async def status(user_id):
        return (await stage.call(bot, "getChatMember", chat_id=group.id, user_id=user_id))["result"]["status"]

    stranger = simulator.add_person("Чужой")
    assert [await status(party.id) for party in (stage.ann, stage.bob, bot, stranger)] == [
        "creator",
        "member",
        "administrator",
        "left",
    ]
    unknown = await stage.call(bot, "getChatMember", chat_id=group.id, user_id=12)
    assert unknown["description"] == "Bad Request: invalid user_id specified"

    async def administrators(**params):
        found = await stage.call(bot, "getChatAdministrators", chat_id=group.id, **params)
        return {member["user"]["id"] for member in found["result"]}

    assert await administrators() == {stage.ann.id, bot.id}
    assert await administrators(return_bots=True) == {stage.ann.id, bot.id, other.id}
    chat = (await stage.call(bot, "getChat", chat_id=group.id))["result"]
    assert (chat["title"], chat["type"]) == ("Стройка", "supergroup")
    private = simulator.private_chat(stage.ann, bot)
    refused = await stage.call(bot, "getChatAdministrators", chat_id=private.id)
    assert refused["description"] == "Bad Request: there are no administrators in the private chat"


async def test_a_basic_group_counts_messages_for_each_bot_and_a_supergroup_for_all(stage):
    simulator = stage.simulator
    first, second = simulator.add_bot("A", "first_bot"), simulator.add_bot("B", "second_bot")
    for text in ("/start", "есть кто?"):
        simulator.write(stage.ann, second, text)  # so the second bot has counted further than the first
    basic, shared = await stage.group(first, second, kind="group"), await stage.group(first, second)
    await stage.taken(first)
    await stage.taken(second)

    for group, same in ((basic, False), (shared, True)):
        seen = simulator.write(stage.bob, group, "где?")
        ids = [(await stage.taken(bot))[0]["message"]["message_id"] for bot in (first, second)]
        assert (ids[0] == ids[1]) is same
        assert (ids[0] == seen["message_id"]) is same
        for bot, message_id in zip((first, second), ids, strict=True):
            answer = await stage.send(bot, group, "тут", reply_parameters={"message_id": message_id})
            assert answer["result"]["reply_to_message"]["text"] == "где?"
        assert simulator.history(group)[-1]["reply_to_message"]["message_id"] == seen["message_id"]
    assert {message["message_id"] for message in simulator.history(basic, first)} != {
        message["message_id"] for message in simulator.history(basic, second)
    }


async def test_a_group_becomes_a_supergroup(stage):
    simulator = stage.simulator
    bot = simulator.add_bot("Мост", "bridge_bot")
    old = await stage.group(bot, kind="group")
    simulator.promote(old, bot)
    await stage.taken(bot)
    new = simulator.upgrade_to_supergroup(old)
    leaving, arriving = (update["message"] for update in await stage.taken(bot))
    assert (leaving["chat"]["id"], leaving["migrate_to_chat_id"]) == (old.id, new.id)
    assert (arriving["chat"]["id"], arriving["migrate_from_chat_id"]) == (new.id, old.id)
    assert (arriving["message_id"], arriving["sender_chat"]["id"]) == (1, new.id)
    assert str(new.id).startswith("-100")
    refused = await stage.send(bot, old, "?")
    assert refused == {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": new.id},
    }
    assert (await stage.send(bot, new, "переехали"))["ok"]
    assert new.is_admin(bot)
    assert old not in simulator.chats
    with pytest.raises(ValueError, match="became the supergroup"):
        simulator.write(stage.bob, old, "эй")
    simulator.write(stage.bob, new, "эй")
    assert await stage.texts(bot) == ["эй"]


async def test_a_migration_may_announce_memberships_too():
    switches = Switches(migration_announces_membership=True)
    async with served(TelegramSimulator(schema=SCHEMA, switches=switches)) as telegram:
        stage = Stage(telegram)
        bot = stage.simulator.add_bot("Мост", "bridge_bot")
        old = await stage.group(bot, kind="group")
        stage.simulator.promote(old, bot)
        await stage.taken(bot)
        stage.simulator.upgrade_to_supergroup(old)
        changes = [update["my_chat_member"] for update in await stage.taken(bot) if "my_chat_member" in update]
        assert [change["new_chat_member"]["status"] for change in changes] == ["left", "administrator"]
        stage.simulator.assert_clean()


async def test_a_deleted_group_says_so(stage):
    bot = stage.simulator.add_bot("Мост", "bridge_bot")
    group = await stage.group(bot)
    stage.simulator.delete_group(group)
    assert (await stage.send(bot, group, "?"))["description"] == "Forbidden: the group chat was deleted"
    assert (await stage.taken(bot))[0]["my_chat_member"]["new_chat_member"]["status"] == "left"


async def test_a_bot_knows_no_chat_that_it_was_never_in(stage):
    simulator = stage.simulator
    bot, other = simulator.add_bot("Мост", "bridge_bot"), simulator.add_bot("Другой", "other_bot")
    group = await stage.group(other)
    for chat_id in (group.id, -100500, 12345, stage.bob.id, "@anna"):
        refused = await stage.call(bot, "sendMessage", chat_id=chat_id, text="?")
        assert (refused["error_code"], refused["description"]) == (400, "Bad Request: chat not found")
    simulator.add_member(group, bot)
    refused = await stage.call(bot, "sendMessage", chat_id=stage.bob.id, text="?")
    assert refused["description"] == "Forbidden: bot can't initiate conversation with a user"
    refused = await stage.call(bot, "sendMessage", chat_id=other.id, text="?")
    assert refused["description"] == "Forbidden: bots can't send messages to bots"


async def test_topics(stage):
    simulator = stage.simulator
    bot = simulator.add_bot("Мост", "bridge_bot")
    forum = await stage.group(bot, forum=True)
    thread = simulator.create_topic(stage.ann, forum, "Кухня")
    simulator.write(stage.bob, forum, "в теме", thread=thread)
    simulator.write(stage.bob, forum, "в общей")
    created, inside, outside = (update["message"] for update in await stage.taken(bot))
    assert created["forum_topic_created"]["name"] == "Кухня"
    assert (inside["message_thread_id"], inside["is_topic_message"]) == (thread, True)
    assert inside["reply_to_message"]["forum_topic_created"]["name"] == "Кухня"
    assert "message_thread_id" not in outside
    answer = (await stage.send(bot, forum, "ответ", message_thread_id=thread))["result"]
    assert answer["message_thread_id"] == thread
    by_reply = (await stage.send(bot, forum, "ещё", reply_parameters={"message_id": inside["message_id"]}))["result"]
    assert by_reply["message_thread_id"] == thread
    for wrong in (1, 999):
        refused = await stage.send(bot, forum, "?", message_thread_id=wrong)
        assert refused["description"] == "Bad Request: message thread not found"


async def test_an_anonymous_administrator_hides_behind_the_group(stage):
    bot = stage.simulator.add_bot("Мост", "bridge_bot")
    group = await stage.group(bot)
    stage.simulator.write(stage.ann, group, "от имени группы", anonymous=True)
    [update] = await stage.taken(bot)
    assert update["message"]["from"]["username"] == "GroupAnonymousBot"
    assert update["message"]["sender_chat"]["id"] == group.id
    with pytest.raises(ValueError, match="only administrators"):
        stage.simulator.write(stage.bob, group, "и я", anonymous=True)


async def test_reactions_go_to_admin_bots_that_asked(stage):
    simulator = stage.simulator
    admin, plain = simulator.add_bot("A", "admin_bot"), simulator.add_bot("B", "plain_bot")
    group = await stage.group(admin, plain)
    simulator.promote(group, admin)
    message = simulator.write(stage.bob, group, "смотрите")
    for bot in (admin, plain):
        await stage.taken(bot)
    simulator.react(stage.ann, group, message["message_id"], "👍")
    simulator.react(stage.ann, group, message["message_id"])
    first, second = (update["message_reaction"] for update in await stage.taken(admin))
    assert (first["old_reaction"], first["new_reaction"]) == ([], [{"type": "emoji", "emoji": "👍"}])
    assert (second["old_reaction"], second["new_reaction"]) == ([{"type": "emoji", "emoji": "👍"}], [])
    assert (first["user"]["id"], first["message_id"]) == (stage.ann.id, message["message_id"])
    assert await stage.taken(plain) == []


async def test_impossible_acts_are_mistakes_of_the_caller(stage):
    simulator = stage.simulator
    group = await stage.group()
    stranger = simulator.add_person("Чужой")
    for act in (
        lambda: simulator.write(stranger, group, "a"),
        lambda: simulator.add_member(group, stage.bob),
        lambda: simulator.remove_member(group, stranger),
        lambda: simulator.demote(group, stage.bob),
        lambda: simulator.upgrade_to_supergroup(group),
        lambda: simulator.create_topic(stage.ann, group, "Тема"),
        lambda: simulator.create_group("Форум", stage.ann, "group", forum=True),
        lambda: simulator.write(stage.bob, group, "   "),
        lambda: simulator.write(stage.bob, group, "a", reply_to=999),
        lambda: simulator.write(stage.bob, group, "a", thread=999),
    ):
        with pytest.raises(ValueError, match=r"."):
            act()
