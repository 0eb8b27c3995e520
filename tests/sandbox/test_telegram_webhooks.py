"""Delivery to webhooks: what is in flight, when it is repeated, when Telegram gives up. The clock is a mock's."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import orjson
import pytest
import trio
from quart import request
from quart_trio import QuartTrio

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.serve import serve
from dealgram.sandbox.telegram import Switches, TelegramSimulator, served
from dealgram.sandbox.telegram.webhooks import Answer

SCHEMA = ApiSchema.load()
HOOK = "https://bridge.example/hook"


class Stage:
    """A bot with a webhook whose answers the test decides; `posts` are (seconds since the start, text or kind)."""

    def __init__(self, **options):
        self.simulator = TelegramSimulator(
            schema=SCHEMA, now=lambda: 1_750_000_000 + trio.current_time(), post=self._post, **options
        )
        self.client = self.simulator.app.test_client()
        self.bot = self.simulator.add_bot("Мост", "bridge_bot")
        self.ann, self.bob = self.simulator.add_person("Анна"), self.simulator.add_person("Борис")
        self.posts = []
        self.headers = []
        self.in_flight = self.most_in_flight = 0
        self.answer = lambda text: Answer(200)
        self.takes_s = 0.0
        self.begun = trio.current_time()

    async def _post(self, url, headers, body):
        update = orjson.loads(body)
        kind = next(name for name in update if name != "update_id")
        text = update[kind].get("text", kind)
        self.posts.append((round(trio.current_time() - self.begun, 3), text))
        self.headers.append(headers)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await trio.sleep(self.takes_s)
            answer = self.answer(text)
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.in_flight -= 1

    async def call(self, method, **params):
        return await (await self.client.post(f"/bot{self.bot.token}/{method}", json=params)).get_json()

    def times(self, text):
        return [at for at, posted in self.posts if posted == text]


@pytest.fixture
async def stage(nursery):
    made = Stage()
    await nursery.start(made.simulator.run)
    await made.call("setWebhook", url=HOOK, secret_token="s3cret")
    return made


async def test_messages_of_a_chat_are_posted_one_after_another_and_chats_beside_each_other(autojump_clock, stage):
    stage.takes_s = 10
    for text in ("a1", "a2", "a3"):
        stage.simulator.write(stage.ann, stage.bot, text)
    for text in ("b1", "b2"):
        stage.simulator.write(stage.bob, stage.bot, text)
    await trio.sleep(100)
    assert sorted(stage.posts) == [(0, "a1"), (0, "b1"), (10, "a2"), (10, "b2"), (20, "a3")]
    assert stage.most_in_flight == 2
    assert {header["X-Telegram-Bot-Api-Secret-Token"] for header in stage.headers} == {"s3cret"}
    assert (await stage.call("getWebhookInfo"))["result"]["pending_update_count"] == 0
    stage.simulator.assert_clean()


async def test_a_button_press_overtakes_a_message_of_its_chat(autojump_clock, stage):
    stage.simulator.write(stage.ann, stage.bot, "/start")
    markup = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    sent = (await stage.call("sendMessage", chat_id=stage.ann.id, text="?", reply_markup=markup))["result"]
    await trio.sleep(1)
    stage.answer = lambda text: Answer(503 if text == "stuck" else 204)
    stage.simulator.write(stage.ann, stage.bot, "stuck")
    stage.simulator.write(stage.ann, stage.bot, "behind it")
    stage.simulator.press(stage.ann, stage.bot, sent["message_id"], "yes")
    stage.simulator.block(stage.ann, stage.bot)
    await trio.sleep(1)
    assert {text for _, text in stage.posts} == {"/start", "stuck", "callback_query", "my_chat_member"}


async def test_a_failed_delivery_is_repeated_at_once_then_after_2_4_8_seconds_up_to_a_minute_or_two(
    autojump_clock, stage
):
    stage.answer = lambda text: Answer(500, "Internal Server Error")
    stage.simulator.write(stage.ann, stage.bot, "a")
    stage.simulator.write(stage.ann, stage.bot, "behind it")
    await trio.sleep(3600)
    times = stage.times("a")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:6] == [0, 2, 4, 8, 16, 32]
    assert all(60 <= gap <= 120 for gap in gaps[6:])
    assert len(set(gaps[7:])) > 5  # random, so that servers do not come back all at once
    assert stage.times("behind it") == []
    info = (await stage.call("getWebhookInfo"))["result"]
    assert info["last_error_message"] == "Wrong response from the webhook: 500 Internal Server Error"
    assert info["pending_update_count"] == 2
    stage.answer = lambda text: Answer(200)
    await trio.sleep(121)
    assert len(stage.times("behind it")) == 1


async def test_retry_after_is_honoured_up_to_an_hour_and_does_not_count_as_a_doubling(autojump_clock, stage):
    waits = iter([30.0, 86_400.0, 0.0, 0.0])
    stage.answer = lambda text: Answer(503, retry_after_s=next(waits, 1.0))
    stage.simulator.write(stage.ann, stage.bot, "a")
    await trio.sleep(3640)
    assert stage.times("a")[:5] == [0, 30, 3630, 3632, 3636]


async def test_no_answer_is_a_failure_and_so_is_a_slow_one(autojump_clock, stage):
    answers = iter([ConnectionResetError(), Answer(200)])
    stage.answer = lambda text: next(answers)
    stage.simulator.write(stage.ann, stage.bot, "a")
    await trio.sleep(1)
    assert stage.times("a") == [0, 0]
    assert "ConnectionResetError" in (await stage.call("getWebhookInfo"))["result"]["last_error_message"]
    stage.takes_s = 100
    stage.simulator.write(stage.ann, stage.bot, "b")
    await trio.sleep(61)
    assert len(stage.times("b")) == 2
    assert (await stage.call("getWebhookInfo"))["result"]["last_error_message"] == "Read timeout expired"


async def test_an_update_is_dropped_a_day_after_its_message(autojump_clock, stage):
    stage.answer = lambda text: Answer(200 if text == "b" else 500)
    stage.simulator.write(stage.ann, stage.bot, "a")
    await trio.sleep(23 * 3600)
    stage.simulator.write(stage.ann, stage.bot, "b")
    await trio.sleep(3599)
    assert stage.times("b") == []
    await trio.sleep(300)
    assert len(stage.times("b")) == 1
    assert max(stage.times("a")) < 24 * 3600


async def test_stuck_queues_stop_the_loading_when_there_are_twice_as_many_as_connections(autojump_clock, stage):
    await stage.call("setWebhook", url=HOOK, max_connections=2)
    stage.answer = lambda text: Answer(200 if text == "healthy" else 500)
    people = [stage.simulator.add_person(f"Person {number}") for number in range(4)]
    for number, person in enumerate(people[:3]):
        stage.simulator.write(person, stage.bot, f"poison {number}")
    stage.simulator.write(stage.bob, stage.bot, "healthy")
    await trio.sleep(10)
    assert len(stage.times("healthy")) == 1
    stage.simulator.write(people[3], stage.bot, "poison 3")
    stage.simulator.write(stage.bob, stage.bot, "healthy")
    await trio.sleep(1000)
    assert len(stage.times("healthy")) == 1
    assert stage.most_in_flight == 2


async def test_an_address_that_is_gone_for_23_hours_is_given_up(autojump_clock, stage):
    stage.answer = lambda text: Answer(410, "Gone")
    stage.simulator.write(stage.ann, stage.bot, "a")
    await trio.sleep(22 * 3600)
    stage.simulator.write(stage.bob, stage.bot, "b")
    assert (await stage.call("getWebhookInfo"))["result"]["url"] == HOOK
    await trio.sleep(3600 + 121)
    assert (await stage.call("getWebhookInfo"))["result"]["url"] == ""
    assert (await stage.call("getUpdates"))["ok"]


async def test_one_other_answer_keeps_an_address_that_was_gone(autojump_clock, stage):
    stage.answer = lambda text: Answer(410 if trio.current_time() - stage.begun < 22 * 3600 else 500)
    stage.simulator.write(stage.ann, stage.bot, "a")
    await trio.sleep(22.5 * 3600)
    stage.answer = lambda text: Answer(410)
    await trio.sleep(3600)
    assert (await stage.call("getWebhookInfo"))["result"]["url"] == HOOK


async def test_a_method_in_the_answer_is_executed_unless_it_reads_or_changes_the_webhook(autojump_clock, stage):
    def reply(method, **params):
        return Answer(200, body=orjson.dumps({"method": method, **params}))

    answers = iter(
        [
            reply("sendMessage", chat_id=stage.ann.id, text="прямо в ответе"),
            reply("getMe"),
            reply("deleteWebhook"),
            Answer(200, body=b"ok"),
            Answer(200, body=b"[1]"),
        ]
    )
    stage.answer = lambda text: next(answers)
    for text in ("1", "2", "3", "4", "5"):
        stage.simulator.write(stage.ann, stage.bot, text)
    await trio.sleep(10)
    assert len(stage.posts) == 5
    texts = [message["text"] for message in stage.simulator.history(stage.simulator.private_chat(stage.ann, stage.bot))]
    assert texts.count("прямо в ответе") == 1
    assert [call.method for call in stage.simulator.requests] == ["setWebhook", "sendMessage"]


async def test_a_changed_webhook_gets_what_still_waits_and_dropping_forgets_it(autojump_clock, stage):
    stage.answer = lambda text: Answer(500)
    stage.simulator.write(stage.ann, stage.bot, "a")
    await trio.sleep(1)
    stage.answer = lambda text: Answer(200)
    same = await stage.call("setWebhook", url=HOOK, secret_token="s3cret")
    assert same["description"] == "Webhook is already set"
    await stage.call("setWebhook", url=HOOK, secret_token="n3w")
    await trio.sleep(0.1)
    assert stage.headers[-1]["X-Telegram-Bot-Api-Secret-Token"] == "n3w"
    assert stage.times("a")[-1] == 1
    stage.answer = lambda text: Answer(500)
    stage.simulator.write(stage.ann, stage.bot, "b")
    await stage.call("setWebhook", url="", drop_pending_updates=True)
    assert (await stage.call("getWebhookInfo"))["result"] == {
        "url": "",
        "has_custom_certificate": False,
        "pending_update_count": 0,
    }
    assert (await stage.call("deleteWebhook"))["description"] == "Webhook is already deleted"


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"url": "http://bridge.example/hook"}, "An HTTPS URL must be provided"),
        ({"url": "ftp://bridge.example/hook"}, "An HTTPS URL must be provided"),
        ({"url": "https://bridge.example:8000/hook"}, "only on ports 80, 88, 443 or 8443"),
        ({"url": HOOK, "secret_token": "with space"}, "secret token contains unallowed characters"),
        ({"url": "http://127.0.0.1:8080/hook"}, None),
        ({"url": "https://bridge.example:8443/hook"}, None),
    ],
)
async def test_addresses_and_secrets_are_checked(autojump_clock, params, refusal):
    stage = Stage()
    answer = await stage.call("setWebhook", **params)
    assert answer["ok"] is (refusal is None)
    assert refusal is None or refusal in answer["description"]


async def test_strict_switches_refuse_loopback_addresses_and_setting_too_often(autojump_clock):
    stage = Stage(switches=Switches(loopback_webhooks=False, webhook_throttle=True))
    assert not (await stage.call("setWebhook", url="http://127.0.0.1:8080/hook"))["ok"]
    assert (await stage.call("setWebhook", url=HOOK))["ok"]
    again = await stage.call("setWebhook", url=HOOK, max_connections=3)
    assert (again["error_code"], again["parameters"]) == (429, {"retry_after": 1})
    await trio.sleep(1)
    assert (await stage.call("setWebhook", url=HOOK, max_connections=3))["ok"]


async def test_over_real_http(nursery):
    received = trio.Event()
    hook = QuartTrio("hook")
    seen = []

    @hook.post("/telegram/<key>")
    async def take(key):
        seen.append((key, request.headers["X-Telegram-Bot-Api-Secret-Token"], await request.get_json()))
        if len(seen) == 1:
            return {}, 503
        received.set()
        return {}

    port = await nursery.start(partial(serve, hook))
    simulator = TelegramSimulator(schema=SCHEMA)
    async with served(simulator) as telegram:
        bot = simulator.add_bot("Мост", "bridge_bot")
        await telegram.call(bot, "setWebhook", url=f"http://127.0.0.1:{port}/telegram/k3y", secret_token="s3cret")
        simulator.write(simulator.add_person("Анна"), bot, "привет")
        with trio.fail_after(10):
            await received.wait()
        simulator.assert_clean()
    nursery.cancel_scope.cancel()
    assert seen[0] == seen[1]
    assert (seen[0][0], seen[0][1], seen[0][2]["message"]["text"]) == ("k3y", "s3cret", "привет")
