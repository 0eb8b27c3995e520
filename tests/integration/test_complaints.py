"""What people complain about in other bridges, played from beginning to end: here it must come out well.

Each test is one complaint, with the reports in its docstring, told as its user would tell it: who wrote what where, and
what must be seen afterwards on the other side. The numbers are those of the list that the tests were made from.
"""

from __future__ import annotations

import logging

import httpx
import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.actors import texts
from dealgram.actors.answering.attachment_texts import REASON_FILE_EMPTY
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.amocrm.attachments import Attachment
from dealgram.sandbox.faults import drop_connection
from dealgram.sandbox.serve import serve

MB = 1024 * 1024


@pytest.fixture
def amo_switches() -> AmoSwitches:
    return AmoSwitches(rest_rate_per_s=None)


async def started(stage) -> None:
    """Anna has started the sales bot."""
    stage.telegram.write(stage.world.anna, stage.world.sales_bot, "/start")
    await stage.in_card(stage.world.anna, texts.STARTED_BOT)
    await stage.until(lambda: texts.GREETING in stage.private_texts(stage.world.anna), "the greeting")
    await stage.quiet()


async def delivered(stage, amo_id: str) -> None:
    assert (await stage.status(amo_id)).status == "delivered"


async def test_1_a_link_outlives_the_upgrade_to_a_supergroup(play):
    """«After the group became a supergroup nothing arrives any more»: links, answers, replies, the menu, all at once.

    https://github.com/42wim/matterbridge/issues/1391 https://github.com/42wim/matterbridge/issues/1674
    https://github.com/TediCross/TediCross/issues/533 https://github.com/FruitieX/teleirc/issues/52
    https://github.com/healthchecks/healthchecks/issues/132 https://github.com/mautrix/telegram/issues/1060
    """
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "Когда будет макет?", world.cafe)
    asked = next(item for item in stage.feed(world.cafe) if item.text == "Когда будет макет?")

    play.chat = stage.telegram.upgrade_to_supergroup(play.chat)
    await play.words(world.igor, "Мы включили историю для новых", world.cafe)
    answer = stage.amo.answer(world.account, asked.chat_uuid, world.olga, "Завтра", reply_to=asked.amo_id)
    await delivered(stage, answer)
    assert len(play.said("Завтра")) == 1
    since = play.last_id
    menu = await play.menu(world.anna)
    await play.press(world.anna, menu, "Список")
    assert any("Сайт для кофейни" in name for name in play.buttons(menu))
    assert play.last_id >= since
    await play.words(world.maria, "Отлично", world.cafe)
    await stage.quiet()

    # One group, one conversation, nothing twice: no second room for the same people.
    assert sorted(play.written(world.cafe)) == sorted(
        ["Когда будет макет?", "Мы включили историю для новых", "Завтра", "Отлично"]
    )
    assert len(play.own_chats(world.cafe)) == 1
    assert await stage.count("SELECT count(*) FROM groups WHERE status <> 'merged' AND chat_id = $1", play.chat.id) == 1
    await stage.assert_undisturbed()
    stage.amo.assert_clean()


async def test_2_a_bot_in_privacy_mode_says_so_wherever_somebody_looks(stage, play_in):
    """«The bot is in the group, the panel says "connected", and nothing arrives.» Privacy mode is told to whoever
    connects the bot and to the group itself, with what to do; after that everything arrives.

    https://github.com/Prism-Shadow/penguin-harness/issues/499
    https://github.com/yagop/node-telegram-bot-api/issues/174 https://github.com/chatwoot/chatwoot/issues/6172
    https://github.com/chatwoot/chatwoot/issues/3033
    """
    world = stage.world
    bot = stage.telegram.add_bot("Север Склад", "sever_store_bot", privacy_mode=True)
    row = await stage.service.connector.connect(stage.account, bot.token, pipeline_id=world.sales.id, public_url=None)
    await stage.service.refresh()
    (trouble,) = row.troubles.values()
    assert "/setprivacy" in trouble["detail"]
    assert "администратором" in trouble["detail"]

    chat = stage.telegram.create_group("Склад", world.anna)
    stage.telegram.add_member(chat, world.igor)
    stage.telegram.add_member(chat, bot)
    play = play_in(chat, bot)
    assert "сделайте его администратором" in (await play.says("Здравствуйте!"))["text"]
    await play.link(world.cafe)
    play.write(world.igor, "Меня не слышно")
    stage.telegram.promote(chat, bot)
    await play.words(world.igor, "А теперь слышно", world.cafe)
    assert play.written(world.cafe) == ["А теперь слышно"]
    await delivered(stage, play.answer(world.cafe, "Слышно"))
    await stage.assert_undisturbed()
    stage.assert_clean()


@pytest.mark.parametrize("kind", ["group", "supergroup", "forum"])
async def test_3_every_kind_of_group_is_a_group(stage, play_in, kind):
    """«Works in a group, silent in a supergroup.»

    https://github.com/langbot-app/LangBot/issues/1202
    """
    world = stage.world
    chat = stage.telegram.create_group(
        "Объект", world.anna, kind="group" if kind == "group" else "supergroup", forum=kind == "forum"
    )
    stage.telegram.add_member(chat, world.igor)
    stage.telegram.add_member(chat, world.sales_bot)
    stage.telegram.promote(chat, world.sales_bot)
    play = play_in(chat)
    await play.says("Здравствуйте!")
    await play.link(world.cafe)
    await play.words(world.igor, "Есть вопрос", world.cafe)
    await delivered(stage, play.answer(world.cafe, "Слушаю"))
    assert len(play.said("Слушаю")) == 1
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_4_nothing_is_lost_when_either_side_asks_to_slow_down(play):
    """«429, and the message is gone.» Telegram slows down the answers, amoCRM slows down the cards: everything arrives,
    once and in order.

    https://github.com/42wim/matterbridge/issues/2121 https://github.com/42wim/matterbridge/issues/2020
    https://github.com/mautrix/telegram/issues/1079
    """
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    flood = stage.telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1, times=2)
    sent = [play.answer(world.cafe, f"Ответ {number}") for number in range(6)]
    for answer in sent:
        await stage.until(
            lambda answer=answer: stage.amo.message(world.account, answer).status == "delivered", "delivered"
        )
    assert flood.hits == 2
    assert [message["text"] for message in play.said("Ответ")] == [f"Ответ {number}" for number in range(6)]

    slow = stage.amo.faults.answer("amojo.send", status=429, headers={"Retry-After": "1"}, times=2)
    for number in range(6):
        play.write(world.igor, f"Вопрос {number}")
    asked = [f"Вопрос {number}" for number in range(6)]
    await stage.until(lambda: [text for text in stage.texts(world.cafe) if "Вопрос" in text] == asked, "all questions")
    await stage.quiet()
    assert slow.hits == 2
    assert [text for text in stage.texts(world.cafe) if "Вопрос" in text] == asked
    await stage.assert_undisturbed()


async def test_6_an_update_that_telegram_sends_again_is_one_message(empty_stage, running):
    """«The webhook answered too late, so everything was handled twice.» The service does its work and its answer gets
    lost on the way, again and again; Telegram repeats, and the card holds each message once.

    https://github.com/telegraf/telegraf/issues/806 https://github.com/felinics/Memoh/issues/337
    https://github.com/vercel/chat/issues/799
    """
    stage, world = empty_stage, empty_stage.world
    async with running(stage) as service, trio.open_nursery() as nursery:
        stage.account = await stage.playground.connect_account(service, world.account)
        relay = Relay(stage.amo.hook_url.partition("/amojo")[0])
        port = await nursery.start(_serve, relay.app)
        await service.connector.connect(
            stage.account, world.sales_bot.token, pipeline_id=world.sales.id, public_url=f"http://127.0.0.1:{port}"
        )
        await service.refresh()
        await stage.settled()
        relay.lost_left = 3
        said = ["Первое", "Второе", "Третье"]
        for text in said:
            stage.telegram.write(world.anna, world.sales_bot, text)
        await stage.in_card(world.anna, "Третье")
        await stage.until(lambda: not stage.telegram.pending(world.sales_bot), "everything is acknowledged")
        await stage.quiet()
        assert relay.lost_left == 0
        assert len(relay.seen) > len(set(relay.seen)), "something was sent again"
        assert [text for text in stage.card_texts(world.anna) if text in said] == said
        await stage.assert_undisturbed()
        nursery.cancel_scope.cancel()


class Relay:
    """Stands between Telegram and the service, and loses some answers after the work was done."""

    def __init__(self, target: str) -> None:
        self.lost_left = 0
        self.seen: list[bytes] = []
        self.app = QuartTrio(__name__)

        @self.app.route("/<path:path>", methods=["POST"])
        async def pass_on(path: str) -> Response:
            body = await request.get_data()
            self.seen.append(body)
            headers = {name: value for name, value in request.headers.items() if name != "Host"}
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.post(f"{target}/{path}", content=body, headers=headers)
            if self.lost_left:
                self.lost_left -= 1
                drop_connection()
            return Response(answer.content, status=answer.status_code)


async def _serve(app, *, task_status) -> None:
    await serve(app, task_status=task_status)


async def test_8_an_answer_is_never_sent_twice_however_the_connection_breaks(empty_stage, connected, running):
    """«Nine copies of one message in 72 seconds.» Telegram has no idempotency key: whatever was once on its way is not
    sent again, not after broken connections, not after a restart, neither texts nor files; the manager is told.

    https://github.com/openclaw/openclaw/issues/64038 https://github.com/openclaw/openclaw/issues/119048
    https://github.com/NousResearch/hermes-agent/issues/64238 https://github.com/tdlib/telegram-bot-api/issues/482
    https://github.com/tdlib/telegram-bot-api/issues/126
    """
    stage, world = empty_stage, empty_stage.world
    async with connected(stage):
        await stage.settled()
        await started(stage)
        breaks = [stage.telegram.faults.drop_after(method, times=None) for method in ("sendMessage", "sendPhoto")]
        picture = Attachment("picture", samples.jpeg(seed=8), name="макет.jpg")
        sent = [
            stage.answer(world.anna, "Добрый день"),
            stage.answer(world.anna, "", attachments=[picture]),
            stage.answer(world.anna, "Вы тут?"),
        ]
        for answer in sent:
            assert (await stage.status(answer)).status == texts.REASON_UNKNOWN_OUTCOME
        await stage.quiet()
        for one in breaks:
            one.cancel()
    async with running(stage):
        await stage.settled()
        after = stage.answer(world.anna, "Снова на связи")
        await delivered(stage, after)
        await stage.quiet()
        came = [message.get("text", "фото") for message in stage.private_messages(world.anna)[1:]]
        assert came == ["Добрый день", "фото", "Вы тут?", "Снова на связи"]
        await stage.assert_undisturbed()


async def test_19_nothing_that_dealgram_says_comes_back_to_it(play):
    """«Every message comes back as an echo.» Two of our bots in one group, each with a deal, and a bridge of somebody
    else's that repeats what it sees: each word stands once in each card, once in the group, and then it is quiet.

    https://github.com/mautrix/telegram/issues/202 https://github.com/mautrix/telegram/issues/146
    https://github.com/mautrix/telegram/issues/626
    """
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    await play.link(world.office)
    stage.telegram.add_member(play.chat, world.service_bot)
    stage.telegram.promote(play.chat, world.service_bot)
    echo = stage.telegram.add_bot("Чужой мост", "foreign_bridge_bot")
    stage.telegram.add_member(play.chat, echo)
    for bot in (world.sales_bot, world.service_bot):
        stage.telegram.set_bot_to_bot(bot, on=True)
    await stage.settled()

    await play.words(world.igor, "Вопрос", world.cafe, world.office)
    await delivered(stage, play.answer(world.cafe, "Ответ"))
    for words in ("Вопрос", "Ответ"):
        stage.telegram.bot_says(echo, play.chat, words)
    await stage.until(lambda: any("Ответ" in text for text in stage.texts(world.office)), "the mirrored answer")
    await play.words(world.maria, "Спасибо", world.cafe, world.office)
    await stage.settled()

    for deal in (world.cafe, world.office):
        shown = [text for text in stage.texts(deal) if any(words in text for words in ("Вопрос", "Ответ", "Спасибо"))]
        assert len(shown) == 3, shown
    ours = {world.sales_bot.id, world.service_bot.id}
    in_group = [message["text"] for message in play.messages() if message["from"]["id"] in ours and "text" in message]
    assert in_group.count("Ответ") == 1
    assert not any(words in text for text in in_group for words in ("Вопрос", "Спасибо"))
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_20_no_log_and_no_address_holds_a_bots_token(stage, caplog, capfd):
    """«The token is in the log: the HTTP library prints every URL.» Everything is logged that can be, while messages,
    files and failures of every sort go both ways.

    https://github.com/HKUDS/OpenHarness/issues/241 https://github.com/nbramia/LifeOS/issues/519
    """
    caplog.set_level(logging.DEBUG)
    world = stage.world
    await started(stage)
    stage.telegram.send_media(world.anna, world.sales_bot, "photo", samples.jpeg(seed=20), caption="Фото")
    await stage.until(lambda: any("Фото" in text for text in stage.card_texts(world.anna)), "the photo")
    for method, order in (
        ("sendMessage", stage.telegram.faults.answer("sendMessage", status=502, body="<html>Bad Gateway</html>")),
        ("sendMessage", stage.telegram.faults.drop_before("sendMessage")),
        ("getUpdates", stage.telegram.faults.drop_after("getUpdates")),
        ("getUpdates", stage.telegram.faults.answer("getUpdates", status=500)),
    ):
        stage.answer(world.anna, f"Во время сбоя: {method}")
        stage.telegram.write(world.anna, world.sales_bot, "Ещё")
        await stage.taken(order)
    empty = stage.answer(world.anna, "", attachments=[Attachment("file", b"", name="пусто.txt")])
    assert (await stage.status(empty)).status == REASON_FILE_EMPTY
    old = world.sales_bot.token
    stage.telegram.revoke_token(world.sales_bot)
    refused = stage.answer(world.anna, "Бот отозван")
    await stage.until(lambda: stage.amo.message(world.account, refused).status != "sent", "told")
    printed = capfd.readouterr()
    everything = "\n".join(
        [printed.out, printed.err, caplog.text, *(repr(record.__dict__) for record in caplog.records)]
    )
    assert "bot connected" in everything, "this test would see what is logged"
    for token in (old, world.service_bot.token):
        assert token.partition(":")[2] not in everything
        assert not any(token.partition(":")[2].encode() in one.body for one in stage.amo.requests)
