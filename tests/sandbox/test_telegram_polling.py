"""getUpdates: offsets, long polls, conflicts, what is kept and for how long. No sockets, so time is a mock clock's."""

from __future__ import annotations

import random

import httpx
import pytest
import trio

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import Switches, TelegramSimulator, served
from dealgram.sandbox.telegram.updates import UpdateQueue

SCHEMA = ApiSchema.load()


class Stage:
    """A simulator on the mock clock, a bot with a person, and a caller without sockets."""

    def __init__(self, **options):
        self.switches = Switches()
        self.simulator = TelegramSimulator(
            schema=SCHEMA, now=lambda: 1_750_000_000 + trio.current_time(), switches=self.switches, **options
        )
        self.client = self.simulator.app.test_client()
        self.bot = self.simulator.add_bot("Мост", "bridge_bot")
        self.ann = self.simulator.add_person("Анна")

    def write(self, *texts):
        for text in texts:
            self.simulator.write(self.ann, self.bot, text)

    async def call(self, method, **params):
        return await (await self.client.post(f"/bot{self.bot.token}/{method}", json=params)).get_json()

    async def updates(self, **params):
        answer = await self.call("getUpdates", **params)
        assert answer["ok"], answer
        return answer["result"]

    async def texts(self, **params):
        return [update["message"]["text"] for update in await self.updates(**params)]


@pytest.fixture
async def stage():
    return Stage()


async def test_updates_come_again_until_a_higher_offset_confirms_them(autojump_clock, stage):
    stage.write("1", "2", "3")
    first = await stage.updates()
    assert [update["update_id"] - first[0]["update_id"] for update in first] == [0, 1, 2]
    assert await stage.texts() == ["1", "2", "3"]
    assert await stage.texts(offset=first[1]["update_id"]) == ["2", "3"]
    assert await stage.texts(limit=1) == ["2"]
    assert await stage.updates(offset=first[2]["update_id"] + 1) == []
    stage.write("4")
    assert await stage.texts() == ["4"]
    stage.simulator.assert_clean()


async def test_a_negative_offset_keeps_only_the_last_and_a_bad_one_starts_at_the_head(autojump_clock, stage):
    stage.write("1", "2", "3")
    last = (await stage.updates())[-1]["update_id"]
    assert await stage.texts(offset=last + 1000) == ["1", "2", "3"]
    assert await stage.texts(offset=-2) == ["2", "3"]
    assert await stage.texts() == ["2", "3"]


async def test_a_long_poll_waits_for_its_time_or_the_first_update(autojump_clock, stage):
    begun = trio.current_time()
    assert await stage.updates(timeout=20) == []
    assert trio.current_time() - begun == pytest.approx(20)
    assert await stage.updates(timeout=500) == []
    assert trio.current_time() - begun == pytest.approx(70)  # at most 50 s
    found = []

    async def poll():
        found.extend(await stage.texts(timeout=30))

    begun = trio.current_time()
    async with trio.open_nursery() as polling:
        polling.start_soon(poll)
        await trio.sleep(5)
        stage.write("at last")
    assert found == ["at last"]
    assert trio.current_time() - begun == pytest.approx(5)


async def test_a_second_poll_ends_the_older_one(autojump_clock, stage):
    ended = []

    async def older():
        ended.append(await stage.call("getUpdates", timeout=30))

    async with trio.open_nursery() as polling:
        polling.start_soon(older)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as second:

            async def newer():
                assert await stage.texts(timeout=30) == ["for the newer"]

            second.start_soon(newer)
            await trio.sleep(1)
            stage.write("for the newer")
    assert ended[0]["error_code"] == 409
    assert ended[0]["description"].startswith("Conflict: terminated by other getUpdates request")


async def test_polling_and_a_webhook_exclude_each_other(autojump_clock, stage):
    ended = []

    async def poll():
        ended.append(await stage.call("getUpdates", timeout=30))

    stage.switches.conflict_delay_s = 3
    begun = trio.current_time()
    async with trio.open_nursery() as polling:
        polling.start_soon(poll)
        await trio.testing.wait_all_tasks_blocked()
        assert (await stage.call("setWebhook", url="https://bridge.example/hook"))["description"] == "Webhook was set"
    assert ended[0]["description"] == "Conflict: terminated by setWebhook request"
    refused = await stage.call("getUpdates")
    assert (refused["error_code"], "webhook is active" in refused["description"]) == (409, True)
    assert trio.current_time() - begun == pytest.approx(6)  # both conflicts were answered late
    assert (await stage.call("deleteWebhook"))["description"] == "Webhook was deleted"
    assert await stage.updates() == []


async def test_allowed_updates_are_remembered_and_not_applied_afterwards(autojump_clock, stage):
    simulator = stage.simulator
    stage.write("1")
    assert await stage.updates(allowed_updates=["callback_query"], limit=1) != []
    stage.write("2")
    assert await stage.texts() == ["1"]
    assert await stage.texts(allowed_updates=[]) == ["1"]
    stage.write("3")
    assert await stage.texts() == ["1", "3"]
    simulator.assert_clean()


@pytest.mark.skipif(SCHEMA is None, reason="the description of the Bot API (api.json) is not at hand")
async def test_a_misspelt_kind_is_ignored_but_noticed(autojump_clock, stage):
    await stage.updates(allowed_updates=["message", "mesage"])
    assert stage.simulator.violations == ["@bridge_bot: allowed_updates names unknown kinds: mesage"]


async def test_repeating_an_offset_is_held_back_where_switched_on(autojump_clock, stage):
    stage.switches.same_offset_throttle = True
    begun = trio.current_time()
    assert await stage.updates() == []
    assert await stage.updates() == []
    assert trio.current_time() - begun == pytest.approx(3)
    stage.write("1", "2")
    assert len(await stage.updates()) == 2  # three seconds have passed
    assert len(await stage.updates()) == 1  # at once again: one at a time


async def test_updates_expire_after_a_day_and_presses_after_150_seconds(autojump_clock, stage):
    stage.write("/start")
    markup = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    sent = await stage.call("sendMessage", chat_id=stage.ann.id, text="?", reply_markup=markup)
    stage.simulator.press(stage.ann, stage.bot, sent["result"]["message_id"], "yes")
    assert [min(update) for update in await stage.updates()] == ["message", "callback_query"]
    await trio.sleep(151)
    assert [min(update) for update in await stage.updates()] == ["message"]
    await trio.sleep(24 * 3600)
    assert await stage.updates() == []


async def test_a_poll_that_is_given_up_takes_nothing(autojump_clock, stage):
    with trio.move_on_after(1):
        await stage.updates(timeout=30)
    stage.write("1")
    assert await stage.texts() == ["1"]


async def test_an_injected_update_keeps_its_content_and_gets_a_fresh_id(autojump_clock, stage):
    stage.write("1")
    given = {"update_id": 5, "new_update_kind": {"some_field_idk": 1}}
    update_id = stage.simulator.inject(stage.bot, given)
    updates = await stage.updates()
    assert updates[1] == {"update_id": update_id, "new_update_kind": {"some_field_idk": 1}}
    assert update_id == updates[0]["update_id"] + 1
    assert stage.simulator.pending(stage.bot) == updates


async def test_the_queue_of_a_bot_that_takes_nothing_is_bounded(autojump_clock):
    stage = Stage(pending_cap=3)
    stage.write("1", "2", "3", "4")
    assert await stage.texts() == ["2", "3", "4"]
    assert stage.simulator.violations == [
        "simulator: too many updates wait for @bridge_bot; the oldest was dropped",
    ]


def test_ids_restart_anywhere_after_seven_quiet_days():
    now = [0.0]
    queue = UpdateQueue(now=lambda: now[0], rng=random.Random(1), capacity=10)
    first = queue.push("message", {}, lane=1, expires_at=10)
    assert queue.push("message", {}, lane=1, expires_at=10) == first + 1
    now[0] = 7 * 24 * 3600 + 1
    later = queue.push("message", {}, lane=1, expires_at=now[0] + 10)
    assert later != first + 2
    assert [pending.update_id for pending in queue.head(10)] == [later]


async def test_a_long_poll_over_a_socket_and_a_client_that_goes_away():
    simulator = TelegramSimulator(schema=SCHEMA)
    async with served(simulator) as telegram:
        bot = simulator.add_bot("Мост", "bridge_bot")
        ann = simulator.add_person("Анна")
        with pytest.raises(httpx.ReadTimeout):
            await telegram.client.get(f"{telegram.url}/bot{bot.token}/getUpdates?timeout=50", timeout=0.05)
        found = []
        asked = trio.Event()

        def arrived(facts):
            asked.set()
            return False

        async def poll():
            simulator.faults.delay("getUpdates", seconds=0, when=arrived)
            found.append(await telegram.call(bot, "getUpdates", timeout=50))

        async with trio.open_nursery() as polling:
            polling.start_soon(poll)
            await asked.wait()
            simulator.write(ann, bot, "hello")
        assert [update["message"]["text"] for update in found[0]["result"]] == ["hello"]
        simulator.assert_clean()
