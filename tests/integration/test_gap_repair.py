"""Managers' messages whose hook never came: dropped on the way, sent to a service that was down or had no database."""

from __future__ import annotations

import dataclasses
import itertools

import httpx
import orjson
import pytest
import trio

from dealgram.actors import texts
from dealgram.actors.accounts.account_repair import RepairOrder, repair_entry
from dealgram.persistence import dead_letters, repairs
from dealgram.persistence.errors import DatabaseUnavailable
from dealgram.runtime import Permanent
from dealgram.sandbox.amocrm.signing import body_signature

_numbers = itertools.count(1)


@pytest.fixture
async def told(stage):
    """A stage on which Anna has written to the sales bot and the group is linked to two deals."""
    stage.telegram.write(stage.world.anna, stage.world.sales_bot, "Добрый день")
    await stage.in_card(stage.world.anna, "Добрый день")
    await stage.quiet()
    return stage


async def repair(stage, since_s: float = 3600.0) -> None:
    """Order a comparison, as an operator does, and wait until it is done."""
    services = stage.service.services
    now_ms = int(services.now().timestamp() * 1000)
    order = RepairOrder(since_ms=now_ms - int(since_s * 1000), until_ms=now_ms)
    await services.journal.accept([repair_entry(stage.account.account_id, order, key=f"test-{next(_numbers)}")])
    await stage.quiet()


async def planned(stage, comparisons: int) -> None:
    """Wait until that many orders were understood."""
    with trio.fail_after(30):
        while await stage.count("SELECT count(*) FROM outbox WHERE kind = 'repair.plan'") < comparisons:  # noqa: ASYNC110
            await trio.sleep(0.02)


async def delivered(stage, *answers: str) -> None:
    for answer in answers:
        assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()


async def state(stage):
    return await repairs.get(stage.service.services.db, stage.account.account_id)


async def test_dropped_hooks_are_delivered_once_and_in_order(told, play):
    world, stage = told.world, told
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Вопрос", world.cafe, world.office)
    answers = [told.answer(world.anna, "Дошло сразу")]
    await delivered(stage, *answers)
    stage.amo.hook_faults.drop(times=None)
    lost = [told.answer(world.anna, f"Лично {number}") for number in range(5)]
    lost += [play.answer(world.cafe, f"В группу {number}") for number in range(5)]
    await stage.until(lambda: not stage.amo.hooks_pending, "all hooks are gone")
    stage.amo.hook_faults.clear()
    before = len(stage.amo.hooks)

    await repair(stage)
    await delivered(stage, *lost)
    assert stage.private_texts(world.anna) == ["Дошло сразу", *(f"Лично {number}" for number in range(5))]
    said = [text for text in stage.group_texts() if text.startswith("В группу")]
    assert said == [f"В группу {number}" for number in range(5)]
    imported = [item.text for item in stage.feed(world.office) if item.direction == "out"]
    assert imported == said  # the other deal of the group has them as well
    row = await state(stage)
    assert (row.state, row.compared, row.found, row.late, row.failed) == ("done", row.chats, 10, 0, 0)

    # A second comparison, and the hooks themselves that come after all, change nothing.
    await repair(stage)
    for hook in list(stage.amo.hooks)[1:before]:
        headers = {
            "Content-Type": "application/json",
            "X-Signature": body_signature(stage.amo.channel.secret, hook.body),
        }
        async with httpx.AsyncClient(trust_env=False) as client:
            url = stage.amo.hook_url.format(scope_id=hook.scope_id)
            assert (await client.post(url, content=hook.body, headers=headers)).status_code == 200
    await stage.quiet()
    assert stage.private_texts(world.anna) == ["Дошло сразу", *(f"Лично {number}" for number in range(5))]
    assert [text for text in stage.group_texts() if text.startswith("В группу")] == said
    row = await state(stage)
    assert (row.state, row.compared, row.found) == ("done", row.chats, 0)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_hook_that_comes_while_chats_are_compared_is_not_doubled(told):
    world = told.world
    told.amo.hook_faults.delay(0.3)
    slow = told.amo.faults.delay("amojo.history", seconds=0.6, after_work=True)
    answer = told.answer(world.anna, "Вдогонку")
    await repair(told)
    await delivered(told, answer)
    await told.until(lambda: told.amo.hooks[-1].status == 200, "the hook")
    await told.quiet()
    assert slow.hits == 1
    assert told.private_texts(world.anna) == ["Вдогонку"]
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == 1


async def test_long_chats_are_read_page_by_page_also_when_messages_come_meanwhile(told):
    world = told.world
    told.amo.hook_faults.drop(times=None)
    lost = [told.answer(world.anna, f"Ответ {number}") for number in range(120)]
    await told.until(lambda: not told.amo.hooks_pending, "all hooks are gone")
    told.amo.hook_faults.clear()
    told.amo.faults.delay("amojo.history", seconds=0.2, times=1, after_work=True)
    told.telegram.write(world.anna, world.sales_bot, "И ещё вопрос")
    await repair(told)
    await delivered(told, *lost)
    assert told.private_texts(world.anna) == [f"Ответ {number}" for number in range(120)]
    told.assert_clean()


async def test_what_is_too_old_is_not_sent_and_the_manager_is_told_once(told):
    world = told.world
    services = told.service.services
    told.amo.hook_faults.drop(times=None)
    answer = told.answer(world.anna, "Вы ещё ждёте?")
    await told.until(lambda: not told.amo.hooks_pending, "the hook is gone")
    limits = dataclasses.replace(services.repair, max_age_s=0.001)
    object.__setattr__(services, "repair", limits)
    account = next(one.address for one in told.service.system.snapshot().actors if one.address.kind == "account")
    await told.service.system.restart(account)
    await repair(told)
    assert (await told.status(answer)).status == texts.REASON_TOO_LATE
    row = await state(told)
    assert (row.found, row.late) == (0, 1)
    await repair(told)
    row = await state(told)
    assert (row.found, row.late) == (0, 0)
    assert told.private_texts(world.anna) == []
    assert await told.count("SELECT count(*) FROM outbox WHERE kind = 'amo.status'") == 1


async def test_a_hook_that_was_refused_for_want_of_a_database_is_found_by_the_next_sweep(told, monkeypatch):
    world, journal = told.world, told.service.services.journal
    accept = journal.accept

    async def away(entries):
        if any(entry.source == "amojo" for entry in entries):
            raise DatabaseUnavailable("the database is away")
        return await accept(entries)

    monkeypatch.setattr(journal, "accept", away)
    answers = [told.answer(world.anna, f"Ответ {number}") for number in range(3)]
    await told.until(lambda: [hook.status for hook in told.amo.hooks] == [503] * 3, "the refusals")
    monkeypatch.undo()
    await told.service.gaps.beat()
    await delivered(told, *answers)
    assert told.private_texts(world.anna) == [f"Ответ {number}" for number in range(3)]
    await told.service.gaps.beat()  # there is no gap any more
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'repair'") == 1
    await told.assert_undisturbed()


async def test_messages_of_a_time_without_the_service_are_delivered_when_it_is_back(empty_stage, connected, running):
    stage, world = empty_stage, empty_stage.world
    stage.settings = stage.settings.model_copy(update={"repair_after_s": 0.001})
    async with connected(stage):
        stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
        await stage.in_card(world.anna, "Добрый день")
        await stage.quiet()
        await stage.service.gaps.beat()
    lost = [stage.answer(world.anna, f"Ответ {number}") for number in range(3)]
    await stage.until(lambda: not stage.amo.hooks_pending, "all hooks failed")
    assert {hook.outcome for hook in stage.amo.hooks} == {"failed"}

    # The next life is ended in the middle of its comparison; the one after goes on with it.
    slow = stage.amo.faults.delay("amojo.history", seconds=3600, times=1)
    async with running(stage):
        await stage.taken(slow)
    async with running(stage):
        await delivered(stage, *lost)
        assert stage.private_texts(world.anna) == [f"Ответ {number}" for number in range(3)]
        async with httpx.AsyncClient(trust_env=False) as client:
            url = stage.amo.hook_url.partition("/amojo/")[0]
            page = orjson.loads((await client.get(f"{url}/health/accounts")).content)
        assert page["accounts"][0]["repair"].startswith("сверка переписки: ")
    stage.assert_clean()


async def test_nothing_of_ours_is_taken_for_a_managers_message(play):
    world, stage = play.stage.world, play.stage
    for deal in (world.cafe, world.office):
        await play.link(deal)
    await play.words(world.igor, "Вопрос", world.cafe, world.office)
    await delivered(stage, play.answer(world.cafe, "Ответ"))
    entries = await stage.count("SELECT count(*) FROM inbox WHERE source = 'amojo'")
    await repair(stage)
    assert await stage.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == entries
    row = await state(stage)
    assert (row.state, row.found, row.late) == ("done", 0, 0)
    assert row.chats == 4  # the group's own chat and Igor's, in either deal


async def test_a_chat_that_cannot_be_read_is_counted_and_holds_up_no_other(told):
    world = told.world
    told.telegram.write(world.igor, world.sales_bot, "И я")
    await told.in_card(world.igor, "И я")
    await told.quiet()
    told.amo.hook_faults.drop()
    answer = told.answer(world.anna, "Ответ")
    await told.until(lambda: not told.amo.hooks_pending, "the hook is gone")
    told.amo.faults.answer("amojo.history", status=400, body=b"{}")  # the chat that was active last
    await repair(told)
    await delivered(told, answer)
    row = await state(told)
    assert (row.state, row.failed, row.found) == ("done", 1, 1)


async def test_a_comparison_that_is_given_up_counts_as_failed_and_can_be_retried(told, monkeypatch):
    world, db = told.world, told.service.services.db
    told.telegram.write(world.igor, world.sales_bot, "И я")
    await told.in_card(world.igor, "И я")
    await told.quiet()
    told.amo.hook_faults.drop(times=None)
    lost = {person.id: told.answer(person, "Ответ") for person in (world.anna, world.igor)}
    await told.until(lambda: not told.amo.hooks_pending, "the hooks are gone")
    history = told.service.services.amojo.history
    igors = told.amo.chat(world.account, f"p{world.sales_bot.id}-{world.igor.id}").uuid

    async def broken(scope_id, chat_uuid, **more):
        if chat_uuid == igors:
            raise Permanent("nobody understands this history")
        return await history(scope_id, chat_uuid, **more)

    monkeypatch.setattr(told.service.services.amojo, "history", broken)
    await repair(told)
    await delivered(told, lost[world.anna.id])
    row = await state(told)
    assert (row.state, row.chats, row.compared, row.failed, row.found) == ("done", 2, 2, 1, 1)

    monkeypatch.undo()
    (letter,) = await dead_letters.list_open(db)
    assert await dead_letters.retry(db, letter.id) is not None
    await delivered(told, lost[world.igor.id])
    row = await state(told)
    assert (row.state, row.compared, row.failed, row.found) == ("done", 2, 0, 2)


async def test_the_gap_of_a_plan_that_is_given_up_is_left_to_the_next_comparison(told, monkeypatch):
    told.amo.hook_faults.drop()
    lost = told.answer(told.world.anna, "Ответ")
    await told.until(lambda: not told.amo.hooks_pending, "the hook is gone")

    async def broken(*args, **more):
        raise Permanent("nobody can plan this")

    monkeypatch.setattr(repairs, "chats_begin", broken)
    await repair(told)
    row = await state(told)
    assert (row.state, row.chats, row.failed) == ("done", 0, 0)
    assert row.carried_ms is not None

    monkeypatch.undo()
    await repair(told, since_s=-600)  # of itself it would look at nothing that was written before now
    await delivered(told, lost)
    row = await state(told)
    assert (row.state, row.found, row.carried_ms) == ("done", 1, None)


async def test_the_beginning_of_a_first_life_is_no_gap(stage):
    assert await stage.count("SELECT count(*) FROM inbox WHERE source = 'repair'") == 0
    assert (await repairs.heartbeat(stage.service.services.db)).good_at is not None


async def test_a_burst_during_which_the_service_dies_arrives_once(empty_stage, connected, running):
    stage, world = empty_stage, empty_stage.world
    stage.settings = stage.settings.model_copy(update={"repair_after_s": 0.001})
    with trio.CancelScope() as life:
        async with connected(stage):
            for person in (world.anna, world.igor):
                stage.telegram.write(person, world.sales_bot, "Добрый день")
                await stage.in_card(person, "Добрый день")
            await stage.quiet()
            burst = {
                stage.answer(person, f"{person.first_name} {number}"): (person, f"{person.first_name} {number}")
                for number in range(15)
                for person in (world.anna, world.igor)
            }
            await stage.until(lambda: sum(hook.status == 200 for hook in stage.amo.hooks) >= 8, "a part of the hooks")
            life.cancel()
            await trio.lowlevel.checkpoint()
    await stage.until(lambda: not stage.amo.hooks_pending, "the others failed")
    assert any(hook.status != 200 for hook in stage.amo.hooks)
    async with running(stage):
        for amo_id, (person, text) in burst.items():
            seen = (await stage.status(amo_id)).status
            count = stage.private_texts(person).count(text)
            # A send that was under way when the service died is reported and not repeated.
            assert (seen, count) == ("delivered", 1) or (seen == texts.REASON_UNKNOWN_OUTCOME and count <= 1)
        assert await stage.count("SELECT count(*) FROM outbox WHERE state = 'unknown'") <= 2
    stage.assert_clean()


async def test_orders_that_pile_up_are_one_comparison(told):
    world, services = told.world, told.service.services
    told.amo.hook_faults.drop()
    answer = told.answer(world.anna, "Давно")
    await told.until(lambda: not told.amo.hooks_pending, "the hook is gone")
    held = told.amo.faults.hold("amojo.history")
    now_ms = int(services.now().timestamp() * 1000)
    # The second looks back to the message; those after it do not.
    orders = [RepairOrder(since_ms=now_ms + 600_000, until_ms=now_ms + 700_000) for _ in range(6)]
    orders[1] = RepairOrder(since_ms=now_ms - 60_000, until_ms=now_ms - 59_000)
    orders[-1] = RepairOrder(since_ms=now_ms + 600_000, until_ms=now_ms + 700_000)
    entries = [repair_entry(told.account.account_id, order, key=f"test-{next(_numbers)}") for order in orders]
    await services.journal.accept(entries[:1])
    await told.taken(held)
    await services.journal.accept(entries[1:])
    await planned(told, len(entries))
    held.release()
    await told.quiet()
    await delivered(told, answer)
    # Of the first, and of all the others together.
    chats = await told.count("SELECT count(*) FROM outbox WHERE kind = 'repair.chat'")
    assert chats == 2


async def test_an_answer_in_a_chat_that_was_only_begun_when_the_gap_came_is_found(told):
    """amoCRM has the first message, and a manager has answered it, before its arrival is known here."""
    world, stage = told.world, told
    stage.amo.faults.drop_after("amojo.send")
    held = stage.amo.faults.hold("amojo.send")
    stage.amo.hook_faults.drop()
    stage.telegram.write(world.igor, world.sales_bot, "Я новый")
    await stage.taken(held)
    lost = stage.answer(world.igor, "Здравствуйте!")
    await stage.until(lambda: not stage.amo.hooks_pending, "the hook is gone")

    services = stage.service.services
    now_ms = int(services.now().timestamp() * 1000)
    order = RepairOrder(since_ms=now_ms - 3_600_000, until_ms=now_ms)
    await services.journal.accept([repair_entry(stage.account.account_id, order, key="begun")])
    await planned(stage, 1)
    held.release()
    await delivered(stage, lost)
    assert stage.private_texts(world.igor) == ["Здравствуйте!"]
    stage.assert_clean()


async def test_after_more_than_a_day_the_linked_groups_are_told_what_is_missing(play):
    """Telegram keeps updates for 24 hours: what was written before that never comes."""
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await stage.settled()
    db, gaps = stage.service.services.db, stage.service.gaps
    await gaps.beat()
    await db.execute("UPDATE heartbeats SET good_at = now() - interval '20 hours'")
    await gaps.beat()
    await stage.settled()
    assert not [text for text in stage.texts(world.cafe) if text.startswith("⚠️")]

    await db.execute("UPDATE heartbeats SET good_at = now() - interval '30 hours'")
    await gaps.beat()
    await stage.settled()
    (line,) = [text for text in stage.texts(world.cafe) if text.startswith("⚠️")]
    assert "Telegram хранит сообщения для бота только сутки" in line
    assert not [text for text in stage.texts(world.office) if text.startswith("⚠️")]
    assert not [text for text in stage.group_texts() if text.startswith("⚠️")]
    stage.assert_clean()
    await stage.assert_undisturbed()
