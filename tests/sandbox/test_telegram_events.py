"""The stream of changes that the page reads."""

from __future__ import annotations

import pytest
import trio

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator


@pytest.fixture
def simulator():
    return TelegramSimulator(schema=ApiSchema.load())


async def test_every_change_is_told_in_order(simulator):
    ann = simulator.add_person("Анна")
    with simulator.subscribe() as changes:
        bot = simulator.add_bot("Мост", "bridge_bot")
        group = simulator.create_group("Стройка", ann)
        simulator.add_member(group, bot)
        message = simulator.write(ann, group, "раз")
        simulator.edit(ann, group, message["message_id"], "два")
        simulator.react(ann, group, message["message_id"], "👍")
        simulator.delete(group, message["message_id"])
        simulator.block(ann, bot)
        seen = [await anext(changes) for _ in range(10)]
    assert [(change.kind, change.chat_id) for change in seen] == [
        ("bot", None),
        ("message", group.id),
        ("chat", group.id),
        ("member", group.id),
        ("message", group.id),
        ("message", group.id),
        ("edited", group.id),
        ("reaction", group.id),
        ("deleted", group.id),
        ("member", ann.id),
    ]
    assert (seen[5].data["text"], seen[6].data["text"]) == ("раз", "два")
    assert (seen[0].bot_id, seen[9].bot_id, seen[5].bot_id) == (bot.id, bot.id, None)


async def test_a_reader_that_falls_behind_gets_a_reset_and_blocks_nobody(simulator):
    ann = simulator.add_person("Анна")
    bot = simulator.add_bot("Мост", "bridge_bot")
    with simulator.subscribe(size=3) as slow, simulator.subscribe() as quick:
        for number in range(4):
            simulator.write(ann, bot, str(number))
        assert [(await anext(slow)).kind for _ in range(1)] == ["reset"]
        assert [(await anext(quick)).data["text"] for _ in range(4)] == ["0", "1", "2", "3"]
        simulator.write(ann, bot, "4")
        assert (await anext(slow)).data["text"] == "4"


async def test_a_reader_waits_for_the_next_change_and_can_leave(simulator, autojump_clock):
    seen = []

    async def read(changes):
        async for change in changes:
            seen.append(change.kind)
            break

    changes = simulator.subscribe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, changes)
        await trio.testing.wait_all_tasks_blocked()
        simulator.add_person("Анна")
    assert seen == ["person"]
    with changes:
        pass
    assert not simulator._cloud.feed.watched
