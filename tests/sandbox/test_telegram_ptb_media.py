"""python-telegram-bot sends files, albums, points, reactions and quotes to the simulator and reads what it answers."""

from __future__ import annotations

import pytest
import telegram
from telegram.constants import ParseMode
from telegram.error import BadRequest
from telegram.request import HTTPXRequest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served


class TrioBot(telegram.Bot):
    """The Bot without its two uses of asyncio: requests are started and stopped one after another."""

    async def initialize(self):
        for request in dict.fromkeys(self._request):
            await request.initialize()

    async def shutdown(self):
        for request in dict.fromkeys(self._request):
            await request.shutdown()


@pytest.fixture
async def stage():
    """A simulator with an administrator bot in Anna's forum, and python-telegram-bot for it."""
    async with served(TelegramSimulator(schema=ApiSchema.load())) as server:
        simulator = server.simulator
        sim_bot, ann = simulator.add_bot("Мост", "bridge_bot"), simulator.add_person("Анна")
        group = simulator.create_group("Стройка", ann, forum=True)
        simulator.add_member(group, sim_bot)
        request = HTTPXRequest(httpx_kwargs={"trust_env": False})
        base, files = f"{server.url}/bot", f"{server.url}/file/bot"
        bot = TrioBot(sim_bot.token, base_url=base, base_file_url=files, request=request, get_updates_request=request)
        await bot.initialize()
        yield simulator, bot, group, ann
        await bot.shutdown()
        simulator.assert_clean()


SENDS = {
    "photo": (samples.jpeg(), {"caption": "<b>слова</b>", "parse_mode": ParseMode.HTML, "has_spoiler": True}),
    "video": (samples.mp4(), {"duration": 2, "width": 96, "height": 64, "supports_streaming": True}),
    "animation": (samples.gif(), {}),
    "document": (samples.pdf(), {"filename": "Смета.pdf", "thumbnail": samples.jpeg()}),
    "audio": (samples.mp3(), {"title": "Песня", "performer": "Хор"}),
    "voice": (samples.ogg_opus(seconds=2), {"duration": 2}),
    "video_note": (samples.mp4(width=64, height=64), {"length": 64}),
    "sticker": (samples.webp(), {"emoji": "😀"}),
}


@pytest.mark.parametrize("kind", SENDS)
async def test_every_kind_of_file(stage, kind):
    _, bot, group, _ = stage
    data, more = SENDS[kind]
    sent = await getattr(bot, f"send_{kind}")(group.id, data, **more)
    attachment = sent.effective_attachment
    file = attachment[-1] if kind == "photo" else attachment
    assert bytes(await (await bot.get_file(file.file_id)).download_as_bytearray()) == data
    if kind == "document":
        assert (file.file_name, file.mime_type) == ("Смета.pdf", "application/pdf")
        assert file.thumbnail.width == 320
    again = await getattr(bot, f"send_{kind}")(group.id, file.file_id)
    assert again.effective_attachment == attachment


async def test_albums_with_mixed_kinds_in_a_topic(stage):
    simulator, bot, group, ann = stage
    thread = simulator.create_topic(ann, group, "Кухня")
    asked = simulator.write(ann, group, "Покажите <кухню>", thread=thread)
    media = [
        telegram.InputMediaPhoto(samples.jpeg(), caption="Кухня"),
        telegram.InputMediaVideo(samples.mp4()),
        telegram.InputMediaPhoto(samples.png()),
    ]
    reply = telegram.ReplyParameters(asked["message_id"], quote="<кухню>", quote_position=9)
    sent = await bot.send_media_group(group.id, media, message_thread_id=thread, reply_parameters=reply)
    assert len({one.media_group_id for one in sent}) == 1
    assert (sent[0].caption, sent[0].quote.text, sent[0].message_thread_id) == ("Кухня", "<кухню>", thread)
    edited = await bot.edit_message_media(telegram.InputMediaVideo(samples.mp4(seed=1)), group.id, sent[0].message_id)
    assert edited.video is not None
    captioned = await bot.edit_message_caption(group.id, sent[1].message_id, caption="*Видео*", parse_mode="MarkdownV2")
    assert (captioned.caption, captioned.caption_entities[0].type) == ("Видео", "bold")
    with pytest.raises(BadRequest, match=r"(?i)quote_text_invalid"):
        await bot.send_message(group.id, "?", reply_parameters=telegram.ReplyParameters(asked["message_id"], quote="x"))


async def test_points_reactions_actions_and_custom_emoji(stage):
    simulator, bot, group, ann = stage
    message = simulator.write(ann, group, "Где вы?")["message_id"]
    assert (await bot.send_location(group.id, 55.7, 37.6)).location.longitude == 37.6
    assert (await bot.send_venue(group.id, 55.7, 37.6, "Офис", "Мира, 1")).venue.title == "Офис"
    assert (await bot.send_contact(group.id, "+79990001122", "Анна")).contact.first_name == "Анна"
    assert await bot.set_message_reaction(group.id, message, "👍")
    assert simulator.bot_reaction(group, message) == "👍"
    assert await bot.set_message_reaction(group.id, message)
    assert await bot.send_chat_action(group.id, "upload_photo")
    custom = simulator.add_custom_emoji("🚀")
    [sticker] = await bot.get_custom_emoji_stickers([custom])
    assert sticker.emoji == "🚀"


async def test_what_people_send_is_understood(stage, monkeypatch):
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # without it, Location.live_period warns of its own future
    simulator, bot, group, ann = stage
    other = simulator.create_group("Двор", ann)
    elsewhere = simulator.write(ann, other, "там")["message_id"]
    last = (await bot.get_updates())[-1]
    for kind, (data, _) in SENDS.items():
        simulator.send_media(ann, group, kind, data)
    simulator.forward(ann, group, other, elsewhere)
    simulator.reply_elsewhere(ann, group, "ответ", other, elsewhere)
    live = simulator.share_location(ann, group, 37.6, 55.7, live_period=60)["message_id"]
    simulator.stop_location(ann, group, live)
    simulator.write(ann, group, "как группа", anonymous=True)
    updates = await bot.get_updates(offset=last.update_id + 1)
    messages = [update.message for update in updates if update.message]
    for kind, message in zip(SENDS, messages, strict=False):
        assert getattr(message, kind)
    assert messages[len(SENDS)].forward_origin.sender_user.id == ann.id
    assert messages[len(SENDS) + 1].external_reply.message_id == elsewhere
    assert messages[len(SENDS) + 2].location.live_period
    assert updates[-2].edited_message.location.live_period is None
    assert messages[-1].sender_chat.id == group.id
    assert all(not message.api_kwargs for message in messages)
