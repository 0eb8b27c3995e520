"""Files on the page: uploads, samples, what is shown of others' files, and everything that is refused."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import AmoSimulator
from dealgram.sandbox.page import build_world, create_page
from dealgram.sandbox.page.amo_view import parts as amo_parts
from dealgram.sandbox.page.files import BIG_FILE_BYTES, LARGEST_UPLOAD, SAMPLES, shown_as
from dealgram.sandbox.page.telegram_view import TelegramView, group_key, private_key
from dealgram.sandbox.telegram import TelegramSimulator

START = 1_790_000_000.0


class Page:
    def __init__(self) -> None:
        self.telegram = TelegramSimulator(schema=None, now=lambda: START, rng=random.Random(1))
        self.amo = AmoSimulator(now=lambda: START, rng=random.Random(2))
        self.world = build_world(self.telegram, self.amo)
        self.app = create_page(self.telegram, self.amo, health_url=None)
        self.view = TelegramView(self.telegram)
        self.place = {"person": self.world.anna.id, "chat": group_key(self.world.group)}

    def messages(self, key: str | None = None) -> list[dict[str, Any]]:
        part: Any = self.view.parts()[f"chat:{key or self.place['chat']}"]
        return part["messages"]

    async def upload(self, data: bytes, name: str = "файл.bin", *, expect: int = 200, **headers: str) -> Any:
        answer = await self.app.test_client().post(
            "/upload",
            query_string={"name": name},
            data=data,
            headers={"Content-Type": "application/octet-stream", **headers},
        )
        content = orjson.loads(await answer.get_data(as_text=False))
        assert answer.status_code == expect, content
        return content

    async def act(self, path: str, *, expect: int = 200, **body: object) -> Any:
        answer = await self.app.test_client().post(f"/api/{path}", json=body)
        content = orjson.loads(await answer.get_data(as_text=False))
        assert answer.status_code == expect, content
        return content

    async def refused(self, path: str, status: int, **body: object) -> str:
        before = (self.view.parts(), amo_parts(self.amo))
        answer = await self.act(path, expect=status, **body)
        assert (self.view.parts(), amo_parts(self.amo)) == before
        return answer["error"]

    async def fetch(self, url: str, *, expect: int = 200) -> tuple[bytes, Any]:
        answer = await self.app.test_client().get(url)
        assert answer.status_code == expect
        return await answer.get_data(as_text=False), answer.headers


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.mark.parametrize("sample", sorted(SAMPLES))
async def test_every_sample_can_be_sent_and_looked_at(page, sample):
    caption = "" if sample in ("sticker", "video_note") else "вот"
    await page.act("telegram/send", **page.place, files=[{"sample": sample}], caption=caption)
    media = page.messages()[-1]["media"]
    data, headers = await page.fetch(media["url"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == shown_as(data)
    if sample == "big":
        assert media["size"] == BIG_FILE_BYTES
    if headers["Content-Type"] == "application/octet-stream":
        assert headers["Content-Disposition"] == "attachment"
    else:
        assert media["show"] in ("image", "video", "audio")


async def test_an_upload_goes_as_what_it_is(page):
    for name, data, kind in (
        ("зал.jpg", samples.jpeg(), "photo"),
        ("обзор.mp4", samples.mp4(), "video"),
        ("песня.mp3", samples.mp3(), "audio"),
        ("Смета №5.pdf", samples.pdf(), "document"),
        ("страница.html", b"<script>alert(1)</script>", "document"),
    ):
        kept = await page.upload(data, name)
        await page.act("telegram/send", **page.place, files=[kept])
        media = page.messages()[-1]["media"]
        assert media["kind"] == kind
        fetched, headers = await page.fetch(media["url"])
        assert fetched == data
        if kind == "document":
            assert (media["name"], headers["Content-Disposition"]) == (name, "attachment")


async def test_an_album_is_one_album_with_one_caption(page):
    await page.act("telegram/send", **page.place, files=[{"sample": "photo"}, {"sample": "video"}], caption="Два")
    one, two = page.messages()[-2:]
    assert one["album"] == two["album"] is not None
    assert (one["text"], two["text"]) == ("Два", "")
    await page.act("telegram/send", **page.place, files=[{"sample": "photo"}, {"sample": "document"}])
    assert {message["media"]["kind"] for message in page.messages()[-2:]} == {"document"}


async def test_what_cannot_be_sent_is_refused_and_changes_nothing(page):
    assert "20 МБ" in (await page.upload(bytes(LARGEST_UPLOAD + 1), expect=413))["error"]
    assert "пустой" in (await page.upload(b"", expect=400))["error"]
    await page.upload(b"x", expect=415, **{"Content-Type": "text/plain"})
    await page.upload(b"x", expect=403, **{"Sec-Fetch-Site": "cross-site"})
    assert await page.refused("telegram/send", 404, **page.place, files=[{"upload": "нет"}])
    assert await page.refused("telegram/send", 404, **page.place, files=[{"sample": "нет"}])
    assert await page.refused("telegram/send", 400, **page.place, files=[])
    assert await page.refused("telegram/send", 400, **page.place, files=[{"sample": "photo"}] * 11)
    assert await page.refused("telegram/send", 400, **page.place, files=[{"sample": "photo"}], caption="я" * 1025)
    assert await page.refused("telegram/send", 409, **page.place, files=[{"sample": "photo"}], reply_to=999)
    assert await page.refused("telegram/send", 409, **page.place, files=[{"sample": "photo"}], thread=5)
    await page.fetch("/files/telegram/AgAC", expect=404)
    await page.fetch(f"/files/amocrm/{page.world.account.id}/нет", expect=404)
    await page.fetch("/files/amocrm/1/нет", expect=404)


async def test_people_edit_react_and_take_it_back(page):
    written = await page.act("telegram/write", **page.place, text="Берём превый")
    message = written["message"]
    await page.act("telegram/edit", **page.place, message=message, text="Берём первый")
    shown = page.messages()[-1]
    assert (shown["text"], shown["edited"]) == ("Берём первый", True)
    await page.act("telegram/react", **page.place, message=message, emoji="🔥")
    assert page.messages()[-1]["reactions"] == [{"emoji": "🔥", "by": [page.world.anna.id]}]
    await page.act("telegram/react", **page.place, message=message, emoji=None)
    assert page.messages()[-1]["reactions"] == []
    assert await page.refused("telegram/edit", 409, **page.place, message=999, text="?")
    stranger = {**page.place, "person": page.world.igor.id}
    assert await page.refused("telegram/edit", 409, **stranger, message=message, text="Чужое")


@pytest.mark.parametrize("what", ["location", "live", "venue", "contact", "poll", "dice"])
async def test_what_is_no_file_is_sent_with_what_it_says(page, what):
    await page.act("telegram/simple", **page.place, what=what)
    shown = page.messages()[-1]
    assert shown["kind"]
    assert shown["about"]


async def test_topics_are_made_and_written_in(page):
    group = page.world.group
    assert await page.refused("telegram/forum", 403, person=page.world.igor.id, group=group.id)
    forum = await page.act("telegram/forum", person=page.world.anna.id, group=group.id)
    number = int(forum["chat"].removeprefix("g"))
    made = await page.act("telegram/topics", person=page.world.anna.id, group=number, name="Доставка")
    place = {**page.place, "chat": forum["chat"]}
    await page.act("telegram/write", **place, text="Когда?", thread=made["thread"])
    assert page.messages(forum["chat"])[-1]["thread"] == made["thread"]
    chats: Any = page.view.parts()["telegram"]
    topics = next(chat["topics"] for chat in chats["chats"] if chat["key"] == forum["chat"])
    assert topics == [{"id": None, "name": "Общая тема"}, {"id": made["thread"], "name": "Доставка"}]
    assert await page.refused("telegram/forum", 409, person=page.world.anna.id, group=number)


async def test_a_manager_sends_files_reacts_and_types(page):
    account = page.world.account
    chat = account.open_chat("c1", account.participant("tg-1", "Анна"))
    contact = page.amo.add_contact(account, "Анна")
    page.amo.link(account, page.world.cafe, contact)
    page.amo.link_chat(account, chat.uuid, contact)
    user = next(iter(account.users))
    where = {"account": account.id, "deal": page.world.cafe, "chat": chat.uuid, "user": user}
    kept = await page.upload(samples.png(), "Макет.png")
    sent = await page.act("amocrm/answer", **where, text="", files=[kept, {"sample": "document"}])
    items = page.amo.history(account, chat.uuid)
    assert [(item.type, item.data == samples.png()) for item in items] == [("picture", True), ("file", False)]
    data, _ = await page.fetch(f"/files/amocrm/{account.id}/{sent['message']}")
    assert data == samples.png()
    assert await page.refused("amocrm/answer", 400, **where, text="", files=[])
    assert await page.refused("amocrm/answer", 400, **where, text="", files=[{"sample": "photo"}] * 11)
    await page.act("amocrm/react", account=account.id, message=sent["message"], user=user, emoji="👍")
    assert [one.emoji for one in page.amo.history(account, chat.uuid)[0].reactions] == ["👍"]
    assert await page.refused("amocrm/react", 404, account=account.id, message="нет", user=user, emoji="👍")
    await page.act("amocrm/typing", account=account.id, chat=chat.uuid, user=user)
    assert await page.refused("amocrm/typing", 404, account=account.id, chat="нет", user=user)


async def test_private_chats_take_files_too(page):
    key = private_key(page.world.sales_bot, page.world.anna)
    await page.act("telegram/send", person=page.world.anna.id, chat=key, files=[{"sample": "voice"}])
    assert page.messages(key)[-1]["media"]["kind"] == "voice"
