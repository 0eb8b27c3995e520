"""What people complain about in other bridges, part three: order, topics, who speaks, first contacts.

As in `test_complaints`, each test is one complaint from beginning to end, with the reports in its docstring.
"""

from __future__ import annotations

import pytest

from dealgram.actors.gestures import typing_relay
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm.attachments import Attachment

SENDS = ("sendMessage", "sendPhoto", "sendMediaGroup")


def card(stage, deal: int, ending: str) -> str:
    """The chat of a deal's card whose conversation ends so."""
    options = stage.amo.chats_of_lead(stage.world.account, deal)
    return next(one.chat_uuid for one in options if one.conversation.endswith(ending))


async def delivered(stage, *amo_ids: str) -> None:
    for amo_id in amo_ids:
        assert (await stage.status(amo_id)).status == "delivered"


def contacts(stage, person) -> list[int]:
    """The contacts of amoCRM whose «Telegram ID» is the person's."""
    account = stage.world.account
    return [one for one in account.contacts if stage.amo.contact_value(account, one, "TELEGRAM_ID") == str(person.id)]


async def finish(stage) -> None:
    stage.assert_clean()
    await stage.assert_undisturbed()


def content(message: dict) -> str:
    """A message by its words, or by the name of its file."""
    return message.get("text") or message.get("caption") or message["document"]["file_name"]


async def test_5_nothing_overtakes_anything_in_either_direction(play):
    """«Short answers overtake long ones», «a photo arrives after what was written about it». Large and slow files, a
    long text in parts, an album, answers from two cards and from a person's chat: all in the order of writing.

    42wim/matterbridge#2155, mautrix/telegram#505, mautrix/telegram#486, mautrix/telegram#963
    """
    stage, world, telegram = play.stage, play.stage.world, play.stage.telegram
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Начнём", world.cafe, world.office)
    since = play.last_id
    stage.amo.files.trickle(4096, 0.02, times=2)
    stage.amo.files.faults.delay("file", seconds=0.7)

    async def write(deal: int, text: str, *files: Attachment, ending: str = "") -> str:
        chat = card(stage, deal, ending or f"-d{deal}")
        sent = stage.amo.answer(world.account, chat, world.olga, text, attachments=files)
        await stage.until(lambda: not stage.amo.hooks_pending, "the hook")  # hooks of two chats come side by side
        return sent

    long = "Абзац о сроках и ценах.\n\n" * 400
    sent = [
        await write(world.cafe, "", Attachment("file", samples.pdf(seed=1, size=60_000), name="1.pdf")),
        await write(world.cafe, "2"),
        await write(world.office, long),
        await write(world.cafe, "4", ending=f"-u{world.igor.id}"),
        await write(world.office, "", *(Attachment("file", samples.pdf(seed=n), name=f"5-{n}.pdf") for n in range(3))),
        await write(world.office, "6"),
        await write(world.cafe, "", Attachment("file", samples.zip_file(seed=7, size=60_000), name="7.zip")),
        await write(world.cafe, "8"),
    ]
    await delivered(stage, *sent)
    await stage.done()
    said = [message for message in play.messages() if message["message_id"] > since]
    shown = [content(message) for message in said]
    parts = [text for text in shown if text.startswith("Абзац")]
    assert "".join("".join(parts).split()) == "".join(long.split())
    assert len(parts) == 3
    assert shown == ["1.pdf", "2", *parts, "4", "5-0.pdf", "5-1.pdf", "5-2.pdf", "6", "7.zip", "8"]

    slow = [
        telegram.faults.delay("getFile", seconds=0.5, times=2),
        stage.amo.faults.delay("amojo.send", seconds=0.5, times=2),
    ]
    expected = []
    for number in range(4):
        telegram.send_media(world.maria, play.chat, "photo", samples.jpeg(seed=number), caption=f"Фото {number}")
        telegram.write(world.maria, play.chat, f"Это {number}")
        telegram.send_media(world.maria, play.chat, "voice", samples.ogg_opus(seconds=number + 1))
        expected += [(f"Фото {number}", samples.jpeg(seed=number)), (f"Это {number}", None)]
        expected += [("", samples.ogg_opus(seconds=number + 1))]
    await stage.done()
    assert [order.hits for order in slow] == [2, 2]
    for deal in (world.cafe, world.office):
        hers = [item for item in stage.feed(deal) if item.author == world.maria.name]
        assert [(item.text, item.data) for item in hers] == expected
        assert [item.arrival for item in hers] == sorted(item.arrival for item in hers)
    await finish(stage)


async def test_16_a_topic_keeps_to_itself(stage, play_in, monkeypatch):
    """«Replies to a topic land in General», «typing shows in General», «nothing can be sent to General at all».

    BEARlogin/max-telegram-bridge-bot#37, BEARlogin/max-telegram-bridge-bot#38, BetaYao/seahelm#149,
    anthropics/claude-plugins-official#1158
    """
    monkeypatch.setattr(typing_relay, "EVERY_S", 0.0)
    world, telegram = stage.world, stage.telegram
    chat = telegram.create_group("Мастерская", world.anna, forum=True)
    telegram.add_member(chat, world.igor)
    telegram.add_member(chat, world.sales_bot)
    telegram.promote(chat, world.sales_bot)
    play = play_in(chat)
    await play.says("Здравствуйте!")
    topics = {name: telegram.create_topic(world.anna, chat, name) for name in ("Дизайн", "Оплата")}
    places = {"Дизайн": topics["Дизайн"], "Оплата": topics["Оплата"], "": None}
    await play.link(world.cafe)
    igors = f"-d{world.cafe}-u{world.igor.id}"
    for name, thread in places.items():
        telegram.send_media(world.igor, chat, "photo", samples.jpeg(), caption=f"Вопрос {name}", thread=thread)
        await stage.done()
        uuid = card(stage, world.cafe, igors)
        shown = stage.amo.history(world.account, uuid)[-1]
        assert shown.text == (f"[{name}] Вопрос {name}" if name else "Вопрос")
        assert shown.quoted is None, "the topic's first note is nobody's quotation"
        before = len(telegram.actions(chat))
        world.account.chats[uuid].typing_told.clear()  # amoCRM tells of it once in five seconds; no time passes here
        assert stage.amo.show_typing(world.account, uuid, world.olga)
        await stage.until(lambda before=before: len(telegram.actions(chat)) > before, "typing")
        assert telegram.actions(chat)[-1] == (thread or 1, "typing"), "only this call knows General by its number"
        text = stage.amo.answer(world.account, uuid, world.olga, f"Ответ {name}.")
        pictures = [Attachment("picture", samples.png(seed=seed), name=f"{seed}.png") for seed in range(2)]
        album = stage.amo.answer(world.account, uuid, world.olga, f"Варианты {name}.", attachments=pictures)
        await delivered(stage, text, album)
        await stage.done()
        *_, said, first, second = play.messages()
        assert (said["text"], first["caption"]) == (f"Ответ {name}.", f"Варианты {name}.")
        assert [one.get("message_thread_id") for one in (said, first, second)] == [thread] * 3
    threads = [call.params.get("message_thread_id") for call in telegram.requests if call.method in SENDS]
    assert {str(one) for one in threads} == {"None", *map(str, topics.values())}
    await finish(stage)


async def test_17_whoever_hides_is_shown_as_what_they_are_and_is_heard(stage, play_in):
    """«Anonymous administrators are dropped», or called "Group" and taken for one and the same person: a hole.

    vanutp/tgbridge#8, yotamleo/Himmel#534
    """
    world, telegram = stage.world, stage.telegram
    chat = telegram.create_group("Кофейня, рабочая", world.anna)
    channel = telegram.create_channel("Полдень", world.anna, discussion=chat)
    telegram.add_member(chat, world.sales_bot)
    telegram.promote(chat, world.sales_bot)
    play = play_in(chat)
    await play.says("Здравствуйте!")
    await play.link(world.cafe)
    known = set(world.account.contacts)
    telegram.write(world.anna, chat, "Пишу как группа", anonymous=True)
    telegram.send_media(world.anna, chat, "document", samples.pdf(), file_name="Смета.pdf", anonymous=True)
    telegram.write(world.anna, chat, "Пишу как канал", identity=channel)
    telegram.post_in_channel(channel, "Новое меню")
    await stage.done()

    own = stage.amo.history(world.account, card(stage, world.cafe, f"-d{world.cafe}"))
    by_group, file, by_channel, post = [item for item in own if item.text != play.linked_line]
    assert by_group.text == "Администратор группы: Пишу как группа"
    assert (file.text, file.data, file.file_name) == ("Администратор группы:", samples.pdf(), "Смета.pdf")
    assert by_channel.text == "Канал «Полдень»: Пишу как канал"
    assert post.text.startswith("Канал «Полдень»: 📢 Запись в канале")
    assert post.text.endswith("\nНовое меню")
    assert set(world.account.contacts) == known, "nobody became a contact"

    # What an anonymous administrator may do, the menu takes; whatever the name says, nobody else gets in by it.
    liar = telegram.add_person("Group", "", "GroupAnonymous")
    telegram.add_member(chat, liar)
    await stage.settled()
    menu = await play.menu(liar)
    refused = await play.press(liar, menu, "Связать группу")
    assert "администраторы" in refused["text"]
    telegram.write(liar, chat, "Я обычный участник")
    await stage.done()
    assert [item.author for item in stage.feed(world.cafe) if item.text == "Я обычный участник"] == ["Group"]
    await delivered(stage, play.answer(world.cafe, "Хорошо"))
    await finish(stage)


@pytest.mark.parametrize(
    ("kind", "data"), [("photo", samples.jpeg()), ("sticker", samples.webp()), ("voice", samples.ogg_opus(seconds=2))]
)
async def test_18_a_first_word_without_words_opens_the_deal_and_two_bots_are_two_conversations(stage, kind, data):
    """«A first message that is a photo makes no ticket», «one customer who wrote to two of our bots became one chat,
    and the answers went to the wrong one».

    zammad/zammad#774, zammad/zammad#2379
    """
    world, telegram = stage.world, stage.telegram
    before = set(world.account.leads)
    bots = (world.sales_bot, world.service_bot)
    for bot in bots:
        telegram.send_media(world.maria, bot, kind, data)
    await stage.done()
    (lead,) = set(world.account.leads) - before  # one person, one contact, one deal (docs/deals.md), but:
    (contact,) = stage.amo.contacts_of_lead(world.account, lead)
    for bot in bots:
        (item,) = stage.card(world.maria, bot)
        assert (item.data, item.author) == (data, world.maria.name)
    assert {item.conversation for item in stage.feed(lead)} == {f"p{bot.id}-{world.maria.id}" for bot in bots}

    sent = [stage.answer(world.maria, f"Это {bot.name}", bot) for bot in bots]
    await delivered(stage, *sent)
    for bot in bots:
        assert stage.private_texts(world.maria, bot)[-1:] == [f"Это {bot.name}"]
        telegram.write(world.maria, bot, f"Спасибо, {bot.name}")
    await stage.done()
    for bot in bots:
        assert stage.card_texts(world.maria, bot)[1:] == [f"Это {bot.name}", f"Спасибо, {bot.name}"]
    assert set(world.account.leads) - before == {lead}
    assert contacts(stage, world.maria) == [contact]
    await finish(stage)
