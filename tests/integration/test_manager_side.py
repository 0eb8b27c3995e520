"""What managers, employees and Salesbot do, as a group and a private chat see it, and what comes back."""

from __future__ import annotations

import dataclasses

import pytest

from dealgram.actors import texts
from dealgram.persistence import accounts
from dealgram.persistence.records import Employee, User, upsert
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm.outgoing import Attachment

YES_NO = [[{"text": "Да"}, {"text": "Нет"}]]
POLICIES = ["deal_participant", "deal", "participant"]


async def choose(stage, **settings) -> None:
    """Change settings of the account."""
    await accounts.change_settings(stage.service.services.db, stage.account.account_id, settings)
    await stage.service.refresh()


async def employ(stage, person, user) -> None:
    """Mark a person as an amoCRM user, as `dealgram employee add` does."""
    employee = Employee(account_id=stage.account.account_id, user_id=person.id, amo_user_id=user.id)
    await upsert(stage.service.services.db, employee)
    await stage.service.refresh()


def bold(message: dict) -> list[str]:
    raw = message["text"].encode("utf-16-le")
    return [
        raw[2 * one["offset"] : 2 * (one["offset"] + one["length"])].decode("utf-16-le")
        for one in message.get("entities", [])
        if one["type"] == "bold"
    ]


def chat_of(stage, deal: int, user=None) -> str:
    """The chat of a deal's card: the group's own, or a participant's."""
    ending = f"-d{deal}" if user is None else f"-d{deal}-u{user.id}"
    options = stage.amo.chats_of_lead(stage.world.account, deal)
    return next(one.chat_uuid for one in options if one.conversation.endswith(ending))


def lines(stage, deal: int) -> list[tuple[str, str, str]]:
    """What people on either side said, as the card shows it."""
    return [
        (item.direction, item.author, item.text)
        for item in stage.feed(deal)
        if not item.silent or item.direction == "out"
    ]


# The manager's name


async def test_a_managers_name_stands_in_bold_before_the_text_in_groups_only(play):
    stage, world = play.stage, play.stage.world
    deal, other = world.deals[:2]
    await play.link(deal)
    await play.link(other)
    await choose(stage, manager_names=True)
    play.answer(deal, "Счёт <b>&amp; *готов* ")
    message = await play.says("Счёт")
    assert message["text"] == f"{world.olga.name}: Счёт <b>&amp; *готов*"
    assert bold(message) == [f"{world.olga.name}:"]
    await stage.until(lambda: ("out", world.olga.name, "Счёт <b>&amp; *готов*") in lines(stage, other), "the mirror")

    assert (await stage.status(play.answer(deal, "слово " * 1500))).status == "delivered"
    parts = [m["text"] for m in play.messages() if "слово слово" in m.get("text", "")]
    assert [part.startswith(f"{world.olga.name}: ") for part in parts] == [True, False, False]

    stage.amo.salesbot(world.account, chat_of(stage, deal), "Я робот")
    assert (await play.says("Я робот"))["text"] == "Я робот"

    stage.telegram.write(world.anna, world.sales_bot, "Привет")
    await stage.in_card(world.anna, "Привет")
    stage.answer(world.anna, "Наедине")
    await stage.until(lambda: "Наедине" in stage.private_texts(world.anna), "the private answer, without a name")
    await stage.quiet()
    stage.assert_clean()
    await stage.assert_undisturbed()


# Employees


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_employees_words_are_the_amocrm_users_own(play, policy):
    stage, world = play.stage, play.stage.world
    deal, other = world.deals[:2]
    await choose(stage, policy=policy)
    await play.link(deal)
    await play.link(other)
    await employ(stage, world.igor, world.olga)
    contacts = len(play.contacts(world.igor))

    message = play.write(world.igor, "Мы всё проверили")
    for each in (deal, other):
        await stage.until(
            lambda each=each: ("out", world.olga.name, "Мы всё проверили") in lines(stage, each), "imported"
        )
    stage.telegram.edit(world.igor, world.group, message, "Мы всё перепроверили")
    for each in (deal, other):
        await stage.until(
            lambda each=each: ("out", world.olga.name, "Мы всё перепроверили") in lines(stage, each), "edited"
        )
        assert sum("проверили" in text for text in stage.texts(each)) == 1

    # A manager may answer an employee's message in the card: a reply in Telegram.
    imported = next(one.id for one in world.account.messages.values() if one.content["text"] == "Мы всё перепроверили")
    chat = world.account.messages[imported].chat.uuid
    stage.amo.answer(world.account, chat, world.olga, "Спасибо", reply_to=imported)
    assert (await play.says("Спасибо"))["reply_to_message"]["message_id"] == message
    await stage.quiet()
    assert len(play.contacts(world.igor)) == contacts
    assert not [text for text in stage.group_texts() if "перепроверили" in text and text != "Мы всё перепроверили"]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_who_becomes_an_employee_keeps_what_was_there_and_gets_no_more(play):
    stage, world = play.stage, play.stage.world
    deal = world.deals[0]
    await play.link(deal)
    early = await play.words(world.igor, "Я ещё клиент", deal)
    await employ(stage, world.igor, world.olga)
    play.write(world.igor, "Я уже сотрудник")
    await stage.until(lambda: ("out", world.olga.name, "Я уже сотрудник") in lines(stage, deal), "as the user")
    assert ("in", world.igor.name, "Я ещё клиент") in lines(stage, deal)
    stage.telegram.edit(world.igor, world.group, early, "Я был клиентом")
    await stage.until(lambda: ("in", world.igor.name, "Я был клиентом") in lines(stage, deal), "the old one edited")
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_an_employee_without_a_chat_id_speaks_through_the_channel_by_name(play):
    stage, world = play.stage, play.stage.world
    deal = world.deals[0]
    await play.link(deal)
    silent = stage.amo.add_user(world.account, "Пётр Тихий", has_chats=False)
    user = User(account_id=stage.account.account_id, user_id=silent.id, name=silent.name)
    await upsert(stage.service.services.db, user)
    await employ(stage, world.igor, silent)
    message = play.write(world.igor, "Через канал")
    await stage.until(lambda: f"{silent.name}: Через канал" in stage.texts(deal), "named in the text")
    stage.telegram.edit(world.igor, world.group, message, "Через канал, исправлено")
    await stage.until(lambda: f"{silent.name}: Через канал, исправлено" in stage.texts(deal), "edited with the name")
    stage.assert_clean()


async def test_an_employee_who_writes_to_the_bot_is_told_once_and_gets_no_contact(stage):
    world = stage.world
    await employ(stage, world.igor, world.olga)
    leads, contacts = set(world.account.leads), set(world.account.contacts)
    for text in ("/start", "Есть кто?", "Ау"):
        stage.telegram.write(world.igor, world.sales_bot, text)
    await stage.until(lambda: stage.private_texts(world.igor), "the explanation")
    await stage.settled()
    stage.telegram.block(world.igor, world.sales_bot)
    await stage.settled()
    assert stage.private_texts(world.igor) == [texts.EMPLOYEE_IN_PRIVATE]
    assert (set(world.account.leads), set(world.account.contacts)) == (leads, contacts)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_imports_that_come_back_as_hooks_are_not_sent_to_the_group_again(play):
    stage, world = play.stage, play.stage.world
    deal, other = world.deals[:2]
    await play.link(deal)
    await play.link(other)
    await employ(stage, world.igor, world.olga)
    stage.amo.switches = dataclasses.replace(stage.amo.switches, user_import_hook=True)
    play.write(world.igor, "Эхо сотрудника")
    play.answer(deal, "Эхо менеджера")
    for text in ("Эхо сотрудника", "Эхо менеджера"):
        await stage.until(lambda text=text: all(text in stage.texts(each) for each in (deal, other)), text)
    await stage.until(lambda: stage.amo.hooks_pending == 0 and len(stage.amo.hooks) >= 4, "the hooks of the imports")
    await stage.quiet()
    assert stage.group_texts().count("Эхо сотрудника") == 1
    assert stage.group_texts().count("Эхо менеджера") == 1
    assert stage.texts(other).count("Эхо менеджера") == 1
    assert await stage.count("SELECT count(*) FROM inbox WHERE source = 'amojo' AND result = 'our own import'") == 3
    await stage.assert_undisturbed()


# Salesbot


async def begin(stage) -> str:
    """Anna writes to the sales bot; gives the chat in which she is answered."""
    world = stage.world
    stage.telegram.write(world.anna, world.sales_bot, "Здравствуйте")
    await stage.in_card(world.anna, "Здравствуйте")
    await stage.quiet()
    return stage.amo.chat(world.account, f"p{world.sales_bot.id}-{world.anna.id}").uuid


async def test_a_pressed_button_is_the_clients_answer_and_the_buttons_go(stage):
    world = stage.world
    chat = await begin(stage)
    amo_id = stage.amo.salesbot(world.account, chat, "Вам удобно?", buttons=YES_NO)
    assert (await stage.status(amo_id)).status == "delivered"
    message = stage.private_messages(world.anna)[-1]
    yes = stage.buttons(message)["Да"]
    first = stage.telegram.press(world.anna, world.sales_bot, message["message_id"], yes)
    second = stage.telegram.press(world.anna, world.sales_bot, message["message_id"], stage.buttons(message)["Нет"])
    await stage.in_card(world.anna, "Да")
    await stage.until(lambda: {first, second} <= set(stage.telegram.callback_answers), "both presses answered")
    await stage.settled()
    said = [(item.direction, item.text) for item in stage.card(world.anna)]
    assert said == [("in", "Здравствуйте"), ("out", "Вам удобно?"), ("in", "Да")]
    assert "reply_markup" not in stage.private_messages(world.anna)[-1]
    assert stage.amo.bot_answer(world.account, amo_id).text == "Да", "the bot goes on"
    assert stage.telegram.callback_answers[first]["text"] == texts.pressed_toast("Да")
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_files_text_and_buttons_of_one_answer_come_in_order_with_one_text(stage):
    """As an album, which has its buttons under a text of its own; or one by one, where amoCRM names no album."""
    world = stage.world
    chat = await begin(stage)
    files = [Attachment("picture", samples.jpeg(seed=n), name=f"{n}.jpg") for n in range(3)]
    template = stage.amo.add_template(world.account, "Приветствие", "Привет, {{name}}", external_id="hello")
    expected = {
        "message": [("photo", False), ("photo", False), ("photo", False), ("Привет, Анна", True)],
        "absent": [("Привет, Анна", True), ("photo", False), ("photo", False)],
    }
    for media_group, shown in expected.items():
        stage.amo.switches = dataclasses.replace(stage.amo.switches, media_group=media_group)
        seen = len(stage.private_messages(world.anna))
        stage.amo.salesbot(
            world.account, chat, attachments=files, buttons=YES_NO, template=template, params={"{{name}}": "Анна"}
        )
        await stage.until(lambda seen=seen, shown=shown: len(stage.private_messages(world.anna)) == seen + len(shown))
        messages = stage.private_messages(world.anna)[seen:]
        assert [(m.get("text") or m.get("caption") or "photo", "reply_markup" in m) for m in messages] == shown
        photos = [stage.telegram.file_bytes(m["photo"][-1]["file_id"]) for m in messages if "photo" in m]
        assert photos == [one.data for one in files]
    await stage.quiet()
    stage.assert_clean()


async def test_buttons_that_telegram_refuses_stand_in_the_text(stage):
    chat = await begin(stage)
    stage.telegram.refuse("sendMessage", 400, "Bad Request: BUTTON_URL_INVALID")
    amo_id = stage.amo.salesbot(stage.world.account, chat, "Вам удобно?", buttons=YES_NO)
    assert (await stage.status(amo_id)).status == "delivered"
    shown = stage.private_messages(stage.world.anna)[-1]
    assert shown["text"] == "Вам удобно?\n\n▫️ Да\n▫️ Нет"
    assert "reply_markup" not in shown
    await stage.assert_undisturbed()


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_press_in_a_group_goes_where_the_buttons_came_from_and_to_the_other_deals(play, policy):
    stage, world = play.stage, play.stage.world
    deal, other = world.deals[:2]
    await choose(stage, policy=policy)
    await play.link(deal)
    await play.link(other)
    stage.amo.salesbot(world.account, chat_of(stage, deal), "Начинаем?", buttons=YES_NO)
    message = await play.says("Начинаем?")
    data = stage.buttons(message)["Да"]
    own = stage.amo.chat(
        world.account,
        next(
            o.conversation for o in stage.amo.chats_of_lead(world.account, deal) if o.conversation.endswith(f"-d{deal}")
        ),
    )
    presses = [
        stage.telegram.press(person, world.group, message["message_id"], data)
        for person in (world.igor, world.igor, world.anna)
    ]
    await stage.until(lambda: set(presses) <= set(stage.telegram.callback_answers), "every press is answered")
    await stage.settled()
    in_own = [item.text for item in stage.amo.history(world.account, own.uuid) if item.direction == "in"]
    assert in_own.count("Да") == 2, "once from Igor, who pressed twice, and once from Anna; without any name"
    in_other = [text for direction, _, text in lines(stage, other) if direction == "in" and text.endswith("Да")]
    assert len(in_other) == 2
    assert "reply_markup" in play.shown(message["message_id"]), "others may still answer"
    stage.telegram.press(world.igor, world.group, message["message_id"], stage.buttons(message)["Нет"])
    await stage.until(lambda: "Нет" in [i.text for i in stage.amo.history(world.account, own.uuid)], "a change of mind")
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_an_employees_press_is_the_users_own_word(play):
    stage, world = play.stage, play.stage.world
    deal = world.deals[0]
    await play.link(deal)
    await employ(stage, world.igor, world.olga)
    stage.amo.salesbot(world.account, chat_of(stage, deal), "Начинаем?", buttons=YES_NO)
    message = await play.says("Начинаем?")
    for _ in range(2):
        stage.telegram.press(world.igor, world.group, message["message_id"], stage.buttons(message)["Да"])
    await stage.until(lambda: ("out", world.olga.name, "Да") in lines(stage, deal), "as the user")
    await stage.settled()
    assert lines(stage, deal).count(("out", world.olga.name, "Да")) == 1
    stage.assert_clean()


async def test_a_press_after_the_deal_was_unlinked_is_told_so_and_menus_never_mix(play):
    stage, world = play.stage, play.stage.world
    deal = world.deals[0]
    await play.link(deal)
    stage.amo.salesbot(world.account, chat_of(stage, deal), "Начинаем?", buttons=YES_NO)
    message = await play.says("Начинаем?")
    await play.unlink(deal)
    shown = await play.press(world.igor, message["message_id"], "Да")
    assert (shown["text"], shown["show_alert"]) == (texts.BUTTON_UNLINKED, True)
    await stage.quiet()
    assert "Да" not in [item.text for item in stage.feed(deal)]
    menu = await play.menu(world.anna)
    await play.press(world.anna, menu, "Список")
    await stage.quiet()
    await stage.assert_undisturbed()
