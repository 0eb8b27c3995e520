"""What amoCRM refuses for good ends as a dead letter, holds nothing up, and goes out when an operator retries it."""

from __future__ import annotations

import trio

from dealgram.persistence import dead_letters


async def open_letters(stage) -> list:
    return await dead_letters.list_open(stage.service.services.db)


async def until_open(stage) -> list:
    with trio.fail_after(30):
        while not (letters := await open_letters(stage)):  # noqa: ASYNC110 - a database has no event
            await trio.sleep(0.02)
    return letters


async def test_a_refused_post_becomes_a_dead_letter_and_a_retry_delivers_it(stage):
    world = stage.world
    stage.telegram.write(world.igor, world.sales_bot, "Первое")
    await stage.in_card(world.igor, "Первое")
    refused = stage.amo.faults.answer("amojo.send", status=400, body=b"{}", times=1)
    stage.telegram.write(world.igor, world.sales_bot, "Второе")
    stage.telegram.write(world.igor, world.sales_bot, "Третье")
    await stage.in_card(world.igor, "Третье")
    assert refused.hits == 1
    assert "Второе" not in stage.card_texts(world.igor)
    letters = await until_open(stage)
    (letter,) = letters
    assert "Второе" in letter.body.decode()
    assert letter.traceback

    assert await dead_letters.retry(stage.service.services.db, letter.id) is not None
    await stage.in_card(world.igor, "Второе")
    assert stage.card_texts(world.igor).count("Второе") == 1
    assert await open_letters(stage) == []


async def test_a_discarded_letter_is_not_sent(stage):
    world = stage.world
    stage.amo.faults.answer("amojo.send", status=400, body=b"{}", times=1)
    stage.telegram.write(world.igor, world.sales_bot, "Отказ")
    letters = await until_open(stage)
    assert await dead_letters.discard(stage.service.services.db, letters[0].id)
    assert await dead_letters.retry(stage.service.services.db, letters[0].id) is None
    stage.telegram.write(world.igor, world.sales_bot, "Дальше")
    await stage.in_card(world.igor, "Дальше")
    assert "Отказ" not in stage.card_texts(world.igor)
