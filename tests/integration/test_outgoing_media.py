"""What managers attach: every kind arrives in Telegram as what it is, byte for byte, or as a link; nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from dealgram.actors import texts
from dealgram.actors.answering.attachment_texts import REASON_FILE_EMPTY, REASON_FILE_GONE
from dealgram.gateways.telegram import CLOUD
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.amocrm.attachments import Attachment

MB = 1024 * 1024


def seen(stage, person=None) -> list[dict]:
    """What the bot sent to a person, after its greeting."""
    return stage.private_messages(person or stage.world.anna)[1:]


def content(message: dict) -> tuple[str, dict]:
    for kind in ("photo", "animation", "video", "audio", "voice", "sticker", "document"):
        if kind in message:
            return kind, message[kind][-1] if kind == "photo" else message[kind]
    return "text", {}


def data_of(stage, message: dict) -> bytes:
    return stage.telegram.file_bytes(content(message)[1]["file_id"])


async def delivered(stage, amo_id: str) -> None:
    assert (await stage.status(amo_id)).status == "delivered"


KINDS = [
    ("picture", samples.jpeg(), "Фасад дома.jpg", "photo"),
    ("picture", samples.png(), "план.png", "photo"),
    ("picture", samples.webp(), "a.webp", "photo"),
    ("picture", samples.gif(), "анимация.gif", "animation"),
    ("video", samples.mp4(), "Обзор.mp4", "video"),
    ("video", samples.webm(), "Обзор.webm", "document"),
    ("voice", samples.ogg_opus(seconds=3), "voice.ogg", "voice"),
    ("voice", samples.mp3(), "voice.mp3", "voice"),
    ("audio", samples.mp3(), "Песня.mp3", "audio"),
    ("audio", samples.m4a(), "Запись.m4a", "audio"),
    ("file", samples.pdf(), "Смета на окна (итог).pdf", "document"),
    ("file", samples.zip_file(), "проект.zip", "document"),
    ("file", samples.jpeg(), "фото файлом.jpg", "document"),
    ("sticker", samples.webp(), "s.webp", "sticker"),
    ("sticker", samples.tgs(), "s.tgs", "sticker"),
    ("sticker", samples.webm(), "s.webm", "sticker"),
]


@pytest.mark.parametrize(("kind", "data", "name", "arrives"), KINDS, ids=[f"{one[0]}-{one[2]}" for one in KINDS])
async def test_every_kind_arrives_as_what_it_is(told, kind, data, name, arrives):
    sent = told.answer(told.world.anna, "", attachments=[Attachment(kind, data, name=name)])
    await delivered(told, sent)
    (message,) = seen(told)
    assert content(message)[0] == arrives
    assert data_of(told, message) == data
    if arrives in ("document", "audio", "video", "animation"):
        assert content(message)[1]["file_name"] == name
    if arrives == "voice" and name.endswith("ogg"):
        assert content(message)[1]["duration"] == 3
    await told.quiet()
    told.assert_clean()
    await told.assert_undisturbed()


async def test_a_file_that_no_hook_names_has_the_name_of_its_address(told):
    told.amo.switches = replace(told.amo.switches, file_facts="empty")
    sent = told.answer(told.world.anna, "", attachments=[Attachment("file", samples.pdf(), name="Dogovor.pdf")])
    await delivered(told, sent)
    assert seen(told)[0]["document"]["file_name"] == "Dogovor.pdf"


async def test_a_file_that_telegram_has_already_is_not_uploaded_again(told):
    def uploads() -> int:
        """Calls with bytes; the others name a file."""
        sent = [call.params["document"] for call in told.telegram.requests if call.method == "sendDocument"]
        return len([source for source in sent if source not in known])

    known: set[str] = set()
    pdf = Attachment("file", samples.pdf(), name="Прайс.pdf")
    await delivered(told, told.answer(told.world.anna, "Первый раз", attachments=[pdf]))
    known.add(seen(told)[0]["document"]["file_id"])
    known |= {one["document"]["file_id"] for one in viewed(told)}
    await delivered(told, told.answer(told.world.anna, "Второй раз", attachments=[pdf]))
    assert uploads() == 1
    order = told.telegram.refuse("sendDocument", 400, "Bad Request: wrong file identifier/HTTP URL specified")
    await delivered(told, told.answer(told.world.anna, "Третий раз", attachments=[pdf]))
    assert order.hits == 1
    assert [message["caption"] for message in seen(told)] == ["Первый раз", "Второй раз", "Третий раз"]
    assert {data_of(told, message) for message in seen(told)} == {pdf.data}
    assert {message["document"]["file_name"] for message in seen(told)} == {"Прайс.pdf"}
    told.assert_clean()
    await told.assert_undisturbed()


def viewed(stage) -> list[dict]:
    """What the bot sent to Anna, with the ids that files have for the bot."""
    chat = stage.telegram.private_chat(stage.world.anna, stage.world.sales_bot)
    shown = stage.telegram.history(chat, stage.world.sales_bot)
    return [message for message in shown if message["from"]["is_bot"]][1:]


# Words and buttons beside a file


async def test_text_and_buttons_stand_under_the_file_in_one_message(told):
    buttons = [[{"text": "Сайт", "url": "https://example.com"}]]
    picture = Attachment("picture", samples.jpeg(), name="макет.jpg")
    await delivered(told, told.answer(told.world.anna, "Макет готов", attachments=[picture], buttons=buttons))
    (message,) = seen(told)
    assert (message["caption"], "photo" in message) == ("Макет готов", True)
    assert message["reply_markup"] == {"inline_keyboard": buttons}
    told.assert_clean()


async def test_a_long_text_follows_its_file_whole_and_is_delivered_with_its_last_part(told):
    text = "Абзац о монтаже окон.\n\n" * 60
    answer = told.answer(
        told.world.anna,
        text,
        attachments=[Attachment("picture", samples.jpeg(), name="1.jpg")],
        buttons=[[{"text": "Да"}]],
    )
    await delivered(told, answer)
    photo, words = seen(told)
    assert "photo" in photo
    assert "caption" not in photo
    assert words["text"] == text.strip()
    assert "reply_markup" not in photo
    assert words["reply_markup"]["inline_keyboard"][0][0]["text"] == "Да"
    told.assert_clean()


async def test_a_long_text_whose_file_is_gone_is_not_called_delivered(told):
    picture = Attachment("picture", samples.jpeg(), name="1.jpg")
    told.amo.files.faults.answer("file", status=404)
    answer = told.answer(told.world.anna, "слово " * 300, attachments=[picture])
    await told.until(lambda: len(seen(told)) == 1, "the text")
    await told.quiet()
    assert told.amo.message(told.world.account, answer).status == REASON_FILE_GONE


async def test_a_sticker_with_words_is_followed_by_them(told):
    sticker = Attachment("sticker", samples.webp(), name="s.webp")
    await delivered(told, told.answer(told.world.anna, "Ура!", attachments=[sticker]))
    assert [content(message)[0] for message in seen(told)] == ["sticker", "text"]
    told.assert_clean()


# What Telegram or amoCRM does not do


REFUSED = ["PHOTO_INVALID_DIMENSIONS", "IMAGE_PROCESS_FAILED", "PHOTO_SAVE_FILE_INVALID"]


@pytest.mark.parametrize("reason", REFUSED)
async def test_a_picture_that_telegram_does_not_take_for_a_photo_goes_as_a_file(told, reason):
    data = samples.jpeg(seed=5)
    order = told.telegram.refuse("sendPhoto", 400, f"Bad Request: {reason}")
    await delivered(
        told, told.answer(told.world.anna, "Смотрите", attachments=[Attachment("picture", data, name="Ф.jpg")])
    )
    (message,) = seen(told)
    assert order.hits == 1
    assert (message["document"]["file_name"], message["caption"]) == ("Ф.jpg", "Смотрите")
    assert data_of(told, message) == data
    await told.assert_undisturbed()


async def test_a_picture_beyond_the_limits_of_photos_goes_as_a_file_at_once(told):
    order = told.telegram.refuse("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    wide = samples.png(width=2100, height=100)
    await delivered(told, told.answer(told.world.anna, "", attachments=[Attachment("picture", wide, name="w.png")]))
    assert [content(message)[0] for message in seen(told)] == ["document"]
    assert order.hits == 0
    told.assert_clean()


async def test_a_file_over_the_limit_goes_as_a_line_with_its_address(told):
    film = Attachment("video", name="Ролик.mp4", size=CLOUD.upload + 1)
    answer = told.answer(told.world.anna, "Готовый ролик", attachments=[film])
    await delivered(told, answer)
    (message,) = seen(told)
    url = told.amo.message(told.world.account, answer).media
    assert message["text"] == f"Готовый ролик\n\n🎬 Видео: Ролик.mp4, 50 МБ\n{url}"
    told.assert_clean()


async def test_a_file_of_just_the_limit_is_sent(told):
    data = Attachment("file", name="архив.bin", size=CLOUD.upload)
    await delivered(told, told.answer(told.world.anna, "", attachments=[data]))
    (message,) = seen(told)
    assert message["document"]["file_size"] == CLOUD.upload
    told.assert_clean()


async def test_a_file_that_grows_beyond_the_limit_while_it_comes_is_left(told):
    told.amo.files.hide_length()
    film = Attachment("video", name="Ролик.mp4", size=CLOUD.upload + MB, claimed_size=5)
    await delivered(told, told.answer(told.world.anna, "", attachments=[film]))
    assert seen(told)[0]["text"].startswith("🎬 Видео: Ролик.mp4")


async def test_a_file_that_telegram_finds_too_large_goes_as_its_address(told):
    told.telegram.refuse("sendDocument", 413, "Request Entity Too Large")
    answer = told.answer(told.world.anna, "Смета", attachments=[Attachment("file", samples.pdf(), name="С.pdf")])
    await delivered(told, answer)
    text = seen(told)[0]["text"]
    assert text.startswith("Смета\n\n📎 Файл: С.pdf, ")
    assert text.endswith(told.amo.message(told.world.account, answer).media)


@pytest.mark.parametrize("status", [404, 403, 410])
async def test_a_file_that_amocrm_does_not_have_is_reported_and_the_next_answer_goes_on(told, status):
    told.amo.files.faults.answer("file", status=status)
    lost = told.answer(told.world.anna, "Смета", attachments=[Attachment("file", samples.pdf(), name="С.pdf")])
    told.answer(told.world.anna, "Дальше")
    seen_status = await told.status(lost)
    assert (seen_status.status, seen_status.error_code) == (REASON_FILE_GONE, 905)
    await told.until(lambda: [message.get("text") for message in seen(told)] == ["Дальше"], "the next")
    await told.assert_undisturbed()


async def test_an_empty_file_is_reported(told):
    sent = told.answer(told.world.anna, "", attachments=[Attachment("file", b"", name="пусто.txt")])
    assert (await told.status(sent)).status == REASON_FILE_EMPTY


async def test_a_file_that_breaks_off_is_fetched_again(told):
    data = samples.pdf()
    order = told.amo.files.die(10)
    await delivered(told, told.answer(told.world.anna, "", attachments=[Attachment("file", data, name="a.pdf")]))
    assert order.hits == 1
    assert data_of(told, seen(told)[0]) == data
    await told.assert_undisturbed()


async def test_a_file_that_amocrm_never_hands_over_goes_as_its_address_in_order(told):
    told.amo.files.faults.answer("file", status=503, times=None)
    first = told.answer(told.world.anna, "Первое", attachments=[Attachment("file", samples.pdf(), name="a.pdf")])
    second = told.answer(told.world.anna, "Второе")
    await delivered(told, first)
    await delivered(told, second)
    shown = [message["text"] for message in seen(told)]
    assert shown[0].startswith("Первое\n\n📎 Файл: a.pdf, ")
    assert shown[1] == "Второе"


async def test_a_redirection_out_of_amocrm_is_not_followed(told):
    told.amo.files.redirect("http://127.0.0.2:1/secret")
    await delivered(told, told.answer(told.world.anna, "", attachments=[Attachment("file", b"x", name="a.txt")]))
    assert seen(told)[0]["text"].startswith("📎 Файл: a.txt")


@pytest.mark.parametrize("url", ["https://user:word@evil.example/x", "file:///etc/passwd", "http://127.0.0.1:1/@x"])
async def test_an_address_that_nobody_should_be_led_to_is_not_passed_on(told, url):
    sent = told.answer(told.world.anna, "", attachments=[Attachment("file", url=url, name="a.txt", claimed_size=1)])
    if url.startswith("http://127.0.0.1"):  # the sandbox's own host: asked, and nobody is there
        await delivered(told, sent)
        return
    assert (await told.status(sent)).status == REASON_FILE_GONE
    assert seen(told) == []


# At most once


@pytest.mark.parametrize(("fault", "arrived"), [("drop_after", 1), ("drop_before", 0)])
async def test_an_upload_of_unknown_outcome_is_reported_and_not_repeated(told, fault, arrived):
    order = getattr(told.telegram.faults, fault)("sendDocument")
    sent = told.answer(told.world.anna, "", attachments=[Attachment("file", samples.pdf(), name="a.pdf")])
    assert (await told.status(sent)).status == texts.REASON_UNKNOWN_OUTCOME
    await told.quiet()
    assert (order.hits, len(seen(told))) == (1, arrived)
    assert await told.count("SELECT count(*) FROM outbox WHERE state = 'unknown'") == 1
    await told.assert_undisturbed()


async def test_what_telegram_certainly_did_not_do_is_repeated_with_the_file(told):
    data = samples.jpeg(seed=3)
    order = told.telegram.refuse("sendPhoto", 429, "Too Many Requests: retry after 1", retry_after=1)
    await delivered(told, told.answer(told.world.anna, "", attachments=[Attachment("picture", data, name="a.jpg")]))
    assert order.hits == 1
    assert data_of(told, seen(told)[0]) == data
    await told.assert_undisturbed()


async def test_an_upload_that_a_stop_interrupts_is_of_unknown_outcome_in_the_next_life(empty_stage, connected, running):
    stage = empty_stage
    stage.settings = stage.settings.model_copy(update={"drain_s": 0.2})
    async with connected(stage):
        stage.telegram.write(stage.world.anna, stage.world.sales_bot, "/start")
        await stage.in_card(stage.world.anna, texts.STARTED_BOT)
        await stage.until(lambda: texts.GREETING in stage.private_texts(stage.world.anna), "the greeting")
        await stage.quiet()
        order = stage.telegram.faults.hold("sendPhoto", times=1)
        sent = stage.answer(stage.world.anna, "", attachments=[Attachment("picture", samples.jpeg(), name="a.jpg")])
        await stage.taken(order)
    order.cancel()
    async with running(stage):
        assert (await stage.status(sent)).status == texts.REASON_UNKNOWN_OUTCOME
    assert order.hits == 1


# In a group


async def test_a_file_is_imported_into_the_groups_other_deals_with_its_bytes(play):
    stage, (one, two) = play.stage, play.stage.world.deals[:2]
    await play.link(one)
    await play.link(two)
    data = samples.pdf()
    amo_id = stage.amo.answer(
        stage.world.account,
        stage.chat_of_group(one),
        stage.world.olga,
        "Смета на окна",
        attachments=[Attachment("file", data, name="Смета.pdf")],
    )
    await delivered(stage, amo_id)
    (item,) = await stage.until(lambda: [x for x in stage.feed(two) if x.text == "Смета на окна"], "the import")
    await stage.until(lambda: stage.feed(two)[-1].data is not None, "amoCRM fetched the file")
    item = stage.feed(two)[-1]
    assert (item.type, item.file_name, item.file_size, item.data) == ("file", "Смета.pdf", len(data), data)
    assert item.author == stage.world.olga.name
    (message,) = [message for message in play.messages() if "document" in message]
    assert (message["caption"], data_of(stage, message)) == ("Смета на окна", data)
    await stage.quiet()
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_what_comes_back_of_an_imported_file_is_no_new_answer(stage_with, connected, play_of):
    async with stage_with(AmoSwitches(rest_rate_per_s=None, user_import_hook=True)) as stage, connected(stage):
        await stage.settled()
        play = play_of(stage, stage.world.group, stage.world.sales_bot)
        one, two = stage.world.deals[:2]
        await play.link(one)
        await play.link(two)
        picture = Attachment("picture", samples.jpeg(), name="макет.jpg")
        await delivered(
            stage,
            stage.amo.answer(
                stage.world.account, stage.chat_of_group(one), stage.world.olga, "", attachments=[picture]
            ),
        )
        await stage.until(lambda: any(item.type == "picture" for item in stage.feed(two)), "the import")
        await stage.settled()
        assert len([message for message in play.messages() if "photo" in message]) == 1


async def test_a_file_from_before_a_deal_was_linked_is_imported_with_it(play):
    stage, (one, two) = play.stage, play.stage.world.deals[:2]
    await choose(stage, import_last_messages=10)
    await play.link(one)
    data = samples.pdf(seed=4)
    for name in ("Смета.pdf", "Договор.pdf"):
        answer = stage.amo.answer(
            stage.world.account,
            stage.chat_of_group(one),
            stage.world.olga,
            "",
            attachments=[Attachment("file", data, name=name)],
        )
        await delivered(stage, answer)
    await play.link(two)
    await stage.until(lambda: len([item for item in stage.feed(two) if item.data]) == 2, "both files")
    imported = [item for item in stage.feed(two) if item.type == "file"]
    assert [(item.file_name, item.data) for item in imported] == [("Смета.pdf", data), ("Договор.pdf", data)]
    await stage.quiet()
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_the_managers_name_stands_before_a_caption_and_alone_under_a_file_without_one(play, monkeypatch):
    stage, deal = play.stage, play.stage.world.deals[0]
    await play.link(deal)
    await choose(stage, manager_names=True)
    for text in ("Макет", ""):
        await delivered(
            stage,
            stage.amo.answer(
                stage.world.account,
                stage.chat_of_group(deal),
                stage.world.olga,
                text,
                attachments=[Attachment("picture", samples.jpeg(), name="м.jpg")],
            ),
        )
    name = stage.world.olga.name
    shown = [message for message in play.messages() if "photo" in message]
    assert [message["caption"] for message in shown] == [f"{name}: Макет", name]
    assert [message["caption_entities"][0]["type"] for message in shown] == ["bold", "bold"]
    stage.assert_clean()


async def choose(stage, **settings) -> None:
    """Change settings of the account, as `dealgram account set` does."""
    db = stage.service.services.db
    stored = orjson.dumps(settings).decode()
    await db.execute(
        "UPDATE accounts SET settings = settings || $2::jsonb WHERE account_id = $1", stage.account.account_id, stored
    )
    await stage.service.services.registry.refresh()


async def test_previews_of_links_are_shown_unless_the_account_wants_none(play):
    stage, deal = play.stage, play.stage.world.deals[0]
    await play.link(deal)
    play.answer(deal, "Смотрите https://example.com/1")
    await play.says("/1")
    await choose(stage, link_previews=False)
    play.answer(deal, "Смотрите https://example.com/2")
    await play.says("/2")
    sent = [call.params for call in stage.telegram.requests if "Смотрите" in str(call.params.get("text"))]
    assert [params.get("link_preview_options") for params in sent] == [None, {"is_disabled": True}]


# What never came as a hook


async def test_a_missed_answer_with_a_file_is_delivered_after_the_outage(empty_stage, connected, running):
    stage = empty_stage
    stage.settings = stage.settings.model_copy(update={"repair_after_s": 0.1})
    data = samples.jpeg(seed=9)
    async with connected(stage):
        stage.telegram.write(stage.world.anna, stage.world.sales_bot, "/start")
        await stage.in_card(stage.world.anna, texts.STARTED_BOT)
        await stage.until(lambda: texts.GREETING in stage.private_texts(stage.world.anna), "the greeting")
        await stage.quiet()
    sent = stage.answer(stage.world.anna, "Пока вас не было", attachments=[Attachment("picture", data, name="п.jpg")])
    async with running(stage):
        await delivered(stage, sent)
    (message,) = seen(stage)
    assert (message["caption"], data_of(stage, message)) == ("Пока вас не было", data)
