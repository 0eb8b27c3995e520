"""Private chats with a bot: people known and unknown, what stands in the card, and the way back."""

from __future__ import annotations

import pytest

from dealgram.actors import texts

GREETING = texts.GREETING


def contacts_of(stage, person) -> list[int]:
    """The contacts whose «Telegram ID» is the person's."""
    account = stage.world.account
    return [
        contact_id
        for contact_id in account.contacts
        if stage.amo.contact_value(account, contact_id, "TELEGRAM_ID") == str(person.id)
    ]


def new_deals(stage) -> list:
    """Deals that nobody in the sample world made."""
    return [lead for lead in stage.world.account.leads.values() if lead.id not in stage.world.deals]


async def test_an_unknown_person_gets_a_contact_a_deal_in_the_bots_pipeline_and_a_greeting(stage):
    world = stage.world
    stage.telegram.write(world.anna, world.sales_bot, "/start реклама")
    stage.telegram.write(world.anna, world.sales_bot, "Сколько стоит сайт?")
    await stage.in_card(world.anna, "Сколько стоит сайт?")
    await stage.until(lambda: GREETING in stage.private_texts(world.anna), "the greeting")

    (contact_id,) = contacts_of(stage, world.anna)
    contact = world.account.contacts[contact_id]
    assert contact.name == "Анна Смирнова"
    assert list(contact.tags.values()) == ["Telegram"]
    (deal,) = new_deals(stage)
    assert deal.name == "Анна Смирнова (Север Продажи)"
    assert deal.pipeline_id == world.sales.id
    assert list(deal.contacts) == [contact_id]
    (source,) = [one for one in stage.amo.sources(world.account) if one.external_id == f"tgb-{world.sales_bot.id}"]
    assert deal.source_id == source.id

    shown = stage.feed(deal.id)
    assert [item.text for item in shown] == ["▶️ Клиент запустил бота: реклама", "Сколько стоит сайт?"]
    assert {item.author for item in shown} == {"Анна Смирнова"}
    assert {item.conversation for item in shown} == {f"p{world.sales_bot.id}-{world.anna.id}"}
    (chat,) = stage.amo.chats_of_lead(world.account, deal.id)
    assert chat.name == "Анна Смирнова (Север Продажи)"
    assert chat.source_name == source.name
    assert stage.amo.unsorted(world.account) == []
    assert stage.private_texts(world.anna) == [GREETING]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_contact_that_amocrm_has_already_keeps_its_deal_and_gets_no_twin(stage):
    world = stage.world
    known = stage.amo.add_contact(world.account, "Игорь П.", {"TELEGRAM_ID": str(world.igor.id)})
    # Amo's search finds parts of values too: such a neighbour is somebody else.
    stage.amo.add_contact(world.account, "Сосед", {"TELEGRAM_ID": f"{world.igor.id}7"})
    stage.amo.link(world.account, world.office, known)

    stage.telegram.write(world.igor, world.sales_bot, "Это снова я")
    await stage.in_card(world.igor, "Это снова я")

    assert contacts_of(stage, world.igor) == [known]
    assert new_deals(stage) == []
    assert stage.texts(world.office) == ["Это снова я"]
    stage.assert_clean()


async def test_one_person_and_two_bots_make_one_contact(stage):
    world = stage.world
    stage.telegram.write(world.maria, world.sales_bot, "Вопрос в продажи")
    stage.telegram.write(world.maria, world.service_bot, "Вопрос в сервис")
    await stage.in_card(world.maria, "Вопрос в продажи", world.sales_bot)
    await stage.in_card(world.maria, "Вопрос в сервис", world.service_bot)

    (contact_id,) = contacts_of(stage, world.maria)
    (deal,) = new_deals(stage)
    assert sorted(stage.texts(deal.id)) == ["Вопрос в продажи", "Вопрос в сервис"]
    names = {chat.name for chat in stage.amo.chats_of_lead(world.account, deal.id)}
    assert names == {"Мария Кузнецова (Север Продажи)", "Мария Кузнецова (Север Сервис)"}
    assert list(world.account.contacts[contact_id].leads) == [deal.id]

    # Private chats with different bots are different chats, though Telegram gives them the same id.
    stage.answer(world.maria, "Ответ сервиса", world.service_bot)
    await stage.until(lambda: "Ответ сервиса" in stage.private_texts(world.maria, world.service_bot), "the answer")
    assert stage.private_texts(world.maria, world.sales_bot) == []
    stage.assert_clean()


async def test_a_person_known_from_a_group_is_the_same_contact_in_private(stage):
    world = stage.world
    await stage.link(world.cafe)
    stage.telegram.write(world.igor, world.group, "Привет из группы")
    await stage.until(lambda: "Привет из группы" in stage.texts(world.cafe), "the group's message")
    stage.telegram.write(world.igor, world.sales_bot, "А теперь лично")
    await stage.in_card(world.igor, "А теперь лично")

    assert len(contacts_of(stage, world.igor)) == 1
    assert new_deals(stage) == []
    assert "А теперь лично" in stage.texts(world.cafe)
    assert "А теперь лично" not in stage.group_texts()
    stage.assert_clean()


@pytest.mark.parametrize("operation", ["leads.create", "contacts.create", "amojo.chats", "contacts.link_chats"])
async def test_an_opening_whose_answer_got_lost_is_finished_once(stage, operation):
    world = stage.world
    order = stage.amo.faults.drop_after(operation)
    stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
    await stage.in_card(world.anna, "Добрый день")
    assert order.hits == 1, f"{operation} was never called"
    assert len(contacts_of(stage, world.anna)) == 1
    (deal,) = new_deals(stage)
    assert stage.texts(deal.id) == ["Добрый день"]
    await stage.assert_undisturbed()


async def test_an_answer_reaches_the_person_and_is_marked_delivered(stage):
    world = stage.world
    await stage.start_bot(world.anna)
    answer = stage.answer(world.anna, "Здравствуйте, Анна! <Это не разметка> & *не звёзды*")
    assert (await stage.status(answer)).status == "delivered"
    assert stage.private_texts(world.anna) == [GREETING, "Здравствуйте, Анна! <Это не разметка> & *не звёзды*"]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_long_answer_arrives_in_parts_and_in_order(stage):
    world = stage.world
    await stage.start_bot(world.anna)
    long = " ".join(f"слово{number}🎈" for number in range(1500))
    after = [stage.answer(world.anna, long), stage.answer(world.anna, "И последнее")]
    for answer in after:
        assert (await stage.status(answer)).status == "delivered"
    parts = stage.private_texts(world.anna)[1:-1]
    assert len(parts) >= 4
    assert " ".join(parts) == long
    assert max(len(part.encode("utf-16-le")) // 2 for part in parts) <= 4096
    assert stage.private_texts(world.anna)[-1] == "И последнее"
    stage.assert_clean()


async def test_quotes_go_both_ways(stage):
    world = stage.world
    await stage.start_bot(world.anna)
    written = stage.telegram.write(world.anna, world.sales_bot, "Есть ли скидка?")
    question = await stage.in_card(world.anna, "Есть ли скидка?")
    answer = stage.answer(world.anna, "Есть, 10%", reply_to=question.amo_id)
    await stage.status(answer)
    sent = stage.private_messages(world.anna)[-1]
    assert sent["text"] == "Есть, 10%"
    assert sent["reply_to_message"]["message_id"] == written["message_id"]

    stage.telegram.write(world.anna, world.sales_bot, "Беру!", reply_to=sent["message_id"])
    assert (await stage.in_card(world.anna, "Беру!")).quote == "Есть, 10%"
    stage.assert_clean()


async def test_a_quick_quote_of_a_message_that_amocrm_has_not_taken_yet_is_kept(stage):
    world = stage.world
    await stage.start_bot(world.anna)
    stage.amo.faults.answer("amojo.send", status=503, times=2)
    first = stage.telegram.write(world.anna, world.sales_bot, "Первое")
    stage.telegram.write(world.anna, world.sales_bot, "Второе", reply_to=first["message_id"])
    assert (await stage.in_card(world.anna, "Второе")).quote == "Первое"
    assert stage.card_texts(world.anna)[1:] == ["Первое", "Второе"]


async def test_a_quote_that_amocrm_refuses_costs_the_quote_and_not_the_message(stage):
    world = stage.world
    await stage.start_bot(world.anna)
    first = stage.telegram.write(world.anna, world.sales_bot, "Забытое")
    shown = await stage.in_card(world.anna, "Забытое")
    del world.account.messages[shown.amo_id]  # amoCRM keeps no message for ever
    stage.telegram.write(world.anna, world.sales_bot, "Об этом", reply_to=first["message_id"])
    in_words = await stage.in_card(world.anna, f"↩️ {world.anna.name}: Забытое\nОб этом")
    assert in_words.quote == ""
    await stage.assert_undisturbed()


async def test_an_edit_changes_the_message_in_place(stage):
    world = stage.world
    written = stage.telegram.write(world.anna, world.sales_bot, "Встреча в 10")
    before = await stage.in_card(world.anna, "Встреча в 10")
    stage.telegram.edit(world.anna, world.sales_bot, written["message_id"], "Встреча в 11")
    after = await stage.in_card(world.anna, "Встреча в 11")
    assert after.amo_id == before.amo_id
    assert after.is_edited
    assert stage.card_texts(world.anna) == ["Встреча в 11"]
    stage.assert_clean()


async def test_an_edit_right_behind_its_message_is_not_lost(stage):
    world = stage.world
    stage.amo.faults.answer("amojo.send", status=502, times=1)
    written = stage.telegram.write(world.anna, world.sales_bot, "Опчатка")
    stage.telegram.edit(world.anna, world.sales_bot, written["message_id"], "Опечатка")
    await stage.in_card(world.anna, "Опечатка")
    assert stage.card_texts(world.anna) == ["Опечатка"]


async def test_blocking_and_unblocking_stand_in_the_card_and_an_answer_says_why_it_failed(stage):
    world = stage.world
    await stage.start_bot(world.anna)
    stage.telegram.block(world.anna, world.sales_bot)
    await stage.in_card(world.anna, texts.BLOCKED_BOT)
    answer = stage.answer(world.anna, "Вы здесь?")
    seen = await stage.status(answer)
    assert (seen.status, seen.error_code) == (texts.REASON_BLOCKED, 901)
    assert stage.private_texts(world.anna) == [GREETING]

    stage.telegram.unblock(world.anna, world.sales_bot)
    await stage.in_card(world.anna, texts.UNBLOCKED_BOT)
    again = stage.answer(world.anna, "С возвращением")
    assert (await stage.status(again)).status == "delivered"
    assert stage.card_texts(world.anna) == [
        texts.STARTED_BOT,
        texts.BLOCKED_BOT,
        "Вы здесь?",
        texts.UNBLOCKED_BOT,
        "С возвращением",
    ]
    stage.assert_clean()
    await stage.assert_undisturbed()


def file_fields(**more) -> dict:
    return {"file_id": "AgADfile", "file_unique_id": "AQADunique", "file_size": 1024, **more}


KINDS = [
    (
        {"photo": [file_fields(width=90, height=90)], "caption": "Вот макет"},
        "Вот макет",
    ),
    ({"voice": file_fields(duration=67)}, ""),
    (
        {"document": file_fields(file_name="Договор.pdf"), "caption": "На подпись"},
        "На подпись",
    ),
    (
        {"sticker": file_fields(type="regular", width=512, height=512, emoji="😡", is_animated=False, is_video=False)},
        "",
    ),
    ({"location": {"latitude": 55.751244, "longitude": 37.618423}}, ""),
    ({"contact": {"phone_number": "+79991234567", "first_name": "Пётр"}}, ""),
    ({"dice": {"emoji": "🎲", "value": 5}}, "🎲 🎲 выпало 5"),
    (
        {"hologram": {"depth": 3}, "caption": "Из будущего"},
        "❔ Сообщение, которое бот не умеет показать (hologram): откройте его в Telegram\nИз будущего",
    ),
]


async def test_messages_of_other_kinds_stand_in_the_card_with_their_captions_or_as_lines(stage):
    world = stage.world
    poll = {
        "id": "1",
        "question": "Когда удобно?",
        "options": [
            {"persistent_id": "1", "text": "Утром", "voter_count": 0},
            {"persistent_id": "2", "text": "Вечером", "voter_count": 0},
        ],
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": False,
        "members_only": False,
    }
    kinds = [*KINDS, ({"poll": poll}, "📊 Опрос: Когда удобно?\n▫️ Утром\n▫️ Вечером")]
    for content, _ in kinds:
        stage.telegram.send(world.anna, world.sales_bot, **content)
    expected = [line for _, line in kinds]
    await stage.until(lambda: len(stage.card_texts(world.anna)) == len(expected), "a line for each")
    assert stage.card_texts(world.anna) == expected
    types = ["picture", "voice", "file", "picture", "location", "contact", "text", "text", "text"]
    assert [item.type for item in stage.card(world.anna)] == types
    await stage.assert_undisturbed()
