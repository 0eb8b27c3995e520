"""Writing, editing, deleting, buttons, refusals of private chats, flood limits."""

from __future__ import annotations

import pytest
import trio

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import Limits, Switches, TelegramSimulator, served

SCHEMA = ApiSchema.load()
KEYBOARD = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}, {"text": "Нет", "callback_data": "no"}]]}


class Stage:
    """A bot and Anna, who has started it; time stands still unless `at` moves."""

    def __init__(self, telegram, clock):
        self.simulator, self.telegram, self.clock = telegram.simulator, telegram, clock
        self.bot = self.simulator.add_bot("Мост", "bridge_bot")
        self.ann = self.simulator.add_person("Анна")
        self.simulator.write(self.ann, self.bot, "/start")
        self.chat = self.simulator.private_chat(self.ann, self.bot)

    async def call(self, method, **params):
        return await self.telegram.call(self.bot, method, **params)

    async def send(self, text="текст", **params):
        return await self.call("sendMessage", chat_id=self.ann.id, text=text, **params)

    async def sent(self, text="текст", **params):
        return (await self.send(text, **params))["result"]

    async def refusal(self, method, **params):
        answer = await self.call(method, **{"chat_id": self.ann.id, **params})
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"]

    def texts(self):
        return [message["text"] for message in self.simulator.history(self.chat)]


@pytest.fixture
async def stage():
    clock = [1_750_000_000.0]
    async with served(TelegramSimulator(schema=SCHEMA, now=lambda: clock[0])) as telegram:
        yield Stage(telegram, clock)


async def test_a_reply_needs_its_target_unless_it_may_go_without(stage):
    [question] = stage.simulator.history(stage.chat)
    answer = await stage.sent(reply_parameters={"message_id": question["message_id"], "quote": "start"})
    assert answer["reply_to_message"]["text"] == "/start"
    assert answer["quote"] == {"text": "start", "position": 1, "is_manual": True}
    missing = {"message_id": 999}
    assert await stage.refusal("sendMessage", text="?", reply_parameters=missing) == (
        400,
        "Bad Request: message to be replied not found",
    )
    alone = await stage.sent(reply_parameters={**missing, "allow_sending_without_reply": True})
    assert "reply_to_message" not in alone
    wrong_quote = {"message_id": question["message_id"], "quote": "stop"}
    assert await stage.refusal("sendMessage", text="?", reply_parameters=wrong_quote) == (
        400,
        "Bad Request: QUOTE_TEXT_INVALID",
    )
    stage.simulator.assert_clean()


async def test_texts_are_trimmed_and_counted_after_parsing(stage):
    long = await stage.sent("  <b>" + "я" * 4096 + "</b> ", parse_mode="HTML")
    assert (len(long["text"]), long["entities"]) == (4096, [{"type": "bold", "offset": 0, "length": 4096}])
    for text, description in (
        ("<b>" + "я" * 4097 + "</b>", "message is too long"),
        ("<b> </b>", "message text is empty"),
    ):
        assert await stage.refusal("sendMessage", text=text, parse_mode="HTML") == (400, f"Bad Request: {description}")
    assert stage.simulator.violations == ["@bridge_bot: sendMessage: Bad Request: message is too long"]
    assert await stage.refusal("sendMessage", text="a", parse_mode="BBCode") == (
        400,
        "Bad Request: unsupported parse_mode",
    )


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ({"text": "A", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "A", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "A"}, "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        (
            {"text": "A", "callback_data": "a", "url": "https://a.example"},
            "can't parse inline keyboard button: url and callback_data can't be used together",
        ),
        ({"text": "", "callback_data": "a"}, 'can\'t parse inline keyboard button: Field "text" must be non-empty'),
    ],
)
async def test_buttons_are_checked(stage, button, description):
    refused = await stage.refusal("sendMessage", text="?", reply_markup={"inline_keyboard": [[button]]})
    assert refused == (400, f"Bad Request: {description}")
    assert stage.texts() == ["/start"]


async def test_people_see_every_keyboard_and_bots_only_inline_ones(stage):
    asked = await stage.sent("номер?", reply_markup={"force_reply": True, "input_field_placeholder": "ID"})
    assert "reply_markup" not in asked
    assert stage.simulator.history(stage.chat)[-1]["reply_markup"]["force_reply"] is True
    assert (await stage.sent("пусто", reply_markup={"inline_keyboard": [[]]})).get("reply_markup") is None
    stage.simulator.assert_clean()


async def test_editing_changes_text_and_keyboard_or_is_refused(stage):
    message = await stage.sent("раз", reply_markup=KEYBOARD)
    target = {"chat_id": stage.ann.id, "message_id": message["message_id"]}
    refused = await stage.call("editMessageText", **target, text="раз", reply_markup=KEYBOARD)
    assert refused["description"].startswith("Bad Request: message is not modified")
    stage.clock[0] += 5
    edited = (await stage.call("editMessageText", **target, text="два", reply_markup=KEYBOARD))["result"]
    assert (edited["text"], edited["edit_date"]) == ("два", edited["date"] + 5)
    bare = (await stage.call("editMessageReplyMarkup", **target))["result"]
    assert "reply_markup" not in bare
    again = await stage.call("editMessageReplyMarkup", **target)
    assert again["description"].startswith("Bad Request: message is not modified")
    assert stage.texts() == ["/start", "два"]
    assert await stage.refusal("editMessageText", message_id=1, text="?") == (
        400,
        "Bad Request: message can't be edited",
    )
    assert await stage.refusal("editMessageText", message_id=99, text="?") == (
        400,
        "Bad Request: message to edit not found",
    )
    stage.simulator.assert_clean()


async def test_people_edit_their_messages_and_the_bot_is_told(stage):
    own = stage.simulator.write(stage.ann, stage.bot, "раз")
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 90, "height": 90}]
    picture = stage.simulator.send(stage.ann, stage.bot, photo=photo, caption="до @bridge_bot")
    stage.clock[0] += 60
    stage.simulator.edit(stage.ann, stage.bot, own["message_id"], "два")
    stage.simulator.edit(stage.ann, stage.bot, picture["message_id"], "после")
    updates = (await stage.call("getUpdates"))["result"]
    assert [min(update) for update in updates] == ["message"] * 3 + ["edited_message"] * 2
    assert updates[2]["message"]["caption_entities"][0]["type"] == "mention"
    changed = updates[4]["edited_message"]
    assert (changed["photo"], changed["caption"], "caption_entities" in changed) == (photo, "после", False)
    assert updates[3]["edited_message"]["edit_date"] == own["date"] + 60
    with pytest.raises(ValueError, match="own messages only"):
        stage.simulator.edit(stage.ann, stage.bot, (await stage.sent())["message_id"], "чужое")
    stage.simulator.assert_clean()


async def test_deleting_follows_the_rules_and_nobody_is_told(stage):
    simulator = stage.simulator
    own, group = await stage.sent("моё"), simulator.create_group("Стройка", stage.ann)
    simulator.add_member(group, stage.bot)
    foreign = simulator.write(stage.ann, group, "чужое")
    assert (await stage.call("deleteMessage", chat_id=stage.ann.id, message_id=own["message_id"]))["result"] is True
    assert (await stage.call("deleteMessage", chat_id=stage.ann.id, message_id=1))["result"] is True
    assert stage.texts() == []
    assert await stage.refusal("deleteMessage", message_id=own["message_id"]) == (
        400,
        "Bad Request: message to delete not found",
    )
    target = {"chat_id": group.id, "message_id": foreign["message_id"]}
    assert (await stage.call("deleteMessage", **target))["description"] == "Bad Request: message can't be deleted"
    simulator.promote(group, stage.bot)
    waiting = len(simulator.pending(stage.bot))
    assert (await stage.call("deleteMessage", **target))["ok"]
    assert len(simulator.pending(stage.bot)) == waiting
    old = await stage.sent("старое")
    stage.clock[0] += 48 * 3600 - 1
    assert (await stage.call("editMessageText", chat_id=stage.ann.id, message_id=old["message_id"], text="a"))["ok"]
    stage.clock[0] += 2
    assert await stage.refusal("deleteMessage", message_id=old["message_id"]) == (
        400,
        "Bad Request: message can't be deleted",
    )
    simulator.assert_clean()


async def test_a_press_is_answered_in_time_or_too_old(stage):
    simulator = stage.simulator
    message = await stage.sent("?", reply_markup=KEYBOARD)
    press = simulator.press(stage.ann, stage.bot, message["message_id"], "yes")
    query = (await stage.call("getUpdates"))["result"][-1]["callback_query"]
    assert (query["id"], query["data"], query["from"]["id"]) == (press, "yes", stage.ann.id)
    assert (query["message"]["message_id"], query["message"]["reply_markup"]) == (message["message_id"], KEYBOARD)
    assert (await stage.call("answerCallbackQuery", callback_query_id=press, text="Готово"))["result"] is True
    assert simulator.callback_answers == {press: {"callback_query_id": press, "text": "Готово"}}
    late = simulator.press(stage.ann, stage.bot, message["message_id"], "no")
    stage.clock[0] += 16
    for query_id in (late, "12345"):
        refused = await stage.call("answerCallbackQuery", callback_query_id=query_id)
        assert refused["description"].startswith("Bad Request: query is too old")
    with pytest.raises(ValueError, match="has no button"):
        simulator.press(stage.ann, stage.bot, message["message_id"], "maybe")
    simulator.assert_clean()


async def test_a_blocked_or_deleted_person_cannot_be_written_to(stage):
    simulator = stage.simulator
    simulator.block(stage.ann, stage.bot)
    assert await stage.refusal("sendMessage", text="?") == (403, "Forbidden: bot was blocked by the user")
    assert await stage.refusal("sendChatAction", action="typing") == (403, "Forbidden: bot was blocked by the user")
    with pytest.raises(ValueError, match="blocked"):
        simulator.write(stage.ann, stage.bot, "?")
    simulator.unblock(stage.ann, stage.bot)
    assert (await stage.send("снова"))["ok"]
    changes = [update["my_chat_member"] for update in simulator.pending(stage.bot) if "my_chat_member" in update]
    assert [change["new_chat_member"]["status"] for change in changes] == ["kicked", "member"]
    assert {change["chat"]["id"] for change in changes} == {stage.ann.id}
    simulator.deactivate(stage.ann)
    assert await stage.refusal("sendMessage", text="?") == (403, "Forbidden: user is deactivated")
    simulator.assert_clean()


async def test_chat_actions(stage):
    with stage.simulator.subscribe() as changes:
        assert (await stage.call("sendChatAction", chat_id=stage.ann.id, action="typing"))["result"] is True
        change = await anext(changes)
    assert (change.kind, change.chat_id, change.bot_id, change.data["action"]) == (
        "action",
        stage.ann.id,
        stage.bot.id,
        "typing",
    )
    assert await stage.refusal("sendChatAction", action="dance") == (
        400,
        "Bad Request: wrong parameter action in request",
    )


async def test_commands_names_and_descriptions_are_kept_per_language_and_scope(stage):
    commands = [{"command": "menu", "description": "Меню"}]
    groups = {"type": "all_group_chats"}
    await stage.call("setMyCommands", commands=commands, scope=groups)
    assert (await stage.call("getMyCommands", scope=groups))["result"] == commands
    assert (await stage.call("getMyCommands"))["result"] == []
    await stage.call("deleteMyCommands", scope=groups)
    assert (await stage.call("getMyCommands", scope=groups))["result"] == []
    bad = [{"command": "Menu", "description": "Меню"}]
    assert (await stage.call("setMyCommands", commands=bad))["description"] == "Bad Request: BOT_COMMAND_INVALID"

    await stage.call("setMyDescription", description="Мост в amoCRM")
    await stage.call("setMyShortDescription", short_description="Мост", language_code="ru")
    await stage.call("setMyName", name="Мост 2")
    assert (await stage.call("getMyDescription", language_code="ru"))["result"] == {"description": "Мост в amoCRM"}
    assert (await stage.call("getMyShortDescription"))["result"] == {"short_description": ""}
    assert (await stage.call("getMyShortDescription", language_code="ru"))["result"] == {"short_description": "Мост"}
    await stage.call("setMyShortDescription", short_description="", language_code="ru")
    assert (await stage.call("getMyShortDescription", language_code="ru"))["result"] == {"short_description": ""}
    assert (await stage.call("getMyName"))["result"] == {"name": "Мост 2"}
    assert (await stage.call("getMe"))["result"]["first_name"] == "Мост 2"
    stage.simulator.assert_clean()


async def test_flood_limits_per_chat_group_and_bot(autojump_clock):
    switches = Switches(limits=Limits(chat_burst=3, bot_per_s=4))
    simulator = TelegramSimulator(schema=SCHEMA, now=lambda: 1_750_000_000 + trio.current_time(), switches=switches)
    client = simulator.app.test_client()
    bot = simulator.add_bot("Мост", "bridge_bot")
    people = [simulator.add_person(f"Person {number}") for number in range(3)]
    group = simulator.create_group("Стройка", people[0])
    simulator.add_member(group, bot)
    for person in people:
        simulator.write(person, bot, "/start")

    async def waits(chat_id, times):
        found = []
        for _ in range(times):
            response = await client.post(f"/bot{bot.token}/sendMessage", json={"chat_id": chat_id, "text": "a"})
            answer = await response.get_json()
            found.append(answer.get("parameters", {}).get("retry_after", 0))
            assert response.headers.get("Retry-After") == (str(found[-1]) if found[-1] else None)
        return found

    assert await waits(people[0].id, 4) == [0, 0, 0, 1]  # three at once, then one a second
    await trio.sleep(1)
    assert await waits(people[0].id, 2) == [0, 1]
    await trio.sleep(10)
    assert await waits(people[0].id, 2) + await waits(people[1].id, 3) == [0, 0, 0, 0, 1]  # four a second in all
    begun = trio.current_time()
    sent = 0
    while trio.current_time() - begun < 30:
        sent += (await waits(group.id, 1))[0] == 0
        await trio.sleep(1)
    assert sent == 20
    assert 20 < (await waits(group.id, 1))[0] <= 60
    switches.limits = None
    assert await waits(group.id, 5) == [0] * 5
    simulator.assert_clean()


async def test_history_and_presses_are_bounded(stage):
    stage.simulator._cloud.history_cap = 3
    for number in range(5):
        stage.simulator.write(stage.ann, stage.bot, str(number))
    assert stage.texts() == ["2", "3", "4"]
    assert await stage.refusal("editMessageText", message_id=1, text="?") == (
        400,
        "Bad Request: message to edit not found",
    )
