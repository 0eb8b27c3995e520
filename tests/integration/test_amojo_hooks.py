"""The Chats API in both directions under its faults, and hooks that must not act: foreign, forged, doubled, broken."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import orjson
import pytest

from dealgram.sandbox.amocrm.signing import body_signature

UNKNOWN_CHAT = ("dealgram не знает этот чат: сообщение не отправлено", 904)


@pytest.fixture
async def told(stage):
    """A stage on which Anna has written to the sales bot."""
    stage.telegram.write(stage.world.anna, stage.world.sales_bot, "Добрый день")
    await stage.in_card(stage.world.anna, "Добрый день")
    await stage.quiet()
    return stage


async def post(stage, account, body: bytes, *, signature: str | None = None, scope: str | None = None) -> int:
    """Post a hook as amoCRM would, to the address of an account; gives the HTTP status."""
    url = stage.amo.hook_url.format(scope_id=scope or stage.amo.scope_id(account))
    headers = {"Content-Type": "application/json"}
    if signature != "":
        headers["X-Signature"] = signature or body_signature(stage.amo.channel.secret, body)
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(url, content=body, headers=headers)).status_code


def answer_unsent(stage, account, chat_uuid: str, text: str) -> tuple[str, dict]:
    """A manager's answer whose hook was lost on the way: its id, and the hook to be changed and posted by the test."""
    stage.amo.hook_faults.drop()
    amo_id = stage.amo.answer(account, chat_uuid, account.owner, text)
    return amo_id, orjson.loads(stage.amo.hooks[-1].body)


def foreign_chat(account, conversation: str) -> str:
    """A chat in amoCRM under an id that is not ours to begin with."""
    return account.open_chat(conversation, account.participant("somebody", "Кто-то")).uuid


def anna_chat(stage) -> str:
    world = stage.world
    return stage.amo.chat(world.account, f"p{world.sales_bot.id}-{world.anna.id}").uuid


def seen(stage, account, amo_id: str) -> tuple[str, int | None]:
    message = stage.amo.message(account, amo_id)
    return message.status, message.error_code


# Hooks that find no chat of ours


@pytest.mark.parametrize("conversation", ["p999-1", "g4711-d1-u1", "chat of another integration", "p0-0"])
async def test_a_hook_for_an_unknown_conversation_is_accepted_and_the_manager_is_told(stage, conversation):
    account = stage.world.account
    chat = foreign_chat(account, conversation)
    answer = stage.amo.answer(account, chat, account.owner, "Куда это уйдёт?")
    await stage.until(lambda: seen(stage, account, answer) == UNKNOWN_CHAT, "the status")
    assert [hook.status for hook in stage.amo.hooks] == [200]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_hook_for_a_person_who_never_wrote_is_told_to_the_manager(stage):
    world = stage.world
    chat = foreign_chat(world.account, f"p{world.sales_bot.id}-{world.igor.id}")
    answer = stage.amo.answer(world.account, chat, world.olga, "Здравствуйте")
    await stage.until(lambda: seen(stage, world.account, answer) == UNKNOWN_CHAT, "the status")
    assert stage.private_texts(world.igor) == []
    await stage.assert_undisturbed()


async def test_a_hook_without_our_conversation_id_is_told_to_the_manager(told):
    account = told.world.account
    answer, hook = answer_unsent(told, account, anna_chat(told), "Пишу первым")
    del hook["message"]["conversation"]["client_id"]
    assert await post(told, account, orjson.dumps(hook)) == 200
    await told.until(lambda: seen(told, account, answer) == UNKNOWN_CHAT, "the status")
    assert told.private_texts(told.world.anna) == []
    await told.assert_undisturbed()


# Two accounts


@asynccontextmanager
async def neighbour(stage):
    """A second account on the same service, with a bot that Igor has written to."""
    account = stage.amo.add_account("yug", "Агентство „Юг“")
    bot = stage.telegram.add_bot("Юг Продажи", "yug_sales_bot")
    row = await stage.playground.connect_account(stage.service, account)
    await stage.playground.connect_bot(stage.service, row, bot, account.main_pipeline)
    stage.telegram.write(stage.world.igor, bot, "Здравствуйте, Юг")
    conversation = f"p{bot.id}-{stage.world.igor.id}"
    chat = await stage.until(lambda: stage.amo.chat(account, conversation), "the neighbour's chat")
    await stage.until(lambda: stage.amo.history(account, chat.uuid), "the neighbour's message")
    await stage.quiet()
    yield account, bot, chat


async def test_an_answer_in_one_account_never_reaches_a_chat_of_another(told):
    world = told.world
    async with neighbour(told) as (other, bot, chat):
        stolen = told.amo.answer(world.account, foreign_chat(world.account, chat.client_id), world.olga, "Чужое")
        await told.until(lambda: seen(told, world.account, stolen) == UNKNOWN_CHAT, "the status")

        # A genuine hook of one account that somebody sends to the other's address: only the body is signed.
        _, hook = answer_unsent(told, world.account, foreign_chat(world.account, chat.client_id), "Подмена")
        assert await post(told, other, orjson.dumps(hook)) == 400

        honest = told.amo.answer(other, chat.uuid, other.owner, "Своё")
        await told.until(lambda: seen(told, other, honest) == ("delivered", None), "the honest answer")
        await told.quiet()
        assert told.private_texts(world.igor, bot) == ["Своё"]
        assert told.private_texts(world.anna) == []
        await told.assert_undisturbed()


async def test_a_groups_conversation_in_another_account_is_not_written_to(told):
    world = told.world
    await told.link(world.cafe)
    async with neighbour(told) as (other, _, _):
        group = told.amo.chats_of_lead(world.account, world.cafe)[0].conversation
        stolen = told.amo.answer(other, foreign_chat(other, group), other.owner, "Чужой группе")
        await told.until(lambda: seen(told, other, stolen) == UNKNOWN_CHAT, "the status")
        await told.quiet()
        assert "Чужой группе" not in told.group_texts()


async def test_the_same_person_is_another_contact_in_another_account(told):
    world = told.world
    async with neighbour(told) as (other, bot, _):
        told.telegram.write(world.anna, bot, "И сюда напишу")
        conversation = f"p{bot.id}-{world.anna.id}"
        await told.until(lambda: told.amo.chat(other, conversation), "Anna's chat there")
        chat = told.amo.chat(other, conversation)
        await told.until(lambda: told.amo.history(other, chat.uuid), "Anna's message there")
        assert told.card_texts(world.anna) == ["Добрый день"]
        assert other.contacts[chat.contact_id].name == "Анна Смирнова"
        told.assert_clean()


# Hooks that are refused


async def test_forged_and_misdirected_hooks_are_refused_and_store_nothing(told):
    account = told.world.account
    _, hook = answer_unsent(told, account, anna_chat(told), "Подделка")
    body = orjson.dumps(hook)
    before = await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'")
    assert await post(told, account, body, signature=body_signature("another secret", body)) == 401
    assert await post(told, account, body, signature=body_signature(told.amo.channel.secret, body + b" ")) == 401
    assert await post(told, account, body, signature="") == 401
    assert await post(told, account, body, signature="not hexadecimal") == 401
    assert await post(told, account, body, scope=f"{told.amo.channel.id}_00000000-0000-4000-8000-000000000000") == 404
    assert await post(told, account, body, scope="%D0%B0") == 404
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == before
    # What was wrong was the signature and the address: the very same hook is good.
    assert await post(told, account, body) == 200
    await told.until(lambda: told.private_texts(told.world.anna) == ["Подделка"], "the genuine one")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b"[" * 100_000])
async def test_a_malformed_hook_is_refused_and_stores_nothing(told, body):
    before = await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'")
    assert await post(told, told.world.account, body) == 400
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == before


async def test_hooks_of_unknown_kinds_and_shapes_are_accepted_and_let_go(told):
    account = told.world.account
    before = await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'")
    for more in (
        {},
        {"message": {}},
        {"message": {"message": {"id": 5}, "conversation": None}},
        {"message": []},
        {"action": {"levitating": {"height": 3}}},
        {"horoscope": "хороший"},
    ):
        body = orjson.dumps({"account_id": account.amojo_id, "time": 1, **more})
        assert await post(told, account, body) == 200
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == before
    await told.assert_undisturbed()


@pytest.mark.parametrize("shape", [("inside", "msgid"), ("beside", "message")])
async def test_typing_and_reactions_are_accepted_in_both_forms(told, shape):
    account, world = told.world.account, told.world
    told.amo.switches = replace(told.amo.switches, typing_hook=shape[0], reaction_hook=shape[1])
    before = await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'")
    told.amo.show_typing(account, anna_chat(told), world.olga)
    told.amo.react(account, told.card(world.anna)[0].amo_id, world.olga, "👍")
    told.amo.react(account, told.card(world.anna)[0].amo_id, world.olga, None)
    await told.until(lambda: [hook.status for hook in told.amo.hooks] == [200, 200, 200], "the answers to the hooks")
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == before
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo-reaction'") == 2
    await told.quiet()
    chat = told.telegram.private_chat(world.anna, world.sales_bot)
    await told.until(lambda: told.telegram.actions(chat) == [(None, "typing")], "typing")
    assert told.private_texts(world.anna) == []
    await told.assert_undisturbed()


async def test_a_hook_that_comes_twice_is_carried_out_once(told):
    told.amo.hook_faults.duplicate()
    answer = told.answer(told.world.anna, "Один раз")
    assert (await told.status(answer)).status == "delivered"
    await told.until(lambda: told.amo.hooks[-1].attempts == 2, "the second hook")
    await told.quiet()
    assert told.private_texts(told.world.anna) == ["Один раз"]
    assert await told.count("SELECT count(*) FROM inbox WHERE source = 'amojo'") == 1


async def test_a_hook_whose_body_ends_with_an_unsigned_newline_is_taken(told):
    told.amo.switches = replace(told.amo.switches, hook_newline=True)
    assert (await told.status(told.answer(told.world.anna, "С новой строки"))).status == "delivered"


async def test_unknown_fields_and_odd_types_in_a_hook_cost_nothing(told):
    account = told.world.account
    answer, hook = answer_unsent(told, account, anna_chat(told), "Всё равно дойдёт")
    hook["message"]["message"] |= {"file_size": "много", "markup": "нет", "surprise": [1]}
    hook["message"]["receiver"] = None
    hook["brand_new"] = {"a": 1}
    assert await post(told, account, orjson.dumps(hook)) == 200
    await told.until(lambda: seen(told, account, answer) == ("delivered", None), "delivered")
    assert told.private_texts(told.world.anna) == ["Всё равно дойдёт"]


# Messages towards amoCRM


@pytest.mark.parametrize("error_body", ["object", "empty"])
@pytest.mark.parametrize("duplicate", ["same_ids", "refuse"])
async def test_a_message_whose_acceptance_got_lost_stands_in_the_card_once(told, duplicate, error_body):
    anna, bot = told.world.anna, told.world.sales_bot
    told.amo.switches = replace(told.amo.switches, duplicate_msgid=duplicate, error_body=error_body)
    lost = told.amo.faults.drop_after("amojo.send", times=2)
    failed = told.amo.faults.answer("amojo.send", status=500, body="oops", after_work=True)
    written = [told.telegram.write(anna, bot, f"Сообщение {number}") for number in range(3)]
    await told.in_card(anna, "Сообщение 2")
    assert (lost.hits, failed.hits) == (2, 1)
    await told.quiet()
    assert told.card_texts(anna) == ["Добрый день", "Сообщение 0", "Сообщение 1", "Сообщение 2"]

    # Even where amoCRM only refused the repeat, its own id of the message is known: quotes work.
    told.telegram.write(anna, bot, "К первому", reply_to=written[0]["message_id"])
    assert (await told.in_card(anna, "К первому")).quote == "Сообщение 0"
    await told.assert_undisturbed()


@pytest.mark.parametrize("ids", ["uuid", "ours"])
async def test_either_kind_of_ids_in_the_receipt_will_do(told, ids):
    anna, bot = told.world.anna, told.world.sales_bot
    told.amo.switches = replace(told.amo.switches, message_ids=ids)
    told.telegram.write(anna, bot, "Вопрос")
    question = await told.in_card(anna, "Вопрос")
    await told.quiet()
    answer = told.answer(anna, "Ответ", reply_to=question.amo_id)
    assert (await told.status(answer)).status == "delivered"
    assert told.private_messages(anna)[-1]["reply_to_message"]["text"] == "Вопрос"
    told.assert_clean()


async def test_an_amocrm_that_fails_for_a_while_gets_everything_once_and_in_order(told):
    anna, bot = told.world.anna, told.world.sales_bot
    told.amo.faults.answer("amojo.send", status=503, times=2)
    told.amo.faults.answer("amojo.send", status=429, headers={"Retry-After": "1"})
    told.amo.faults.drop_before("amojo.send")
    for number in range(5):
        told.telegram.write(anna, bot, f"Сообщение {number}")
    await told.in_card(anna, "Сообщение 4")
    assert told.card_texts(anna)[1:] == [f"Сообщение {number}" for number in range(5)]
    await told.assert_undisturbed()


async def test_a_channel_that_amocrm_forgot_is_connected_again(told):
    anna = told.world.anna
    told.amo.disconnect(told.world.account)
    told.telegram.write(anna, told.world.sales_bot, "Вы меня слышите?")
    await told.in_card(anna, "Вы меня слышите?")
    assert told.card_texts(anna) == ["Добрый день", "Вы меня слышите?"]
    await told.assert_undisturbed()


async def test_a_message_that_amocrm_refuses_is_kept_for_an_operator_and_holds_up_nobody(told):
    anna, bot = told.world.anna, told.world.sales_bot
    told.amo.faults.answer("amojo.send", status=400, body={"detail": "нельзя"})
    told.telegram.write(anna, bot, "Запретное")
    told.telegram.write(anna, bot, "Обычное")
    await told.in_card(anna, "Обычное")
    assert told.card_texts(anna) == ["Добрый день", "Обычное"]
    assert await told.count("SELECT count(*) FROM dead_letters") == 1
    assert told.service.system.snapshot().counters.restarts == 0
