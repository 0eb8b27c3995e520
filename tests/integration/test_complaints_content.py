"""What people complain about in other bridges, part two: files, captions, albums, edits, quotes, forwards.

As in `test_complaints`, each test is one complaint from beginning to end, with the reports in its docstring.
"""

from __future__ import annotations

import pytest

from dealgram.gateways.telegram import CLOUD
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm.attachments import Attachment

MB = 1024 * 1024


@pytest.fixture
async def office(play):
    """The sample group, linked to two deals."""
    await play.link(play.stage.world.cafe)
    await play.link(play.stage.world.office)
    return play


def words(stage, deal: int) -> list:
    """What was said in the group, as the deal's card shows it: without dealgram's own lines and private chats."""
    feed = (item for item in stage.feed(deal) if item.conversation.startswith("g"))
    return [item for item in feed if not item.silent or item.direction == "out"]


def answer(play, deal: int, text: str = "", *files: Attachment, person=None, reply_to: str | None = None) -> str:
    """A manager answers from a card: in the group's own chat, or in a participant's."""
    stage, world = play.stage, play.stage.world
    ending = f"-d{deal}" if person is None else f"-d{deal}-u{person.id}"
    chat = next(x for x in stage.amo.chats_of_lead(world.account, deal) if x.conversation.endswith(ending))
    return stage.amo.answer(
        world.account,
        chat.chat_uuid,
        world.olga,
        text,
        attachments=files,
        **({"reply_to": reply_to} if reply_to else {}),
    )


async def delivered(stage, *amo_ids: str) -> None:
    for amo_id in amo_ids:
        assert (await stage.status(amo_id)).status == "delivered"


async def finish(stage) -> None:
    stage.assert_clean()
    await stage.assert_undisturbed()


def relayed(play, since: int = 0) -> list[dict]:
    """The bot's messages with a file."""
    kinds = ("photo", "video", "audio", "voice", "video_note", "document", "sticker", "animation")
    return [
        message
        for message in play.messages()
        if message["from"]["id"] == play.bot.id
        and message["message_id"] > since
        and any(one in message for one in kinds)
    ]


def bytes_of(play, message: dict) -> bytes:
    for kind in ("voice", "video_note", "document", "video", "audio"):
        if kind in message:
            return play.stage.telegram.file_bytes(message[kind]["file_id"])
    return play.stage.telegram.file_bytes(message["photo"][-1]["file_id"])


async def test_7_a_file_over_the_limit_stops_nobody_and_its_words_arrive(office):
    """«Somebody sent a film, the handler broke, Telegram sent it again and again, and the bot was dead for everybody.»
    The film is a line with its name, its size and its caption, everything before and after it arrives, nothing is
    handed out twice.

    botman/driver-telegram#53, soberhacker/obsidian-telegram-sync#79, zammad/zammad#2289
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    office.write(world.igor, "Сейчас пришлю ролик")
    telegram.send_media(
        world.igor,
        office.chat,
        "video",
        samples.mp4(),
        file_name="Ролик.mp4",
        duration=600,
        size=CLOUD.download + 15 * MB,
        caption="Смотрите с третьей минуты",
    )
    office.write(world.igor, "Как вам?")
    telegram.send_media(world.maria, world.sales_bot, "document", b"x", file_name="Архив.zip", size=2000 * MB)
    telegram.write(world.maria, world.sales_bot, "Открывается?")
    await stage.in_card(world.maria, "Открывается?")
    await stage.done()
    for deal in (world.cafe, world.office):
        said = [item.text for item in words(stage, deal)]
        assert said[0::2] == ["Сейчас пришлю ролик", "Как вам?"]
        assert said[1].startswith("🎬 Видео: Ролик.mp4 (10:00), 35 МБ. ")
        assert said[1].endswith("\nСмотрите с третьей минуты")
    assert stage.card_texts(world.maria) == ["📎 Файл: Архив.zip, 2 ГБ. Откройте его в Telegram", "Открывается?"]
    await delivered(stage, answer(office, world.cafe, "Отлично"))
    await finish(stage)


async def test_9_an_album_is_one_album_in_its_order_with_its_words_once(office):
    """«Of ten photos one arrived», «albums come apart», «and the fix broke all albums». Both ways, in a group with two
    deals and in private, of photos, of films and photos, of documents, with and without words, while others write.

    mautrix/telegram#451, openclaw/openclaw#114092, BEARlogin/max-telegram-bridge-bot#43
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    facade = [samples.jpeg(seed=number) for number in range(10)]
    papers = [samples.pdf(seed=number) for number in range(2)]
    telegram.send_album(world.igor, office.chat, [("photo", one) for one in facade], caption="Фасад, десять видов")
    office.write(world.maria, "Красиво")
    telegram.send_album(world.igor, office.chat, [("document", one) for one in papers])
    mixed = [samples.jpeg(seed=30), samples.mp4(seed=31)]
    telegram.send_album(world.anna, world.sales_bot, [("photo", mixed[0]), ("video", mixed[1])], caption="Лично")
    await stage.done()
    for deal in (world.cafe, world.office):
        said = words(stage, deal)
        assert [item.data for item in said] == [*facade, None, *papers]
        assert [item.text for item in said] == ["Фасад, десять видов", *[""] * 9, "Красиво", "", ""]
        assert {item.type for item in said[-2:]} == {"file"}
    assert [item.data for item in stage.card(world.anna)] == mixed
    assert [item.text for item in stage.card(world.anna)] == ["Лично", ""]

    since = office.last_id
    pictures = [Attachment("picture", samples.png(seed=number), name=f"{number}.png") for number in range(5)]
    sent = answer(office, world.cafe, "Наши варианты", *pictures)
    await delivered(stage, sent)
    await stage.done()
    album = relayed(office, since)
    assert len({message["media_group_id"] for message in album}) == 1
    assert [bytes_of(office, message) for message in album] == [one.data for one in pictures]
    assert [message.get("caption", "") for message in album] == ["Наши варианты", *[""] * 4]
    imported = words(stage, world.office)[-5:]
    assert [item.data for item in imported] == [one.data for one in pictures]
    assert [item.text for item in imported] == ["Наши варианты", *[""] * 4]
    statuses = [item.status for item in words(stage, world.cafe)[-5:]]
    assert statuses == ["delivered"] * 5
    await finish(stage)


async def test_10_an_edit_changes_the_message_itself_and_takes_nothing_away(office):
    """«Correcting the caption erased the photo's text», «the edit came as a second message», «nobody sees that it was
    edited». (Managers cannot edit an answer in amoCRM: it sends no hook of that.)

    chatwoot/chatwoot#10760, 42wim/matterbridge#141, 42wim/matterbridge#1900, chatwoot/chatwoot#13230
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    deals = (world.cafe, world.office)
    first, second = samples.jpeg(seed=1), samples.jpeg(seed=2)
    photo = telegram.send_media(world.igor, office.chat, "photo", first, caption="Вывеска, синяя")["message_id"]
    line = await office.words(world.igor, "Встреча в три", *deals)
    await stage.done()

    def shown(deal: int) -> list[tuple]:
        return [(item.text, item.data, item.is_edited) for item in words(stage, deal)]

    telegram.edit(world.igor, office.chat, photo, "Вывеска, зелёная")
    telegram.edit(world.igor, office.chat, line, "Встреча в четыре")
    await stage.done()
    for deal in deals:
        assert shown(deal) == [("Вывеска, зелёная", first, True), ("Встреча в четыре", None, True)]
    telegram.edit_media(world.igor, office.chat, photo, "photo", second)
    await stage.done()
    for deal in deals:
        assert shown(deal)[0] == ("Вывеска, зелёная", second, True)
    telegram.edit(world.igor, office.chat, photo, "")
    await stage.done()
    for deal in deals:
        assert shown(deal) == [("", second, True), ("Встреча в четыре", None, True)]
    kept = await stage.service.services.db.fetch("SELECT first_text FROM originals ORDER BY message_id")
    firsts = [row["first_text"] for row in kept]
    assert [text.rpartition("\n")[2] for text in firsts if "Вывеска" in text or "Встреча" in text] == [
        "Вывеска, синяя",
        "Встреча в три",
    ]
    await finish(stage)


async def test_11_a_reaction_is_no_edit_and_posts_nothing_again(office):
    """«Somebody put a heart, and the message was posted again.» Telegram tells of reactions and previews as edits.

    tdlib/telegram-bot-api#388, tdlib/telegram-bot-api#773
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    deals = (world.cafe, world.office)
    text = await office.words(world.igor, "Смотрите https://example.com", *deals)
    photo = telegram.send_media(world.igor, office.chat, "photo", samples.jpeg(), caption="Макет")["message_id"]
    await stage.done()
    before = {deal: [(item.amo_id, item.text, item.is_edited) for item in stage.feed(deal)] for deal in deals}
    for message in (text, photo):
        telegram.touch(office.chat, message)
        telegram.react(world.maria, office.chat, message, "❤")
        telegram.touch(office.chat, message)
        telegram.edit(world.igor, office.chat, message, "Смотрите https://example.com" if message == text else "Макет")
    await stage.done()
    for deal in deals:
        assert [(item.amo_id, item.text, item.is_edited) for item in stage.feed(deal)] == before[deal]
        assert [[one.emoji[0] for one in item.reactions] for item in words(stage, deal)] == [["❤"], ["❤"]]
    await finish(stage)


async def test_12_what_is_answered_and_what_stands_under_a_picture_is_seen_on_both_sides(office):
    """«An agent sees "yes, the second one" and not to what.» «The caption of the photo is missing.»

    chatwoot/chatwoot#6333, chatwoot/chatwoot#3244
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    deals = (world.cafe, world.office)
    picture = telegram.send_media(world.igor, office.chat, "photo", samples.jpeg(), caption="Первый вариант, второй")
    await office.words(world.igor, "Какой берём?", *deals)
    (offer,) = [item for item in stage.feed(world.cafe) if item.text == "Первый вариант, второй"]
    assert offer.type == "picture"

    # The author's own chat: amoCRM quotes by itself. Somebody else's: a line above says what is answered.
    telegram.write(world.igor, office.chat, "Мне нравится", reply_to=picture["message_id"])
    telegram.write(world.maria, office.chat, "Да, его", reply_to=picture["message_id"], quote="второй")
    await stage.done()
    for deal in deals:
        mine, hers = words(stage, deal)[-2:]
        assert (mine.text, mine.quoted.text) == ("Мне нравится", "Первый вариант, второй")
        assert hers.text == f"↩️ {world.igor.name}: «второй»\nДа, его"

    # A manager's answer quotes in Telegram, and whoever answers the manager is understood in the cards.
    sent = answer(office, world.cafe, "Делаем", person=world.igor, reply_to=offer.amo_id)
    await delivered(stage, sent)
    (said,) = office.said("Делаем")
    assert said["reply_to_message"]["message_id"] == picture["message_id"]
    telegram.write(world.igor, office.chat, "Спасибо", reply_to=said["message_id"])
    await stage.done()
    # In the author's own chat of the card that answered, amoCRM quotes by itself; the other imported the answer
    # into the group's own chat.
    here, there = (next(item for item in words(stage, deal) if "Спасибо" in item.text) for deal in deals)
    assert (here.text, here.quoted.text) == ("Спасибо", "Делаем")
    assert there.text == "↩️ Менеджер: Делаем\nСпасибо"
    await finish(stage)


async def test_13_round_films_and_voices_arrive_and_can_be_heard(office):
    """«Video notes are dropped», «the agent's voice message never came», «the voice came empty».

    chatwoot/chatwoot#11503, chatwoot/chatwoot#8499, BEARlogin/max-telegram-bridge-bot#31
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    circle, voice = samples.mp4(seed=4), samples.ogg_opus(seconds=7)
    telegram.send_media(world.igor, office.chat, "video_note", circle, duration=12)
    telegram.send_media(world.igor, office.chat, "voice", voice, duration=7)
    telegram.send_media(world.anna, world.sales_bot, "voice", voice, duration=7)
    await stage.done()
    for deal in (world.cafe, world.office):
        film, speech = words(stage, deal)
        assert (film.type, film.data, film.duration, film.file_size) == ("video", circle, 12, len(circle))
        assert (speech.type, speech.data, speech.duration, speech.file_size) == ("voice", voice, 7, len(voice))
    (alone,) = stage.card(world.anna)
    assert (alone.type, alone.data) == ("voice", voice)

    since = office.last_id
    sent = answer(office, world.cafe, "", Attachment("voice", samples.ogg_opus(seconds=3), name="voice.ogg"))
    private = stage.answer(world.anna, "", attachments=[Attachment("voice", samples.mp3(), name="voice.mp3")])
    await delivered(stage, sent, private)
    await stage.done()
    (said,) = relayed(office, since)
    assert (said["voice"]["duration"], bytes_of(office, said)) == (3, samples.ogg_opus(seconds=3))
    assert words(stage, world.office)[-1].data == samples.ogg_opus(seconds=3)
    (heard,) = [message for message in stage.private_messages(world.anna) if "voice" in message]
    assert bytes_of(office, heard) == samples.mp3()
    await finish(stage)


async def test_14_documents_of_every_type_and_of_up_to_50_mb_arrive_as_files(office):
    """«Only PDF arrives», «from 20 MB on nothing arrives»: Telegram fetches an address for these two only, and up to
    20 MB. What a manager attaches is therefore uploaded; what is too large even for that is a line with its address.

    chatwoot/chatwoot#8428, LiveHelperChat/telegram#79
    """
    stage, world = office.stage, office.stage.world
    since = office.last_id
    files = [
        Attachment("file", samples.text_file(), name="Заметки.txt"),
        Attachment("file", b"PK\x03\x04 a table", name="Смета окон (итог).xlsx"),
        Attachment("file", samples.pdf(), name="Договор.pdf"),
        Attachment("file", name="Чертёж.dwg", size=30 * MB),
    ]
    await delivered(stage, *[answer(office, world.cafe, "", one) for one in files])
    came = relayed(office, since)
    assert [(message["document"]["file_name"], message["document"]["file_size"]) for message in came] == [
        (one.name, one.length) for one in files
    ]
    for message, file in zip(came, files[:3], strict=False):
        assert bytes_of(office, message) == file.data
    calls = [call.params for call in stage.telegram.requests if call.method == "sendDocument"]
    assert not any(str(params["document"]).startswith("http") for params in calls), "uploaded, not pointed at"

    huge = answer(office, world.cafe, "Исходники", Attachment("file", name="Исходники.psd", size=CLOUD.upload + 1))
    await delivered(stage, huge)
    (line,) = office.said("Исходники.psd")
    assert line["text"].startswith("Исходники\n\n📎 Файл: Исходники.psd, 50 МБ\n")
    assert line["text"].endswith(stage.amo.message(world.account, huge).media)
    await finish(stage)


async def test_15_a_forwarded_file_comes_with_its_bytes_and_says_whence(office):
    """«A forwarded photo came without the photo», «and nobody knows whose it was».

    BEARlogin/max-telegram-bridge-bot#44, BEARlogin/max-telegram-bridge-bot#40, 42wim/matterbridge#2116
    """
    stage, world, telegram = office.stage, office.stage.world, office.stage.telegram
    elsewhere = telegram.create_group("Подрядчики", world.maria)
    telegram.add_member(elsewhere, world.igor, by=world.maria)
    photo, paper = samples.jpeg(seed=15), samples.pdf(seed=15)
    originals = [
        telegram.send_media(world.maria, elsewhere, "photo", photo, caption="Готовый стенд"),
        telegram.send_media(world.maria, elsewhere, "document", paper, file_name="Паспорт.pdf"),
        telegram.write(world.maria, elsewhere, "Отгружаем завтра"),
    ]
    channel = telegram.create_channel("Новости завода", world.maria)
    post = telegram.post_in_channel(channel, "Склад переехал")
    for one in originals:
        telegram.forward(world.igor, office.chat, elsewhere, one["message_id"])
    telegram.forward(world.igor, office.chat, channel, post["message_id"])
    telegram.forward_album(world.anna, world.sales_bot, elsewhere, [one["message_id"] for one in originals[:1] * 2])
    await stage.done()
    whose = f"↪️ Переслано: {world.maria.name}"
    for deal in (world.cafe, world.office):
        seen = words(stage, deal)
        assert [(item.type, item.data) for item in seen] == [
            ("picture", photo),
            ("file", paper),
            ("text", None),
            ("text", None),
        ]
        assert [item.text for item in seen[:3]] == [f"{whose}\nГотовый стенд", whose, f"{whose}\nОтгружаем завтра"]
        assert seen[1].file_name == "Паспорт.pdf"
        assert seen[3].text.startswith("↪️ Переслано: канал «Новости завода»")
        assert seen[3].text.endswith("\nСклад переехал")
        assert {item.author for item in seen} == {world.igor.name}
    assert [item.data for item in stage.card(world.anna)] == [photo, photo]
    assert [item.text for item in stage.card(world.anna)] == [f"{whose}\nГотовый стенд", "Готовый стенд"]
    await finish(stage)
