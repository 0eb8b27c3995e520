"""What people send in Telegram stands in the deal cards as what it is, byte for byte, in groups and in private."""

from __future__ import annotations

import pytest

from dealgram.actors import texts
from dealgram.persistence.records import Employee, upsert
from dealgram.sandbox import samples

FILES = [
    # kind, bytes, more of the message; then type, name and duration in amoCRM
    ("photo", samples.jpeg(), {"caption": "Фасад"}, ("picture", None, None)),
    ("video", samples.mp4(), {"file_name": "обзор.mp4", "duration": 67}, ("video", "обзор.mp4", 67)),
    ("animation", samples.mp4(seed=1), {"duration": 3}, ("video", "animation.mp4", 3)),
    (
        "document",
        samples.pdf(),
        {"file_name": "Договор №5.pdf", "caption": "На подпись"},
        ("file", "Договор №5.pdf", None),
    ),
    ("document", samples.png(), {"file_name": "скан.png"}, ("file", "скан.png", None)),
    ("audio", samples.mp3(), {"file_name": "демо.mp3", "duration": 200}, ("audio", "демо.mp3", 200)),
    ("voice", samples.ogg_opus(seconds=5), {"duration": 5}, ("voice", None, 5)),
    ("video_note", samples.mp4(seed=2), {"duration": 12}, ("video", None, 12)),
    ("sticker", samples.webp(), {"emoji": "😡"}, ("picture", None, None)),
]
POLICIES = ["deal_participant", "deal", "participant"]


@pytest.fixture
def play(hall):
    return hall


@pytest.mark.parametrize("policy", POLICIES)
async def test_files_of_a_group_stand_in_all_its_deals(play, choose, policy):
    world, stage = play.stage.world, play.stage
    await choose(policy=policy)
    await play.link(world.cafe)
    await play.link(world.office)
    count, name = (1 if policy == "participant" else 2), (f"{world.igor.name}:" if policy == "deal" else "")
    for kind, data, more, (shown, file_name, duration) in FILES:
        message = stage.telegram.send_media(world.igor, play.chat, kind, data, **more)
        for item in await stage.stands(play.chat, message, count):
            assert (item.type, item.data, item.duration) == (shown, data, duration), kind
            assert item.file_size == len(data)
            assert file_name in (None, item.file_name)
            assert item.text == " ".join(part for part in (name, more.get("caption", "")) if part)
            assert item.author == (world.igor.name if policy != "deal" else item.author)
            assert world.sales_bot.token.partition(":")[2] not in item.media
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_files_of_a_private_chat_stand_in_the_card(stage):
    world = stage.world
    chat = stage.telegram.private_chat(world.anna, world.sales_bot)
    for kind, data, more, (shown, file_name, duration) in FILES:
        message = stage.telegram.send_media(world.anna, world.sales_bot, kind, data, **more)
        (item,) = await stage.stands(chat, message)
        assert (item.type, item.data, item.duration, item.text) == (shown, data, duration, more.get("caption", ""))
        assert file_name in (None, item.file_name)
    assert len(world.account.leads) == len(world.deals) + 1
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize(
    ("kind", "data"),
    [("photo", samples.jpeg()), ("voice", samples.ogg_opus(seconds=2)), ("document", samples.zip_file())],
)
async def test_a_first_contact_without_a_word_makes_the_deal_as_a_text_does(stage, kind, data):
    """Complaint 18: zammad/zammad#774."""
    world = stage.world
    before = set(world.account.leads)
    message = stage.telegram.send_media(world.maria, world.sales_bot, kind, data)
    chat = stage.telegram.private_chat(world.maria, world.sales_bot)
    (item,) = await stage.stands(chat, message)
    (lead,) = set(world.account.leads) - before
    assert [one.amo_id for one in stage.feed(lead)] == [item.amo_id]
    assert (item.data, stage.amo.unsorted(world.account)) == (data, [])
    stage.assert_clean()


async def test_a_payload_of_the_first_start_stands_in_the_card(stage):
    stage.telegram.write(stage.world.maria, stage.world.sales_bot, "/start promo_7")
    await stage.in_card(stage.world.maria, f"{texts.STARTED_BOT}: promo_7")


@pytest.mark.parametrize("data", [samples.tgs(), samples.webm()])
async def test_a_sticker_that_moves_is_shown_by_its_thumbnail_or_its_emoji(play, data):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    bare = stage.telegram.send_media(world.igor, play.chat, "sticker", data, emoji="🎉")
    seen = stage.telegram.send_media(world.igor, play.chat, "sticker", data, emoji="🔥", thumbnail=samples.webp(seed=3))
    (pictured,) = await stage.stands(play.chat, seen)
    assert (pictured.type, pictured.text, pictured.data) == ("picture", "🔥", samples.webp(seed=3))
    (named,) = await stage.stands(play.chat, bare)
    if named.type == "text":
        assert named.text == "🙂 Стикер 🎉"
    else:
        assert (named.type, named.text) == ("picture", "🎉")
    stage.assert_clean()


async def test_places_and_contacts_are_shown_as_such(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    spot = {"longitude": 37.618423, "latitude": 55.751244}
    on_map = {"lon": 37.618423, "lat": 55.751244}
    place = stage.telegram.send(world.igor, play.chat, location=spot)
    (item,) = await stage.stands(play.chat, place)
    assert (item.type, item.location, item.text) == ("location", on_map, "")
    venue = {"location": spot, "title": "Полдень", "address": "ул. Мира, 5"}
    there = stage.telegram.send(world.igor, play.chat, venue=venue, location=spot)
    (item,) = await stage.stands(play.chat, there)
    assert (item.type, item.location, item.text) == ("location", on_map, "Полдень, ул. Мира, 5")
    card = stage.telegram.send(world.igor, play.chat, contact={"phone_number": "+79991234567", "first_name": "Пётр"})
    (item,) = await stage.stands(play.chat, card)
    assert (item.type, item.contact) == ("contact", {"name": "Пётр", "phone": "+79991234567"})
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_live_location_is_told_at_its_start_and_at_its_end(play, choose, policy):
    world, stage = play.stage.world, play.stage
    await choose(policy=policy)
    await play.link(world.cafe)
    live = stage.telegram.share_location(world.igor, play.chat, 37.5, 55.75, live_period=900)
    (begun,) = await stage.stands(play.chat, live)
    for step in range(1, 4):
        stage.telegram.move_location(world.igor, play.chat, live["message_id"], 37.5 + step, 55.75)
    stage.telegram.stop_location(world.igor, play.chat, live["message_id"])
    await play.words(world.igor, "Приехал", world.cafe)
    lines = [item for item in stage.feed(world.cafe) if "геопозиции" in item.text]
    name = f"{world.igor.name}: " if policy == "deal" else ""
    assert [item.text for item in lines] == [
        f"{name}📍 Трансляция геопозиции (15 минут)",
        f"{name}📍 Трансляция геопозиции завершена",
    ]
    assert lines[0].location == begun.location == {"lon": 37.5, "lat": 55.75}
    assert lines[1].quoted is not None
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_live_location_in_private_ends_once(stage):
    world = stage.world
    live = stage.telegram.share_location(world.anna, world.sales_bot, 37.5, 55.75, live_period=60)
    stage.telegram.move_location(world.anna, world.sales_bot, live["message_id"], 38.0, 55.75)
    stage.telegram.stop_location(world.anna, world.sales_bot, live["message_id"])
    stage.telegram.touch(stage.telegram.private_chat(world.anna, world.sales_bot), live["message_id"])
    stage.telegram.write(world.anna, world.sales_bot, "Всё")
    await stage.in_card(world.anna, "Всё")
    await stage.quiet()
    expected = ["📍 Трансляция геопозиции (1 минута)", "📍 Трансляция геопозиции завершена", "Всё"]
    assert stage.card_texts(world.anna) == expected


async def test_formatting_that_says_something_is_kept(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    text = "🔥 Смотрите макет: 1000 800"
    entities = [
        {"type": "text_link", "offset": 12, "length": 5, "url": "https://figma.com/a"},
        {"type": "strikethrough", "offset": 19, "length": 4},
        {"type": "bold", "offset": 0, "length": 10},
    ]
    message = stage.telegram.send(world.igor, play.chat, text=text, entities=entities)
    (item,) = await stage.stands(play.chat, message)
    assert item.text == "🔥 Смотрите макет (https://figma.com/a): ~~1000~~ 800"


async def test_a_file_over_the_limit_is_a_line_with_name_size_and_where_to_open_it(play):
    """Complaint 7: botman/driver-telegram#53, soberhacker/obsidian-telegram-sync#79, zammad/zammad#2289."""
    world, stage, chat = play.stage.world, play.stage, play.chat
    await play.link(world.cafe)
    size = 20 * 1024 * 1024
    fits = stage.telegram.send_media(world.anna, chat, "document", b"x", file_name="а.zip", size=size)
    message = stage.telegram.send_media(
        world.anna, chat, "video", samples.mp4(), file_name="Обзор.mp4", duration=600, size=size + 1, caption="Смотрите"
    )
    await stage.until(lambda: stage.standing(chat, fits["message_id"]), "the smaller one")
    (small,) = stage.standing(chat, fits["message_id"]).values()
    assert small.type == "file"
    (item,) = await stage.stands(chat, message)
    link = f"https://t.me/c/{-chat.id - 10**12}/{message['message_id']}"
    assert (item.type, item.text) == (
        "text",
        f"🎬 Видео: Обзор.mp4 (10:00), 20 МБ. Открыть в Telegram: {link}\nСмотрите",
    )
    await stage.assert_undisturbed()


async def test_without_a_public_address_files_are_lines_and_their_captions_are_kept(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    stage.service.services.place.public_url = None
    message = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(), caption="Фасад")
    (item,) = await stage.stands(play.chat, message)
    assert item.type == "text"
    assert item.text.startswith("🖼 Фотография, ")
    assert f". Открыть в Telegram: https://t.me/c/{-play.chat.id - 10**12}/" in item.text
    assert item.text.endswith("\nФасад")


async def test_a_file_that_amocrm_refuses_becomes_a_line_once(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.words(world.igor, "Раньше", world.cafe)
    order = stage.amo.faults.answer("amojo.send", status=400, body={"error": "media"}, times=1)
    message = stage.telegram.send_media(
        world.igor, play.chat, "document", samples.pdf(), file_name="а.pdf", caption="Вот"
    )
    (item,) = await stage.stands(play.chat, message)
    assert order.hits == 1
    assert (item.type, item.text.splitlines()[-1]) == ("text", "Вот")
    assert item.text.startswith("📎 Файл: а.pdf, ")
    await stage.assert_undisturbed()


async def test_a_picture_for_the_bot_is_a_word_of_the_group_too(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    caption = f"@{play.bot.username}"
    message = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(), caption=caption)
    (item,) = await stage.stands(play.chat, message)
    assert (item.type, item.text) == ("picture", caption)
    await play.says("Что сделать?", message["message_id"])


async def test_employees_files_are_their_own(play, stage):
    world = stage.world
    await play.link(world.cafe)
    row = Employee(account_id=stage.account.account_id, user_id=world.maria.id, amo_user_id=world.olga.id)
    await upsert(stage.service.services.db, row)
    await stage.service.refresh()
    message = stage.telegram.send_media(world.maria, play.chat, "document", samples.pdf(), file_name="Смета.pdf")
    (item,) = await stage.stands(play.chat, message)
    assert (item.type, item.direction, item.author, item.data) == ("file", "out", world.olga.name, samples.pdf())
    assert item.text == ""
    stage.assert_clean()
    await stage.assert_undisturbed()
