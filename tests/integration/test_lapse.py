"""An account that nobody pays for: managers are told, people are kept, and the payment brings everything in order."""

from __future__ import annotations

import datetime as dt

import pytest
import trio

from dealgram.actors.accounts.account_repair import RepairOrder, repair_entry
from dealgram.actors.commands import LinkDeal, command_entry
from dealgram.actors.groups.link_refusals import LAPSED, LinkRefusal
from dealgram.actors.names import group_address
from dealgram.actors.subscriptions import lapse_texts
from dealgram.actors.subscriptions.state import Subscription
from dealgram.persistence import subscriptions
from dealgram.persistence.subscriptions import TOO_OLD

DAY = dt.timedelta(days=1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def announce(stage) -> None:
    """As a command of another process does it."""
    await stage.service.services.db.execute("SELECT pg_notify('dealgram_changes', '')")


async def known(stage, condition) -> Subscription:
    """Wait until the service has heard of a change."""
    with trio.fail_after(30):
        while not condition(found := subscription(stage)):  # noqa: ASYNC110
            await trio.sleep(0.01)
    return found


def subscription(stage) -> Subscription:
    account = stage.service.services.registry.account(stage.account.account_id)
    assert account is not None
    return account.subscription


async def lapse(stage) -> None:
    """The account's time ends now."""
    at = now()
    await subscriptions.set_until(stage.service.services.db, stage.account.account_id, at, now=at, by="operator")
    await announce(stage)
    await known(stage, lambda found: found.is_lapsed(now()))


async def pay(stage, days: float = 30) -> None:
    db = stage.service.services.db
    await subscriptions.extend(db, stage.account.account_id, days=days, now=now(), by="billing")
    await announce(stage)
    await known(stage, lambda found: not found.is_lapsed(now()))


async def heard(stage) -> None:
    """Wait until what people wrote has come in and is decided on; rows of a lapse go on waiting."""
    with trio.fail_after(30):
        while any(stage.telegram.pending(bot) for bot, _ in stage.world.bots) or stage.amo.hooks_pending:  # noqa: ASYNC110
            await trio.sleep(0.01)
        while await stage.count("SELECT count(*) FROM inbox WHERE done_at IS NULL"):  # noqa: ASYNC110
            await trio.sleep(0.01)


def answer(stage, deal: int, text: str) -> str:
    """The manager answers the group from the deal's card."""
    account = stage.world.account
    chat = next(one for one in stage.amo.chats_of_lead(account, deal) if one.conversation.endswith(f"-d{deal}"))
    return stage.amo.answer(account, chat.chat_uuid, stage.world.olga, text)


def lines(stage, deal: int, *texts: str) -> list:
    return [item for item in stage.feed(deal) if item.text in texts]


def asked_of_amocrm(stage) -> list[str]:
    return [one.operation for one in stage.amo.requests]


async def test_what_people_write_in_a_lapse_is_kept_over_a_restart_and_imported_silently_in_order(
    empty_stage, running, connected
):
    stage, world = empty_stage, empty_stage.world
    kept = [f"Слово {number}" for number in range(1, 6)]
    async with connected(stage):
        await stage.settled()
        await stage.link(world.cafe)
        stage.telegram.write(world.igor, world.sales_bot, "До паузы")
        await stage.in_card(world.igor, "До паузы")
        before = stage.telegram.write(world.anna, world.group, "Последнее слово")
        await stage.until(lambda: lines(stage, world.cafe, "Последнее слово"), "the last word")
        await stage.quiet()

        await lapse(stage)
        await stage.until(lambda: world.account.tasks, "the task for the administrator")
        await stage.quiet()
        asked = len(stage.amo.requests)
        refused = [answer(stage, world.cafe, "Вы ещё здесь?")]
        refused.append(stage.answer(world.igor, "Игорь, добрый день"))
        for amo_id in refused:
            assert (await stage.status(amo_id)).status == lapse_texts.REASON_LAPSED
        stage.amo.react(world.account, stage.card(world.igor)[0].amo_id, world.olga, "👍")
        stage.telegram.react(world.igor, world.group, before["message_id"], "🔥")
        first = stage.telegram.write(world.anna, world.group, kept[0])
        stage.telegram.write(world.anna, world.group, kept[1])
        stage.telegram.write(world.igor, world.group, "И я тут")
        stage.telegram.write(world.igor, world.sales_bot, "Лично")
        newcomer = stage.telegram.add_person("Новый", "Человек")
        stage.telegram.write(newcomer, world.sales_bot, "Впервые")
        stage.telegram.edit(world.anna, world.group, before["message_id"], "Последнее слово!")
        await heard(stage)
        assert set(asked_of_amocrm(stage)[asked:]) == {"amojo.delivery_status"}, (
            "nothing but the refusals went to amoCRM"
        )
        assert stage.card(newcomer) == []

    async with running(stage):  # a restart in the lapse
        stage.telegram.write(world.anna, world.group, kept[2])
        stage.telegram.edit(world.anna, world.group, first["message_id"], "Слово 1, исправлено")
        stage.telegram.write(world.igor, world.sales_bot, "Лично ещё раз")
        await heard(stage)
        lanes = sum(actor.lanes.waiting for actor in stage.service.system.snapshot().actors)
        assert lanes >= 2
        assert lines(stage, world.cafe, *kept) == []

        paid_after = now()
        stage.telegram.write(world.anna, world.group, kept[3])
        await heard(stage)
        await pay(stage)
        await stage.until(lambda: lines(stage, world.cafe, kept[3]), "what was kept comes in")
        stage.telegram.write(world.anna, world.group, kept[4])
        stage.telegram.write(world.igor, world.sales_bot, "После оплаты")
        await stage.in_card(world.igor, "После оплаты")
        await stage.in_card(newcomer, "Впервые")
        await stage.until(lambda: lines(stage, world.cafe, kept[4]), "the group goes on")
        await stage.done()

        found = lines(stage, world.cafe, "Последнее слово!", "Слово 1, исправлено", *kept)
        assert [item.text for item in sorted(found, key=lambda item: item.arrival)] == [
            "Последнее слово!",
            "Слово 1, исправлено",
            *kept[1:],
        ]
        assert [item.silent for item in found] == [False, True, True, True, True, False]
        assert all(item.at <= paid_after.timestamp() + 1 for item in found[:4]), "the original times"
        assert [reaction.emoji for reaction in found[0].reactions] == ["🔥"]
        assert [item.silent for item in lines(stage, world.cafe, "И я тут")] == [True]
        private = [item for item in stage.card(world.igor) if item.direction == "in"]
        assert [item.text for item in private] == ["До паузы", "Лично", "Лично ещё раз", "После оплаты"]
        assert [item.silent for item in private] == [False, True, True, False]
        (deal,) = [lead for lead in world.account.leads.values() if lead.name.startswith("Новый Человек")]
        assert stage.texts(deal.id) == ["Впервые"], "the deal of a new person, as usual"
        assert "Вы ещё здесь?" not in stage.group_texts()
        assert "Игорь, добрый день" not in stage.private_texts(world.igor)

        done = answer(stage, world.cafe, "Снова на связи")
        await stage.until(lambda: "Снова на связи" in stage.group_texts(), "the answer")
        assert (await stage.status(done)).status == "delivered"
        await stage.quiet()
        await stage.assert_undisturbed()
    stage.assert_clean()


async def test_time_runs_out_without_any_event_and_administrators_are_told_once_per_phase(
    empty_stage, connected, running
):
    stage, world = empty_stage, empty_stage.world
    manager = stage.amo.add_user(world.account, "Второй администратор", is_admin=True)

    def told(words: str) -> list[int]:
        found = [task for task in world.account.tasks.values() if words in task.text]
        assert all("Настройки → Telegram: боты и группы" in task.text for task in found)
        return sorted(task.responsible_user_id for task in found)

    async def look(words: str, count: int) -> None:
        """The upkeep comes round, once a minute."""
        stage.service._look_after_soon()
        await stage.until(lambda: len(told(words)) == count, f"{count} tasks: {words}")
        await stage.quiet()
        stage.service._look_after_soon()
        await stage.quiet()
        assert len(told(words)) == count

    both = sorted((world.olga.id, manager.id))
    async with connected(stage) as service:
        await stage.settled()
        stage.telegram.write(world.igor, world.sales_bot, "Добрый день")
        await stage.in_card(world.igor, "Добрый день")
        assert world.account.tasks == {}
        stage.ahead = dt.timedelta(days=11, minutes=1)
        await look("закончится пробный период", 2)
        assert told("закончится пробный период") == both, "not the manager who is no administrator"
        (until,) = {task.complete_till for task in world.account.tasks.values()}
        assert until == int(subscription(stage).until.timestamp())

        stage.ahead = dt.timedelta(days=14, minutes=1)
        refused = stage.answer(world.igor, "Уже поздно")
        assert (await stage.status(refused)).status == lapse_texts.REASON_LAPSED
        await look("закончился пробный период", 2)
        assert service.services.registry.account(stage.account.account_id).is_lapsed(service.services.now())

    async with running(stage) as service:
        await look("закончился пробный период", 2)
        db = service.services.db
        await subscriptions.extend(
            db, stage.account.account_id, days=2, now=service.services.now(), by="operator", request_id="1"
        )
        await announce(stage)
        await look("закончится оплаченный период", 2)
        stage.ahead = dt.timedelta(days=16, minutes=2)
        await look("закончился оплаченный период", 2)
        assert len(world.account.tasks) == 8
    stage.assert_clean()


@pytest.fixture
async def linked(stage):
    """A stage with a linked group, on which Igor has written in private."""
    await stage.link(stage.world.cafe)
    stage.telegram.write(stage.world.igor, stage.world.sales_bot, "До паузы")
    await stage.in_card(stage.world.igor, "До паузы")
    await stage.quiet()
    return stage


async def test_links_hooks_and_typing_rest_and_the_payment_brings_a_review(linked, choose):
    stage, world = linked, linked.world
    await choose(on_deal_closed="unlink")
    await lapse(stage)
    await stage.until(lambda: world.account.tasks, "the task for the administrator")
    await stage.quiet()
    asked = len(stage.amo.requests)

    # In the menu, whoever may link reads in an alert of their own what is wrong; nobody else notices.
    said = len(stage.telegram.history(world.group))
    stage.telegram.write(world.anna, world.group, f"/menu@{world.sales_bot.username}")
    menu = await stage.until(
        lambda: next((m for m in stage.telegram.history(world.group)[said:] if stage.buttons(m)), None), "the menu"
    )
    for person, label, told in (
        (world.anna, "Связать группу", lapse_texts.MENU_PAUSED),
        (world.anna, "Список", lapse_texts.MENU_PAUSED),
        (world.igor, "Список", None),
    ):
        data = next(data for name, data in stage.buttons(menu).items() if label in name)
        press = stage.telegram.press(person, world.group, menu["message_id"], data)
        shown = await stage.until(lambda press=press: stage.telegram.callback_answers.get(press), "an answer")
        assert (shown.get("text"), bool(shown.get("show_alert"))) == (told, told is not None)
    await heard(stage)
    assert not any("приостановлен" in text for text in stage.group_texts())

    # A command is refused with the reason.
    group_id = await stage.count("SELECT group_id FROM groups WHERE status <> 'merged' LIMIT 1")
    entry = command_entry(stage.account.account_id, group_address(group_id), LinkDeal(deal_id=world.office))
    await stage.service.services.journal.accept([entry])
    refusal = str(LinkRefusal(LAPSED, lapse_texts.LINKING_PAUSED))
    with trio.fail_after(10):
        while not await stage.count("SELECT count(*) FROM outbox WHERE error = $1", refusal):  # noqa: ASYNC110
            await trio.sleep(0.01)

    # amoCRM's side is not acted upon, …
    stage.amo.close_lead(world.account, world.cafe)
    with trio.fail_after(10):
        while stage.amo.crm_hooks_pending:  # noqa: ASYNC110
            await trio.sleep(0.01)
    await heard(stage)
    assert asked_of_amocrm(stage)[asked:] == []
    linked_now = "SELECT count(*) FROM links WHERE status = 'linked'"
    assert await stage.count(linked_now) == 1

    # … until somebody pays.
    await pay(stage)
    with trio.fail_after(30):
        while await stage.count(linked_now):  # noqa: ASYNC110
            await trio.sleep(0.01)
    await stage.quiet()
    assert await stage.count(
        "SELECT count(*) FROM inbox WHERE source = 'account' AND source_key LIKE $1 AND result = 'setting up'",
        f"{stage.account.account_id}:paid:%",
    )
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_an_answer_that_comes_to_light_after_the_payment_is_refused_all_the_same(linked):
    """Its hook was lost in the lapse, and the comparison of chats finds it."""
    stage, world = linked, linked.world
    await lapse(stage)
    stage.amo.hook_faults.drop()
    late = answer(stage, world.cafe, "Из паузы")
    since = int((now() - DAY).timestamp() * 1000)
    await heard(stage)
    await pay(stage)
    order = RepairOrder(since_ms=since, until_ms=int(now().timestamp() * 1000))
    await stage.service.services.journal.accept([repair_entry(stage.account.account_id, order, key="test")])
    assert (await stage.status(late)).status == lapse_texts.REASON_LAPSED
    await stage.quiet()
    assert "Из паузы" not in stage.group_texts()
    stage.assert_clean()


async def test_a_new_person_of_a_bot_with_the_unsorted_gets_there_as_usual(linked):
    stage, world = linked, linked.world
    await stage.service.services.db.execute(
        """UPDATE bots SET settings = '{"unsorted": true}' WHERE bot_id = $1""", world.sales_bot.id
    )
    await stage.service.refresh()
    await lapse(stage)
    newcomer = stage.telegram.add_person("Новый")
    for text in ("Раз", "Два"):
        stage.telegram.write(newcomer, world.sales_bot, text)
    await heard(stage)
    await pay(stage)
    await stage.in_card(newcomer, "Два")
    assert stage.card_texts(newcomer) == ["Раз", "Два"]
    assert [item.silent for item in stage.card(newcomer)] == [False, True]
    assert len(world.account.unsorted) == 1
    await stage.quiet()
    stage.assert_clean()


async def test_what_is_older_than_two_weeks_is_dropped_counted_and_never_comes_back(linked):
    stage, world = linked, linked.world
    db = stage.service.services.db
    await lapse(stage)
    stage.telegram.write(world.igor, world.sales_bot, "Очень старое")
    stage.telegram.write(world.anna, world.group, "Старое в группе")
    await heard(stage)
    await db.execute("UPDATE outbox SET created_at = created_at - interval '15 days' WHERE state = 'pending'")
    await db.execute("UPDATE subscriptions SET paid_until = paid_until - interval '16 days'")
    stage.telegram.write(world.igor, world.sales_bot, "Недавнее")
    await heard(stage)
    assert await subscriptions.drop_old(db, now()) == 2
    await announce(stage)
    await known(stage, lambda found: found.dropped == 2)
    assert subscription(stage).dropped_lately(now()) == 2
    await pay(stage)
    await stage.in_card(world.igor, "Недавнее")
    await stage.quiet()
    assert stage.card_texts(world.igor) == ["До паузы", "Недавнее"]
    assert "Старое в группе" not in stage.texts(world.cafe)
    assert await stage.count("SELECT count(*) FROM outbox WHERE error = $1", TOO_OLD) >= 2
    stage.assert_clean()
