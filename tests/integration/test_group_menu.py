"""The menu in a group: how it opens, the question for a deal, the list of linked deals, and who may change anything."""

from __future__ import annotations

import orjson
import pytest

from dealgram.actors import texts
from dealgram.persistence import accounts

HOST_LINK = "https://sever.amocrm.ru/leads/detail/{deal}"


@pytest.mark.parametrize("call", ["@sever_sales_bot", "/menu", "/menu@sever_sales_bot", "/start@sever_sales_bot x"])
async def test_the_menu_opens_by_mention_and_by_command_and_shows_both_buttons(play, call):
    since = play.last_id
    asked = play.write(play.stage.world.igor, call)
    menu = await play.says("Что сделать?", since)
    assert menu["reply_to_message"]["message_id"] == asked
    assert list(play.buttons(menu["message_id"])) == [texts.LINK_BUTTON, texts.LIST_BUTTON, texts.CLOSE_BUTTON]
    play.stage.assert_clean()


async def test_the_menu_opens_by_a_reply_to_the_bot_and_stands_under_its_greeting(play):
    (greeting,) = play.said("Здравствуйте!")
    assert list(play.buttons(greeting["message_id"]))[:2] == [texts.LINK_BUTTON, texts.LIST_BUTTON]
    first = await play.menu(play.stage.world.anna)
    play.write(play.stage.world.igor, "а что это?", reply_to=first)
    await play.says("Что сделать?", first)

    play.stage.telegram.press(play.stage.world.anna, play.chat, first, "close")
    await play.stage.until(lambda: play.shown(first)["text"] == texts.MENU_CLOSED, "the menu closed")
    assert play.buttons(first) == {}


async def test_commands_to_other_bots_and_longer_names_are_words_of_the_group(play):
    world = play.stage.world
    await play.link(world.cafe)
    since = play.last_id
    for words in ("/menu@sever_service_bot", "/weather", "@sever_sales_bot_2 привет"):
        await play.words(world.igor, words, world.cafe)
    assert play.said("", since) == []
    await play.words(world.igor, "Спросите у @sever_sales_bot, он знает", world.cafe)
    await play.says("Что сделать?", since)
    assert play.written(world.cafe) == [
        "/menu@sever_service_bot",
        "/weather",
        "@sever_sales_bot_2 привет",
        "Спросите у @sever_sales_bot, он знает",
    ]


@pytest.mark.parametrize(
    ("form", "as_reply"),
    [("{deal}", True), ("№ {deal}", True), ("{host}/leads/detail/{deal}", True), ("{deal}", False), ("#{deal}", False)],
)
async def test_the_deal_may_be_named_in_every_usual_form(play, form, as_reply):
    world = play.stage.world
    question = await play.ask(world.anna)
    named = form.format(deal=world.cafe, host=play.stage.playground.url_of(world.account))
    play.write(world.anna, named, **({"reply_to": question} if as_reply else {}))
    done = await play.says("Готово: группа связана", question)
    assert "Сайт для кофейни «Полдень»" in done["text"]
    assert f"№ {world.cafe}" in done["text"]
    await play.stage.until(lambda: play.own_chats(world.cafe), "the group's own chat")
    assert play.written(world.cafe) == []
    play.stage.assert_clean()


async def test_every_wrong_answer_is_explained_and_the_question_stays_open(play):
    world, stage = play.stage.world, play.stage
    host = stage.playground.url_of(world.account)
    await play.link(world.office)
    stage.amo.delete_lead(world.account, world.repair)
    question = await play.ask(world.anna)
    wrong = {
        "вывеска": "Не вижу здесь номера сделки",
        "99999999999": "Такого номера сделки не бывает",
        f"{host}/contacts/detail/5": "Эта ссылка ведёт не на сделку",
        HOST_LINK.format(deal=world.cafe): "Эта сделка из другого аккаунта amoCRM",
        "424242": "Сделки № 424242 нет",
        str(world.repair): "нет в вашем аккаунте amoCRM",
        f"{host}/leads/detail/{world.office}": "Группа уже связана со сделкой",
    }
    for answer, explanation in wrong.items():
        said = play.write(world.anna, answer, reply_to=question)
        again = await play.says(explanation, said)
        question = again["message_id"]
        assert "force_reply" in again["reply_markup"], answer
    await stage.quiet()
    play.write(world.anna, str(world.cafe))  # no reply is needed while the question is open
    await play.says("Готово: группа связана", question)
    await stage.until(lambda: play.own_chats(world.cafe), "the group's own chat")
    assert play.written(world.office) == []
    assert await stage.count("SELECT count(*) FROM links WHERE status = 'linked'") == 2
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_while_one_is_asked_the_others_words_go_to_the_deals(play):
    world = play.stage.world
    await play.link(world.office)
    question = await play.ask(world.anna)
    await play.words(world.igor, "Мне 25 лет", world.office)
    await play.words(world.igor, "12345", world.office)
    await play.words(world.anna, "Сейчас найду номер", world.office)
    play.write(world.anna, str(world.cafe), reply_to=question)
    await play.says("Готово", question)
    await play.stage.quiet()
    assert play.written(world.office) == ["Мне 25 лет", "12345", "Сейчас найду номер"]


async def test_after_the_dialog_a_bare_number_is_a_word_of_the_group(play):
    world = play.stage.world
    await play.link(world.office)
    await play.words(world.anna, "777", world.office)
    assert play.written(world.office) == ["777"]


async def test_an_anonymous_administrator_answers_the_question_in_the_groups_name(play):
    world = play.stage.world
    question = await play.ask(world.anna)
    play.write(world.anna, str(world.cafe), reply_to=question, anonymous=True)
    await play.says("Готово", question)
    await play.stage.until(lambda: play.own_chats(world.cafe), "the group's own chat")


async def test_only_administrators_may_link_and_unlink(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    menu = await play.menu(world.igor)
    refused = await play.press(world.igor, menu, "Связать группу")
    assert refused["text"] == texts.ONLY_ADMINISTRATORS
    assert refused["show_alert"] is True
    await play.press(world.igor, menu, "Список")  # looking is free
    await stage.until(lambda: any("Отвязать" in name for name in play.buttons(menu)), "the list")
    refused = await play.press(world.igor, menu, "Отвязать 1")
    assert refused["text"] == texts.ONLY_ADMINISTRATORS
    await stage.quiet()
    assert play.said("пришлите ID", menu) == []
    assert await stage.count("SELECT count(*) FROM links WHERE status = 'linked'") == 1
    stage.telegram.promote(play.chat, world.igor)
    await play.unlink(world.cafe, world.igor)
    stage.assert_clean()


async def test_an_account_may_open_linking_to_all_members(play):
    world, stage = play.stage.world, play.stage
    await accounts.change_settings(stage.service.services.db, stage.account.account_id, {"everyone_may_link": True})
    await stage.service.refresh()
    await play.link(world.cafe, world.igor)
    await play.unlink(world.cafe, world.maria)


async def test_the_list_has_pages_and_unlinks_on_confirmation_only(play):
    world, stage = play.stage.world, play.stage
    deals = [stage.amo.add_lead(world.account, f"Проект {number}", world.sales.id) for number in range(1, 8)]
    for deal in deals:
        question = await play.ask(world.anna)
        play.write(world.anna, str(deal), reply_to=question)
        await play.says("Готово", question)
    menu = await play.menu(world.anna)
    assert any("(7)" in name for name in play.buttons(menu))
    await play.press(world.anna, menu, "Список")
    await stage.until(lambda: "Отвязать 1. Проект 1" in play.buttons(menu), "the first page")
    shown = play.shown(menu)["text"].splitlines()
    assert shown[1] == "Связанные сделки: 7 · страница 1 из 2"
    assert shown[3:] == [f"{number}. Проект {number} (№ {deals[number - 1]})" for number in range(1, 6)]
    links = [one["url"] for one in play.shown(menu)["entities"] if one["type"] == "text_link"]
    assert links == [f"{stage.playground.url_of(world.account)}/leads/detail/{deal}" for deal in deals[:5]]
    await play.press(world.anna, menu, "→")
    await stage.until(lambda: "Отвязать 7. Проект 7" in play.buttons(menu), "the second page")
    assert "Отвязать 5. Проект 5" not in play.buttons(menu)

    await play.press(world.anna, menu, "Отвязать 6")
    await stage.until(lambda: "Да, отвязать" in play.buttons(menu), "the confirmation")
    await play.press(world.anna, menu, "Назад")
    await stage.until(lambda: "Отвязать 7. Проект 7" in play.buttons(menu), "the second page again")
    assert await stage.count("SELECT count(*) FROM links WHERE status = 'linked'") == 7

    await play.press(world.anna, menu, "Отвязать 6")
    await stage.until(lambda: "Да, отвязать" in play.buttons(menu), "the confirmation")
    assert (await play.press(world.anna, menu, "Да, отвязать"))["text"] == texts.UNLINKED_TOAST
    await play.says("Группа отвязана от сделки Проект 6", menu)
    await stage.until(lambda: "Отвязать 6. Проект 7" in play.buttons(menu), "numbers closed up")
    await stage.quiet()
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_an_old_menu_and_a_second_press_unlink_nothing_twice(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    old = await play.menu(world.anna)
    await play.press(world.anna, old, "Список")
    await stage.until(lambda: any("Отвязать" in name for name in play.buttons(old)), "the list")
    await play.press(world.anna, old, "Отвязать 1")
    await stage.until(lambda: "Да, отвязать" in play.buttons(old), "the confirmation")
    presses = [play.begin_press(world.anna, old, "Да, отвязать") for _ in range(2)]
    answers = await stage.until(
        lambda: (
            all(press in stage.telegram.callback_answers for press in presses)
            and [stage.telegram.callback_answers[press]["text"] for press in presses]
        ),
        "both presses answered",
    )
    assert answers == [texts.UNLINKED_TOAST, texts.ALREADY_UNLINKED]
    await stage.quiet()
    assert len(play.said("Группа отвязана")) == 1
    assert stage.texts(world.cafe).count(texts.group_unlinked_line(play.chat.title)) == 1


async def test_two_answers_with_the_same_deal_link_it_once(play):
    world, stage = play.stage.world, play.stage
    menu = await play.menu(world.anna)
    for _ in range(2):
        play.begin_press(world.anna, menu, "Связать группу")
    await stage.until(lambda: len(play.said("пришлите ID", menu)) == 2, "both questions")
    await stage.quiet()
    for question in play.said("пришлите ID", menu):
        play.write(world.anna, str(world.cafe), reply_to=question["message_id"])
    await play.says("Готово", menu)
    await play.says("уже связана", menu)
    await stage.quiet()
    assert stage.texts(world.cafe).count(play.linked_line) == 1
    assert len(play.said("Готово", menu)) == 1
    assert len(play.own_chats(world.cafe)) == 1
    await stage.assert_undisturbed()


@pytest.mark.parametrize("data", ["off:1", "list:x", "v1|unlink", "ask:5:0:0"])
async def test_a_press_of_an_older_version_is_answered_and_changes_nothing(play, data):
    world, stage = play.stage.world, play.stage
    menu = await play.menu(world.anna)
    press = {
        "id": "4242",
        "from": world.anna.as_user(),
        "chat_instance": "1",
        "data": data,
        "message": {"message_id": menu, "date": 0, "chat": play.chat.as_chat()},
    }
    bot = stage.service.services.registry.bot(play.bot.id)
    await stage.service.intake.accept_updates(bot, [orjson.dumps({"update_id": 1, "callback_query": press})])
    await stage.quiet()
    (answer,) = [call for call in stage.telegram.requests if call.method == "answerCallbackQuery"]
    assert answer.params["text"] == texts.PRESS_STALE
    await stage.assert_undisturbed()
