"""What a manager's answer quotes and forwards: a reply in Telegram, a stretch, or a line; nothing is sent twice."""

from __future__ import annotations

import pytest

from dealgram.actors import texts
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import quotes
from dealgram.sandbox.amocrm.attachments import Attachment

QUESTION = "Когда приедет замерщик? И сколько это стоит?"


@pytest.fixture
async def told(stage):
    """Anna has started the sales bot and asked something."""
    anna = stage.world.anna
    await stage.start_bot()
    stage.telegram.write(anna, stage.world.sales_bot, QUESTION)
    await stage.in_card(anna, QUESTION)
    await stage.quiet()
    return stage


def seen(stage) -> list[dict]:
    return stage.private_messages(stage.world.anna)[1:]


def asked(stage) -> dict:
    chat = stage.telegram.private_chat(stage.world.anna, stage.world.sales_bot)
    return next(message for message in stage.telegram.history(chat) if message.get("text") == QUESTION)


def in_card(stage, text: str) -> str:
    """amoCRM's id of a line in Anna's card."""
    return next(item.amo_id for item in stage.card(stage.world.anna) if item.text == text)


async def delivered(stage, amo_id: str) -> None:
    assert (await stage.status(amo_id)).status == "delivered"


def quoting(monkeypatch, text: str) -> None:
    """amoCRM shows managers a part of the message to answer."""
    whole = quotes.in_hook
    monkeypatch.setattr(quotes, "in_hook", lambda message: whole(message) | {"text": text})


async def test_an_answer_to_a_message_is_a_reply_to_it(told):
    await delivered(told, told.answer(told.world.anna, "Завтра", reply_to=in_card(told, QUESTION)))
    (message,) = seen(told)
    assert message["text"] == "Завтра"
    assert message["reply_to_message"]["message_id"] == asked(told)["message_id"]
    assert "quote" not in message
    told.assert_clean()


async def test_a_stretch_is_quoted_as_a_stretch(told, monkeypatch):
    quoting(monkeypatch, "сколько это стоит?")
    await delivered(told, told.answer(told.world.anna, "5 000 ₽", reply_to=in_card(told, QUESTION)))
    (message,) = seen(told)
    assert message["quote"]["text"] == "сколько это стоит?"
    assert message["reply_to_message"]["message_id"] == asked(told)["message_id"]
    told.assert_clean()


async def test_the_caption_of_a_file_is_the_whole_message_and_no_stretch_of_it(told):
    told.telegram.send_media(told.world.anna, told.world.sales_bot, "photo", samples.jpeg(), caption="Наш фасад")
    await told.in_card(told.world.anna, "Наш фасад")
    await told.quiet()
    await delivered(told, told.answer(told.world.anna, "Красиво", reply_to=in_card(told, "Наш фасад")))
    (message,) = seen(told)
    assert message["reply_to_message"]["caption"] == "Наш фасад"
    assert "quote" not in message
    told.assert_clean()


async def test_words_that_are_not_in_the_message_are_no_stretch(told, monkeypatch):
    quoting(monkeypatch, "сколько это будет стоить?")
    await delivered(told, told.answer(told.world.anna, "5 000 ₽", reply_to=in_card(told, QUESTION)))
    (message,) = seen(told)
    assert "quote" not in message
    assert message["reply_to_message"]["message_id"] == asked(told)["message_id"]


async def test_a_stretch_that_telegram_refuses_becomes_a_plain_reply(told, monkeypatch):
    quoting(monkeypatch, "сколько это стоит?")
    order = told.telegram.refuse("sendMessage", 400, "Bad Request: QUOTE_TEXT_INVALID")
    await delivered(told, told.answer(told.world.anna, "5 000 ₽", reply_to=in_card(told, QUESTION)))
    (message,) = seen(told)
    assert order.hits == 1
    assert "quote" not in message
    assert message["reply_to_message"]["message_id"] == asked(told)["message_id"]
    await told.assert_undisturbed()


async def test_an_answer_to_a_message_that_is_gone_says_what_it_answers(told):
    told.telegram.refuse("sendMessage", 400, "Bad Request: message to be replied not found")
    await delivered(told, told.answer(told.world.anna, "Завтра", reply_to=in_card(told, QUESTION)))
    (message,) = seen(told)
    assert message["text"] == f"↩️ {told.world.anna.name}: {QUESTION}\nЗавтра"
    assert "reply_to_message" not in message
    await told.assert_undisturbed()


async def test_the_whole_way_down_sends_once(told, monkeypatch):
    quoting(monkeypatch, "сколько это стоит?")
    told.telegram.refuse("sendPhoto", 400, "Bad Request: QUOTE_TEXT_INVALID")
    told.telegram.refuse("sendPhoto", 400, "Bad Request: message to be replied not found")
    told.telegram.refuse("sendPhoto", 400, "Bad Request: IMAGE_PROCESS_FAILED")
    data = samples.jpeg()
    answer = told.answer(
        told.world.anna,
        "Вот прайс",
        reply_to=in_card(told, QUESTION),
        attachments=[Attachment("picture", data, name="прайс.jpg")],
    )
    await delivered(told, answer)
    (message,) = seen(told)
    assert message["caption"] == f"↩️ {told.world.anna.name}: сколько это стоит?\nВот прайс"
    assert told.telegram.file_bytes(message["document"]["file_id"]) == data


async def test_an_outcome_that_is_unknown_after_a_refusal_is_not_repeated(told):
    told.telegram.refuse("sendMessage", 400, "Bad Request: message to be replied not found")
    order = told.telegram.faults.drop_after("sendMessage")
    answer = told.answer(told.world.anna, "Завтра", reply_to=in_card(told, QUESTION))
    assert (await told.status(answer)).status == texts.REASON_UNKNOWN_OUTCOME
    await told.quiet()
    assert (order.hits, len(seen(told))) == (1, 1)


async def test_a_quick_second_answer_quotes_the_first_that_is_still_on_its_way(told):
    held = told.telegram.faults.hold("sendMessage", times=1)
    first = told.answer(told.world.anna, "Приедет завтра")
    await told.taken(held)
    second = told.answer(told.world.anna, "Точнее, в 10:00", reply_to=first)
    await told.until(lambda: told.amo.message(told.world.account, second), "the second is written")
    held.release()
    await delivered(told, second)
    one, two = seen(told)
    assert two["reply_to_message"]["message_id"] == one["message_id"]
    assert two["text"] == "Точнее, в 10:00"


async def test_what_stands_in_the_card_only_is_quoted_in_words(told):
    line = next(item for item in told.card(told.world.anna) if item.text == texts.STARTED_BOT)
    told.telegram.refuse("sendMessage", 400, "Bad Request: message to be replied not found")
    await delivered(told, told.answer(told.world.anna, "Добро пожаловать", reply_to=line.amo_id))
    assert texts.STARTED_BOT in seen(told)[0]["text"]


async def test_a_picture_that_is_answered_is_named_in_words(told):
    anna, bot = told.world.anna, told.world.sales_bot
    told.telegram.send_media(anna, bot, "photo", samples.jpeg(), caption="")
    await told.until(lambda: any(item.type == "picture" for item in told.card(anna)), "the photo in the card")
    await told.quiet()
    picture = next(item for item in told.card(anna) if item.type == "picture")
    told.telegram.refuse("sendMessage", 400, "Bad Request: message to be replied not found")
    await delivered(told, told.answer(anna, "Красиво", reply_to=picture.amo_id))
    assert seen(told)[0]["text"].startswith(f"↩️ {anna.name}: 🖼 Изображение")


async def test_an_album_is_a_reply_as_a_whole(told):
    answer = told.answer(
        told.world.anna,
        "Вот",
        reply_to=in_card(told, QUESTION),
        attachments=[Attachment("picture", samples.jpeg(seed=number), name=f"{number}.jpg") for number in range(2)],
    )
    await delivered(told, answer)
    await told.until(lambda: len(seen(told)) == 2, "both")
    assert seen(told)[0]["reply_to_message"]["message_id"] == asked(told)["message_id"]
    told.assert_clean()


async def test_what_a_manager_forwards_comes_with_its_author(told):
    answer = told.answer(told.world.anna, "Ваш вопрос", forward=in_card(told, QUESTION))
    await delivered(told, answer)
    (message,) = seen(told)
    assert message["text"] == f"Ваш вопрос\n\n↪️ Переслано: {told.world.anna.name}\n{QUESTION}"
    told.assert_clean()


# Groups


async def test_in_a_group_the_reply_goes_to_the_message_wherever_it_is_answered_from(play):
    stage, (one, two) = play.stage, play.stage.world.deals[:2]
    await play.link(one)
    await play.link(two)
    number = await play.words(stage.world.igor, "Нужна доставка", one, two)
    for deal in (one, two):
        chat = next(
            option
            for option in stage.amo.chats_of_lead(stage.world.account, deal)
            if option.conversation.endswith(f"-u{stage.world.igor.id}")
        )
        line = next(
            item for item in stage.amo.history(stage.world.account, chat.chat_uuid) if item.text == "Нужна доставка"
        )
        answer = stage.amo.answer(
            stage.world.account, chat.chat_uuid, stage.world.olga, f"Сделаем {deal}", reply_to=line.amo_id
        )
        await delivered(stage, answer)
        (message,) = play.said(f"Сделаем {deal}")
        assert message["reply_to_message"]["message_id"] == number
    stage.assert_clean()


async def test_a_message_from_before_the_upgrade_is_quoted_in_words(play):
    stage, deal = play.stage, play.stage.world.deals[0]
    await play.link(deal)
    await play.words(stage.world.igor, "Нужна доставка", deal)
    line = next(item for item in stage.feed(deal) if "Нужна доставка" in item.text)
    play.chat = stage.telegram.upgrade_to_supergroup(play.chat)
    await stage.settled()
    chat = next(
        option
        for option in stage.amo.chats_of_lead(stage.world.account, deal)
        if option.conversation.endswith(f"-u{stage.world.igor.id}")
    )
    answer = stage.amo.answer(stage.world.account, chat.chat_uuid, stage.world.olga, "Сделаем", reply_to=line.amo_id)
    await delivered(stage, answer)
    (message,) = play.said("Сделаем")
    assert message["text"] == f"↩️ {stage.world.igor.name}: Нужна доставка\nСделаем"
    assert "reply_to_message" not in message
