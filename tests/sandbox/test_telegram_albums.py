"""Albums of people and of bots, and editing inside them."""

from __future__ import annotations

import orjson
import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import Limits, Switches, TelegramSimulator, served

SCHEMA = ApiSchema.load()
DATA = {"photo": samples.jpeg(), "video": samples.mp4(), "document": samples.pdf(), "audio": samples.mp3()}


class Stage:
    def __init__(self, telegram):
        self.telegram, self.sim = telegram, telegram.simulator
        self.bot = self.sim.add_bot("Мост", "bridge_bot")
        self.ann = self.sim.add_person("Анна")
        self.group = self.sim.create_group("Стройка", self.ann)
        self.sim.add_member(self.group, self.bot)

    async def post(self, method, files, **fields):
        form = {
            name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in fields.items()
        }
        url = f"{self.telegram.url}/bot{self.bot.token}/{method}"
        return (await self.telegram.client.post(url, data={"chat_id": self.group.id, **form}, files=files)).json()

    async def album(self, *kinds, captions=(), **fields):
        media, files = [], {}
        for number, kind in enumerate(kinds):
            item = {"type": kind, "media": f"attach://f{number}"}
            if number < len(captions):
                item["caption"] = captions[number]
            media.append(item)
            files[f"f{number}"] = (f"f{number}", DATA.get(kind, samples.gif()))
        return await self.post("sendMediaGroup", files, media=media, **fields)

    async def edit(self, message, kind, data=None, **fields):
        media = {"type": kind, "media": "attach://x", **fields}
        files = {"x": ("x", data or DATA.get(kind, samples.gif()))}
        return await self.post("editMessageMedia", files, message_id=message["message_id"], media=media)


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        yield Stage(telegram)


async def test_a_bot_sends_photos_and_videos_together(stage):
    sent = (await stage.album("photo", "video", "photo", captions=["слова"]))["result"]
    assert [name for one in sent for name in ("photo", "video") if name in one] == ["photo", "video", "photo"]
    assert len({one["media_group_id"] for one in sent}) == 1
    assert [one.get("caption") for one in sent] == ["слова", None, None]
    assert [one["message_id"] for one in sent] == list(range(sent[0]["message_id"], sent[0]["message_id"] + 3))
    another = (await stage.album("photo", "photo"))["result"]
    assert another[0]["media_group_id"] != sent[0]["media_group_id"]
    stage.sim.assert_clean()


@pytest.mark.parametrize(
    ("kinds", "description"),
    [
        (("document", "photo"), "document can't be mixed with other media types"),
        (("audio", "document"), "audio can't be mixed with other media types"),
        (("photo",) * 11, "media: 11 items, expected 2-10"),
        (("photo",), "media: 1 items, expected 2-10"),
    ],
)
async def test_what_makes_no_album_is_refused_and_recorded(stage, kinds, description):
    answer = await stage.album(*kinds)
    assert (answer["error_code"], answer["description"]) == (400, f"Bad Request: {description}")
    assert len(stage.sim.violations) == 1
    assert [message for message in stage.sim.history(stage.group) if "media_group_id" in message] == []


async def test_a_live_photo_is_not_simulated_and_says_so(stage):
    media = [{"type": "live_photo", "media": "attach://f", "photo": "attach://g"}] * 2
    answer = await stage.post("sendMediaGroup", {"f": ("f", b"."), "g": ("g", b".")}, media=media)
    assert (answer["error_code"], len(stage.sim.violations)) == (501, 1)


async def test_animations_and_keyboards_have_no_place_in_an_album(stage):
    assert (await stage.album("photo", "animation"))["error_code"] == 400
    keyboard = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    assert (await stage.album("photo", "photo", reply_markup=keyboard))["error_code"] == 400
    assert "reply_markup: unknown field" in stage.sim.violations[-1]


async def test_a_refused_item_is_named_and_nothing_is_sent(stage):
    before = len(stage.sim.history(stage.group))
    media = [{"type": "photo", "media": "attach://a"}, {"type": "photo", "media": "attach://b"}]
    files = {"a": ("a.jpg", samples.jpeg()), "b": ("b.jpg", b"no picture")}
    answer = await stage.post("sendMediaGroup", files, media=media)
    assert answer["description"] == (
        'Bad Request: failed to send message #2 with the error message "IMAGE_PROCESS_FAILED"'
    )
    assert len(stage.sim.history(stage.group)) == before
    stage.sim.assert_clean()


async def test_documents_of_an_album_stay_documents(stage):
    media = [{"type": "document", "media": "attach://a"}, {"type": "document", "media": "attach://b"}]
    files = {"a": ("a.mp3", samples.mp3()), "b": ("b.gif", samples.gif())}
    sent = (await stage.post("sendMediaGroup", files, media=media))["result"]
    assert [one["document"]["file_name"] for one in sent] == ["a.mp3", "b.gif"]
    assert not any("audio" in one or "animation" in one for one in sent)


async def test_an_album_counts_as_its_messages_in_a_group():
    clock = [1_750_000_000.0]
    switches = Switches(limits=Limits(chat_burst=20, group_per_minute=5))
    async with served(TelegramSimulator(schema=SCHEMA, switches=switches, now=lambda: clock[0])) as telegram:
        stage = Stage(telegram)
        assert (await stage.album("photo", "photo", "photo"))["ok"]
        clock[0] += 30
        refused = await stage.album("photo", "photo", "photo")
        assert (refused["error_code"], refused["parameters"]["retry_after"]) == (429, 30)
        assert (await stage.album("photo", "photo"))["ok"]
        clock[0] += 30
        assert (await stage.album("photo", "photo", "photo"))["ok"]


async def test_media_is_edited_within_its_album(stage):
    first, second = (await stage.album("photo", "photo", captions=["слова"]))["result"]
    edited = (await stage.edit(first, "video", caption="иначе"))["result"]
    assert ("video" in edited, "photo" in edited, edited["caption"]) == (True, False, "иначе")
    assert edited["media_group_id"] == first["media_group_id"]
    assert edited["message_id"] == first["message_id"]
    stage.sim.assert_clean()
    assert (await stage.edit(second, "document"))["description"] == "Bad Request: can't change media type in the album"
    refused = await stage.edit(second, "animation")
    assert refused["description"] == "Bad Request: message content type can't be used in an album"
    assert len(stage.sim.violations) == 2


async def test_media_and_captions_are_edited_by_methods_of_their_own(stage):
    photo = (await stage.post("sendPhoto", {"photo": ("a.jpg", samples.jpeg())}, caption="раз"))["result"]
    call = {"chat_id": stage.group.id, "message_id": photo["message_id"]}
    text = await stage.telegram.call(stage.bot, "editMessageText", **call, text="два")
    assert text["description"] == "Bad Request: there is no text in the message to edit"
    edited = (await stage.telegram.call(stage.bot, "editMessageCaption", **call, caption="два"))["result"]
    assert (edited["caption"], edited["photo"]) == ("два", photo["photo"])
    same = await stage.telegram.call(stage.bot, "editMessageCaption", **call, caption="два")
    assert "message is not modified" in same["description"]
    bare = (await stage.telegram.call(stage.bot, "editMessageCaption", **call))["result"]
    assert "caption" not in bare
    media = {"type": "photo", "media": photo["photo"][-1]["file_id"]}
    unchanged = await stage.telegram.call(stage.bot, "editMessageMedia", **call, media=media)
    assert "message is not modified" in unchanged["description"]
    said = (await stage.telegram.call(stage.bot, "sendMessage", chat_id=stage.group.id, text="слова"))["result"]
    no_caption = await stage.telegram.call(
        stage.bot, "editMessageCaption", chat_id=stage.group.id, message_id=said["message_id"], caption="x"
    )
    assert no_caption["description"] == "Bad Request: there is no caption in the message to edit"
    became = (await stage.edit(said, "document"))["result"]
    assert ("text" in became, became["document"]["mime_type"]) == (False, "application/pdf")
    voice = (await stage.post("sendVoice", {"voice": ("a.ogg", samples.ogg_opus())}))["result"]
    assert (await stage.edit(voice, "audio"))["description"] == "Bad Request: message media can't be edited"
    stage.sim.assert_clean()
