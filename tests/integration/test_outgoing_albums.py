"""Several attachments of one answer: one album in Telegram, whatever the order and the form of amoCRM's hooks."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import trio

from dealgram.actors import texts
from dealgram.actors.answering import albums
from dealgram.actors.answering.attachment_texts import REASON_FILE_GONE
from dealgram.actors.bodies import SendAnswer
from dealgram.actors.body_parts import AmoFile
from dealgram.gateways.telegram import CLOUD
from dealgram.persistence.database import Database
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.amocrm.attachments import Attachment


def pictures(count: int, first: int = 0) -> list[Attachment]:
    return [
        Attachment("picture", samples.jpeg(seed=number), name=f"Фото {number}.jpg")
        for number in range(first, first + count)
    ]


def files(count: int) -> list[Attachment]:
    return [Attachment("file", samples.pdf(seed=number), name=f"Файл {number}.pdf") for number in range(count)]


def seen(stage) -> list[dict]:
    return stage.private_messages(stage.world.anna)[1:]


def groups(messages: list[dict]) -> list[list[dict]]:
    """Messages by album, each alone where it is in none."""
    found: list[list[dict]] = []
    for message in messages:
        key = message.get("media_group_id")
        if key is not None and found and found[-1][0].get("media_group_id") == key:
            found[-1].append(message)
        else:
            found.append([message])
    return found


def file_of(message: dict) -> dict:
    for kind in ("photo", "animation", "video", "audio", "voice", "sticker", "document"):
        if kind in message:
            return message[kind][-1] if kind == "photo" else message[kind]
    return {}


def bytes_of(stage, messages: list[dict]) -> list[bytes]:
    return [stage.telegram.file_bytes(file_of(message)["file_id"]) for message in messages]


def hooks_of(stage, answer: str) -> list[str]:
    """amoCRM's ids of all messages of an answer, in the order in which they were written."""
    account = stage.world.account
    album = account.messages[answer].content.get("media_group_id")
    return [one.id for one in account.messages.values() if one.content.get("media_group_id") == album]


async def statuses(stage, answer: str) -> list[str]:
    return [(await stage.status(one)).status for one in hooks_of(stage, answer)]


FORMS = [
    AmoSwitches(rest_rate_per_s=None, media_group=place, album_text=text, album_order=order)
    for place in ("message", "beside")
    for text in ("first", "each")
    for order in ("kept", "shuffled")
]


@pytest.mark.parametrize("switches", FORMS, ids=lambda one: f"{one.media_group}-{one.album_text}-{one.album_order}")
async def test_an_album_in_every_form_of_amocrms_hooks(stage_with, connected, switches):
    async with stage_with(switches) as stage, connected(stage):
        await stage.start_bot()
        sent = pictures(4)
        answer = stage.answer(stage.world.anna, "Четыре фасада", attachments=sent)
        assert await statuses(stage, answer) == ["delivered"] * 4
        (album,) = groups(seen(stage))
        assert bytes_of(stage, album) == [one.data for one in sent]
        assert [message.get("caption") for message in album] == ["Четыре фасада", None, None, None]
        await stage.quiet()
        rows = await stage.count("SELECT count(DISTINCT message_id) FROM messages WHERE direction = 'out'")
        assert rows == 4
        stage.assert_clean()
        await stage.assert_undisturbed()


async def test_files_without_a_group_go_one_by_one_in_order(stage_with, connected):
    async with stage_with(AmoSwitches(rest_rate_per_s=None, media_group="absent")) as stage, connected(stage):
        await stage.start_bot()
        sent = pictures(3)
        stage.answer(stage.world.anna, "Три", attachments=sent)
        await stage.until(lambda: len(seen(stage)) == 3, "all three")
        assert bytes_of(stage, seen(stage)) == [one.data for one in sent]
        assert [message.get("media_group_id") for message in seen(stage)] == [None] * 3


async def test_more_than_ten_make_several_albums_and_none_is_missing(told):
    sent = pictures(12)
    answer = told.answer(told.world.anna, "", attachments=sent)
    assert await statuses(told, answer) == ["delivered"] * 12
    assert [len(group) for group in groups(seen(told))] == [10, 2]
    assert bytes_of(told, seen(told)) == [one.data for one in sent]
    told.assert_clean()


async def test_kinds_that_cannot_stand_together_are_kept_apart_each_with_its_like(told):
    mixed = [
        *pictures(1),
        *files(2),
        Attachment("video", samples.mp4(), name="Ролик.mp4"),
        Attachment("voice", samples.ogg_opus(seconds=1), name="v.ogg"),
        Attachment("audio", samples.mp3(seed=1), name="1.mp3"),
        Attachment("audio", samples.mp3(seed=2), name="2.mp3"),
        Attachment("picture", samples.gif(), name="a.gif"),
    ]
    answer = told.answer(told.world.anna, "Всё сразу", attachments=mixed)
    assert await statuses(told, answer) == ["delivered"] * 8
    found = [[next(kind for kind in KINDS if kind in message) for message in group] for group in groups(seen(told))]
    assert sorted(map(tuple, found)) == sorted(
        [("photo", "video"), ("document", "document"), ("voice",), ("audio", "audio"), ("animation",)]
    )
    assert seen(told)[0]["caption"] == "Всё сразу"
    assert sorted(bytes_of(told, seen(told))) == sorted(one.data for one in mixed)
    told.assert_clean()


KINDS = ("animation", "photo", "video", "document", "audio", "voice", "sticker")
"""An animation is a document as well (Bot API: Message), so it comes first."""


async def test_files_with_their_names_are_an_album_of_documents(told):
    answer = told.answer(told.world.anna, "Договор и смета", attachments=files(2))
    assert await statuses(told, answer) == ["delivered"] * 2
    (album,) = groups(seen(told))
    assert [message["document"]["file_name"] for message in album] == ["Файл 0.pdf", "Файл 1.pdf"]


async def test_files_too_large_for_one_upload_go_as_several(told):
    half = CLOUD.upload // 2 + 1
    large = [Attachment("file", name=f"{number}.bin", size=half) for number in range(3)]
    answer = told.answer(told.world.anna, "", attachments=large)
    assert await statuses(told, answer) == ["delivered"] * 3
    assert [message["document"]["file_name"] for message in seen(told)] == ["0.bin", "1.bin", "2.bin"]
    told.assert_clean()


async def test_a_file_of_an_album_that_is_too_large_goes_as_its_address(told):
    sent = [*pictures(2), Attachment("picture", name="огромная.png", size=CLOUD.upload + 1)]
    answer = told.answer(told.world.anna, "", attachments=sent)
    assert await statuses(told, answer) == ["delivered"] * 3
    assert [len(group) for group in groups(seen(told))] == [2, 1]
    assert seen(told)[-1]["text"].startswith("🖼 Изображение: огромная.png")


async def test_a_file_of_an_album_that_is_gone_is_reported_alone(told):
    sent = pictures(3)
    told.amo.files.faults.answer("file", status=404, times=None, when=lambda facts: "1.jpg" in facts["path"])
    answer = told.answer(told.world.anna, "", attachments=sent)
    assert await statuses(told, answer) == ["delivered", REASON_FILE_GONE, "delivered"]
    (album,) = groups(seen(told))
    assert bytes_of(told, album) == [sent[0].data, sent[2].data]


async def test_buttons_and_a_long_text_stand_under_the_album(told):
    buttons = [[{"text": "Да"}, {"text": "Нет"}]]
    answer = told.answer(told.world.anna, "Какой фасад вам нравится? " * 60, attachments=pictures(2), buttons=buttons)
    assert await statuses(told, answer) == ["delivered"] * 2
    album, (words,) = groups(seen(told))
    assert [message.get("caption") for message in album] == [None, None]
    assert words["text"].startswith("Какой фасад")
    assert [key["text"] for key in words["reply_markup"]["inline_keyboard"][0]] == ["Да", "Нет"]
    told.assert_clean()


async def test_what_is_written_meanwhile_keeps_its_place(told):
    told.answer(told.world.anna, "До")
    told.answer(told.world.anna, "Фото", attachments=pictures(2))
    told.answer(told.world.anna, "После")
    await told.until(lambda: len(seen(told)) == 4, "everything")
    shown = [message.get("text") or message.get("caption") for message in seen(told)]
    assert shown == ["До", "Фото", None, "После"]


# Telegram says no, or nothing


async def test_an_album_that_telegram_refuses_goes_as_files_then_one_by_one(told):
    told.telegram.refuse("sendMediaGroup", 400, "Bad Request: MEDIA_INVALID", times=None)
    sent = pictures(3)
    answer = told.answer(told.world.anna, "Три", attachments=sent)
    assert await statuses(told, answer) == ["delivered"] * 3
    assert [len(group) for group in groups(seen(told))] == [1, 1, 1]
    assert bytes_of(told, seen(told)) == [one.data for one in sent]
    assert [message.get("caption") for message in seen(told)] == ["Три", None, None]
    await told.quiet()
    await told.assert_undisturbed()


async def test_an_album_with_a_picture_that_is_no_photo_goes_as_files(told):
    told.telegram.refuse(
        "sendMediaGroup", 400, 'Bad Request: failed to send message #2 with the error message "IMAGE_PROCESS_FAILED"'
    )
    sent = pictures(2)
    answer = told.answer(told.world.anna, "", attachments=sent)
    assert await statuses(told, answer) == ["delivered"] * 2
    (album,) = groups(seen(told))
    assert ["document" in message for message in album] == [True, True]
    assert bytes_of(told, album) == [one.data for one in sent]


async def test_a_blocked_bot_is_reported_for_each_file(told):
    told.telegram.block(told.world.anna, told.world.sales_bot)
    answer = told.answer(told.world.anna, "", attachments=pictures(2))
    assert await statuses(told, answer) == [texts.REASON_BLOCKED] * 2


@pytest.mark.parametrize(
    "fault",
    [
        lambda telegram: telegram.refuse("sendMediaGroup", 429, "Too Many Requests: retry after 1", retry_after=1),
        lambda telegram: telegram.refuse("sendMediaGroup", 500, "Internal Server Error: restart"),
    ],
    ids=["429", "500"],
)
async def test_an_album_that_certainly_was_not_sent_is_sent_as_one_again(told, fault):
    order = fault(told.telegram)
    sent = pictures(3)
    answer = told.answer(told.world.anna, "Три", attachments=sent)
    assert await statuses(told, answer) == ["delivered"] * 3
    assert order.hits == 1
    (album,) = groups(seen(told))
    assert bytes_of(told, album) == [one.data for one in sent]
    await told.assert_undisturbed()


@pytest.mark.parametrize(("fault", "arrived"), [("drop_after", 3), ("drop_before", 0)])
async def test_an_album_of_unknown_outcome_is_reported_for_each_file_and_not_repeated(told, fault, arrived):
    order = getattr(told.telegram.faults, fault)("sendMediaGroup")
    answer = told.answer(told.world.anna, "Три", attachments=pictures(3))
    after = told.answer(told.world.anna, "Дальше")
    assert await statuses(told, answer) == [texts.REASON_UNKNOWN_OUTCOME] * 3
    assert (await told.status(after)).status == "delivered"
    await told.quiet()
    assert order.hits == 1
    assert len(seen(told)) == arrived + 1
    assert await told.count("SELECT count(*) FROM outbox WHERE state = 'unknown'") == 3
    await told.assert_undisturbed()


# Crashes


async def test_an_album_is_gathered_anew_in_the_services_next_life(empty_stage, connected, running):
    stage = empty_stage
    sent = pictures(3)
    async with connected(stage):
        await stage.start_bot()
        order = stage.telegram.faults.answer("sendMediaGroup", status=503, times=None)
        answer = stage.answer(stage.world.anna, "Три", attachments=sent)
        await stage.taken(order)
    assert seen(stage) == []
    order.cancel()
    async with running(stage):
        assert await statuses(stage, answer) == ["delivered"] * 3
    (album,) = groups(seen(stage))
    assert bytes_of(stage, album) == [one.data for one in sent]


async def test_a_kill_in_the_middle_of_an_album_leaves_all_its_files_unknown(empty_stage, connected, running):
    """All rows were begun before the call: in the next life none of them is sent again."""
    stage = empty_stage
    stage.settings = stage.settings.model_copy(update={"drain_s": 0.2})
    async with connected(stage):
        await stage.start_bot()
        order = stage.telegram.faults.hold("sendMediaGroup", times=1)
        answer = stage.answer(stage.world.anna, "Три", attachments=pictures(3))
        await stage.taken(order)
        await stage.until(lambda: True)
    async with running(stage):
        assert await statuses(stage, answer) == [texts.REASON_UNKNOWN_OUTCOME] * 3
    assert order.hits == 1


async def test_a_kill_between_the_begun_rows_sends_the_others(empty_stage, connected, running):
    """A row that was begun may have been sent; those that were not begun certainly were not."""
    stage = empty_stage
    sent = pictures(3)
    async with connected(stage):
        await stage.start_bot()
        order = stage.telegram.faults.answer("sendMediaGroup", status=503, times=None)
        answer = stage.answer(stage.world.anna, "", attachments=sent)
        await stage.taken(order)
    order.cancel()
    async with Database.open(stage.settings.database_url.get_secret_value()) as db:
        first = "SELECT min(id) FROM outbox WHERE kind = 'tg.answer' AND state = 'pending'"
        await db.execute(f"UPDATE outbox SET started_at = now() WHERE id = ({first})")
    async with running(stage):
        assert await statuses(stage, answer) == [texts.REASON_UNKNOWN_OUTCOME, "delivered", "delivered"]
    (album,) = groups(seen(stage))
    assert bytes_of(stage, album) == [sent[1].data, sent[2].data]


async def test_an_album_whose_record_is_refused_is_not_sent_again(told, monkeypatch):
    journal, refused = told.service.services.journal, []
    commit = journal.commit

    async def refuse_once(decision):
        if len(decision.completed) > 1 and not refused:
            refused.append(decision)
            raise ValueError("refused")
        return await commit(decision)

    monkeypatch.setattr(journal, "commit", refuse_once)
    answer = told.answer(told.world.anna, "", attachments=pictures(2))
    assert await statuses(told, answer) == [texts.REASON_UNKNOWN_OUTCOME] * 2
    await told.quiet()
    assert len(refused) == 1
    assert len(seen(told)) == 2


# Groups


async def test_an_album_is_imported_into_the_other_deals_file_by_file(play):
    stage, (one, two) = play.stage, play.stage.world.deals[:2]
    await play.link(one)
    await play.link(two)
    sent = pictures(3)
    answer = stage.amo.answer(
        stage.world.account, stage.chat_of_group(one), stage.world.olga, "Фасады", attachments=sent
    )
    assert await statuses(stage, answer) == ["delivered"] * 3

    def imported():
        return [item for item in stage.feed(two) if item.type == "picture"]

    await stage.until(lambda: len(imported()) == 3 and all(item.data for item in imported()), "the imports")
    assert [(item.text, item.file_name, item.data) for item in imported()] == [
        ("Фасады" if number == 0 else "", attachment.name, attachment.data) for number, attachment in enumerate(sent)
    ]
    (album,) = [group for group in groups(play.messages()) if len(group) > 1]
    assert bytes_of(stage, album) == [attachment.data for attachment in sent]
    stage.assert_clean()


async def test_the_managers_name_stands_once_in_an_album(play):
    stage, deal = play.stage, play.stage.world.deals[0]
    await play.link(deal)
    sql = "UPDATE accounts SET settings = settings || '{\"manager_names\": true}' WHERE account_id = $1"
    await stage.service.services.db.execute(sql, stage.account.account_id)
    await stage.service.services.registry.refresh()
    name = stage.world.olga.name
    for text, shown in (("Фасады", f"{name}: Фасады"), ("", name)):
        answer = stage.amo.answer(
            stage.world.account, stage.chat_of_group(deal), stage.world.olga, text, attachments=pictures(2)
        )
        assert await statuses(stage, answer) == ["delivered"] * 2
        album = [group for group in groups(play.messages()) if len(group) > 1][-1]
        assert [message.get("caption") for message in album] == [shown, None]


# The waiting


async def test_the_wait_for_an_album_ends_though_files_trickle_in(autojump_clock):
    """On trio's clock: nothing new for a moment ends it, ten files end it, and so does patience."""
    for arriving, expected_s in (([0.0], 1.5), ([0.0, 1.0, 2.0], 3.5), ([n * 1.0 for n in range(30)], 9.5)):
        rows = FakeRows(arriving)
        began = trio.current_time()
        found = await albums.AlbumRows(rows).gather(rows.body, rows.delivery)
        assert trio.current_time() - began == pytest.approx(expected_s, abs=0.6)
        assert len(found) <= albums.ALBUM_MOST


class FakeRows:
    """An actor whose outbox fills as time goes by."""

    def __init__(self, arriving: list[float]) -> None:
        self.body = SendAnswer(
            chat_id=1,
            conversation="p1-1",
            amo_id="m",
            text="",
            sent_at_ms=0,
            manager="",
            manager_name="",
            media=AmoFile(type="picture", url="u"),
            album="g",
        )
        self.rows = [
            SimpleNamespace(id=number, lane="l", kind="tg.answer", body=self.body.encode(), started_at=None)
            for number in range(1, len(arriving) + 1)
        ]
        self.delivery = self.rows[0]
        self.arriving = arriving
        self.began = trio.current_time()
        self.context = SimpleNamespace(dependency=lambda _name: nullcontext(), address=None)
        self.services = SimpleNamespace(journal=self)

    async def pending_deliveries(self, _address, _lane, after_id, limit):
        await trio.lowlevel.checkpoint()
        now = trio.current_time() - self.began
        came = [row for row, at in zip(self.rows, self.arriving, strict=True) if at <= now]
        return [row for row in came if row.id > after_id][:limit]
