"""A manager's answers on their way to Telegram when something fails: what is repeated, what never is, who is told."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from dealgram.actors import texts
from dealgram.sandbox.amocrm.outgoing import Attachment
from dealgram.sandbox.serve import serve


def answers(stage) -> list[str]:
    return stage.private_texts(stage.world.anna)[1:]


@pytest.mark.parametrize(("fault", "arrived"), [("drop_after", ["Первый", "Второй"]), ("drop_before", ["Второй"])])
async def test_an_answer_of_unknown_outcome_is_reported_and_not_repeated(told, fault, arrived):
    anna = told.world.anna
    order = getattr(told.telegram.faults, fault)("sendMessage")
    first, second = told.answer(anna, "Первый"), told.answer(anna, "Второй")

    seen = await told.status(first)
    assert seen.status == (
        "Связь с Telegram прервалась во время отправки. Сообщение могло дойти: проверьте в чате, прежде чем повторять"
    )
    assert seen.error_code == 905
    assert (await told.status(second)).status == "delivered"
    await told.quiet()
    assert order.hits == 1
    assert answers(told) == arrived
    assert await told.count("SELECT count(*) FROM outbox WHERE state = 'unknown'") == 1
    await told.assert_undisturbed()


async def test_a_long_answer_of_which_a_part_is_unknown_is_not_called_delivered(told):
    anna = told.world.anna
    told.telegram.faults.drop_after("sendMessage")
    answer = told.answer(anna, "слово " * 1500)
    await told.until(lambda: len(answers(told)) == 3, "all parts")
    await told.quiet()
    assert told.amo.message(told.world.account, answer).status == texts.REASON_UNKNOWN_OUTCOME


REFUSALS = {
    "429": lambda telegram: telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1),
    "500": lambda telegram: telegram.refuse("sendMessage", 500, "Internal Server Error: restart", times=2),
    "502": lambda telegram: telegram.faults.answer("sendMessage", status=502, body="<html>Bad Gateway</html>", times=2),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_what_telegram_certainly_did_not_do_is_repeated_in_order(told, kind):
    order = REFUSALS[kind](told.telegram)
    sent = [told.answer(told.world.anna, f"Ответ {number}") for number in range(4)]
    for answer in sent:
        assert (await told.status(answer)).status == "delivered"
    assert order.hits >= 1
    assert answers(told) == [f"Ответ {number}" for number in range(4)]
    await told.assert_undisturbed()


async def test_answers_wait_for_a_telegram_that_cannot_be_reached(empty_stage, connected):
    """Nobody listens where Telegram should be: nothing was sent, so everything is sent later, once and in order."""
    stage, world = empty_stage, empty_stage.world
    async with trio.open_nursery() as nursery:
        reachable = trio.CancelScope()
        port = await nursery.start(_serve, stage.telegram.app, reachable)
        stage.settings = stage.settings.model_copy(update={"telegram_api_url": f"http://127.0.0.1:{port}"})
        async with connected(stage) as service:
            await stage.start_bot()
            reachable.cancel()
            sent = [stage.answer(world.anna, f"Ответ {number}") for number in range(3)]
            await _until_a_lane_waits(service)
            assert answers(stage) == []
            assert [stage.amo.message(world.account, one).status for one in sent] == ["sent"] * 3
            await nursery.start(partial(serve, stage.telegram.app, port=port))
            for answer in sent:
                assert (await stage.status(answer)).status == "delivered"
            assert answers(stage) == [f"Ответ {number}" for number in range(3)]
            await stage.assert_undisturbed()
        nursery.cancel_scope.cancel()


async def _serve(app, scope, *, task_status) -> None:
    with scope:
        await serve(app, task_status=task_status)


async def test_an_answer_from_a_revoked_bot_says_what_to_do(told):
    told.telegram.revoke_token(told.world.sales_bot)
    seen = await told.status(told.answer(told.world.anna, "Кто-нибудь?"))
    assert seen.error_code == 902
    assert seen.status in (texts.REASON_BOT_REFUSED, texts.REASON_BOT_REMOVED)
    assert answers(told) == []
    await told.assert_undisturbed()


async def test_an_answer_to_a_deleted_telegram_account_says_so(told):
    told.telegram.deactivate(told.world.anna)
    seen = await told.status(told.answer(told.world.anna, "Алло"))
    assert (seen.status, seen.error_code) == (texts.REASON_DEACTIVATED, 904)


async def test_a_refusal_without_a_sentence_of_its_own_is_shown_with_telegrams_words(told):
    told.telegram.refuse("sendMessage", 400, "Bad Request: STRANGE_THING_HAPPENED")
    seen = await told.status(told.answer(told.world.anna, "Странное"))
    assert seen.status == "Telegram не принял сообщение. Он ответил: «STRANGE_THING_HAPPENED»"
    assert (await told.status(told.answer(told.world.anna, "Обычное"))).status == "delivered"
    await told.assert_undisturbed()


async def test_attachments_and_buttons_of_an_answer_are_not_silently_missing(told):
    """A file that does not lie with (the simulated) amoCRM is not fetched."""
    picture = Attachment("picture", url="https://drive.amocrm.ru/maket.png", name="maket.png", claimed_size=9)
    told.answer(
        told.world.anna, "Смотрите", attachments=[picture], buttons=[[{"text": "Сайт", "url": "https://example.com"}]]
    )
    line = "Смотрите\n\n🖼 Изображение: maket.png, 9 байт\nhttps://drive.amocrm.ru/maket.png"
    await told.until(lambda: answers(told) == [line], "one message with everything")
    keyboard = told.private_messages(told.world.anna)[-1]["reply_markup"]
    assert keyboard == {"inline_keyboard": [[{"text": "Сайт", "url": "https://example.com"}]]}
    told.assert_clean()


async def test_a_status_that_amocrm_could_not_take_is_reported_again(told):
    order = told.amo.faults.answer("amojo.delivery_status", status=503, times=2)
    assert (await told.status(told.answer(told.world.anna, "Ответ"))).status == "delivered"
    assert order.hits == 2
    assert answers(told) == ["Ответ"]


async def test_an_answer_that_waits_in_the_journal_goes_out_in_the_services_next_life(empty_stage, connected, running):
    stage, world = empty_stage, empty_stage.world
    async with connected(stage) as service:
        await stage.start_bot()
        order = stage.telegram.faults.answer("sendMessage", status=503, times=None)
        answer = stage.answer(world.anna, "Дождитесь")
        await _until_a_lane_waits(service)
    assert answers(stage) == []
    order.cancel()
    async with running(stage):
        assert (await stage.status(answer)).status == "delivered"
        assert answers(stage) == ["Дождитесь"]


async def _until_a_lane_waits(service) -> None:
    """Sending was tried, and failed for now."""
    with trio.fail_after(20):
        while not any(actor.lanes.waiting for actor in service.system.snapshot(kind="bot").actors):  # noqa: ASYNC110
            await trio.sleep(0.02)


async def test_an_answer_whose_record_is_refused_is_not_sent_again(told, monkeypatch):
    """Whatever keeps the result out of the database: the send has happened, and nothing undoes it."""
    journal, refused = told.service.services.journal, []
    commit = journal.commit

    async def refuse_once(decision):
        if decision.completed and any(row.direction == "out" for row in decision.rows) and not refused:
            refused.append(decision)
            raise ValueError("refused")
        return await commit(decision)

    monkeypatch.setattr(journal, "commit", refuse_once)
    answer = told.answer(told.world.anna, "Один раз")
    assert (await told.status(answer)).status == texts.REASON_UNKNOWN_OUTCOME
    await told.quiet()
    assert len(refused) == 1
    assert answers(told) == ["Один раз"]
