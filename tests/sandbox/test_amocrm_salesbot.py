"""Salesbot and mass sendings: senders, buttons, templates, the wait for an answer, ten thousand hooks."""

from __future__ import annotations

import time
from typing import Any

import pytest
import trio

from dealgram.sandbox.amocrm import Attachment, BotAnswer


async def hooks(amo: Any, count: int) -> list[dict[str, Any]]:
    await amo.receiver.wait(count)
    return [one["message"] for one in amo.receiver.bodies()]


async def test_a_salesbot_is_no_user(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    chat, _ = await amo.linked_chat(lead_id=lead)
    amo_id = amo.sim.salesbot(amo.account, chat, "Здравствуйте!", lead_id=lead)
    [hook] = await hooks(amo, 1)
    assert hook["sender"] == {"id": amo.account.salesbot_id}
    assert amo.account.salesbot_id not in {one.amojo_id for one in amo.account.users.values()}
    assert (hook["message"]["id"], hook["message"]["text"], hook["message"]["markup"]) == (
        amo_id,
        "Здравствуйте!",
        None,
    )
    [item] = amo.sim.feed(amo.account, lead)
    assert (item.author, item.direction) == ("Salesbot", "out")
    assert amo.account.events[-1].created_by == 0


async def test_buttons_of_one_kind(amo: Any) -> None:
    chat = await amo.open_chat()
    texts = [[{"text": "Принять"}, {"text": "Отменить"}]]
    links = [[{"text": "Сайт", "url": "https://example.com"}]]
    amo.sim.salesbot(amo.account, chat, "Выберите", buttons=texts)
    amo.sim.salesbot(amo.account, chat, "Откройте", buttons=links)
    first, second = await hooks(amo, 2)
    assert first["message"]["markup"] == {"mode": "inline", "buttons": texts}
    assert second["message"]["markup"] == {"mode": "inline", "buttons": links}
    with pytest.raises(ValueError, match="one message"):
        amo.sim.salesbot(amo.account, chat, "Всё", buttons=[*texts, *links])
    assert len(amo.sim.hooks) == 2


async def test_a_template_with_its_markers_and_attachments(amo: Any) -> None:
    chat = await amo.open_chat()
    buttons = [{"type": "inline", "text": "Да"}, {"type": "inline", "text": "Нет"}]
    content = "Здравствуйте, {{contact.name}}! Сделка {{lead.id}}"
    template = amo.sim.add_template(amo.account, "Привет", content, external_id="hello", buttons=buttons)
    plain = amo.sim.add_template(amo.account, "Пока", "До свидания")
    files = [Attachment("picture", url=f"https://amojo.example/{name}", name=name) for name in ("a", "b")]
    params = {"{{contact.name}}": "Анна", "{{lead.id}}": "42"}
    amo.sim.salesbot(amo.account, chat, template=template, params=params, attachments=files)
    amo.sim.answer(amo.account, chat, amo.account.owner, "", template=plain)
    first, second, third = (one["message"] for one in await hooks(amo, 3))
    assert first["text"] == "Здравствуйте, Анна! Сделка 42"
    assert first["template"] == {
        "id": template.id,
        "external_id": "hello",
        "content": content,
        "params": [{"key": "{{contact.name}}", "value": "Анна"}, {"key": "{{lead.id}}", "value": "42"}],
    }
    assert first["markup"]["buttons"] == [[{"text": "Да"}], [{"text": "Нет"}]]
    assert (second["text"], second["markup"], "template" in second) == ("", None, False)
    assert first["media_group_id"] == second["media_group_id"]
    assert third["template"] == {"id": plain.id, "content": "До свидания", "params": []}
    assert third["text"] == "До свидания"


async def test_a_bot_waits_for_the_next_message(amo: Any) -> None:
    chat = await amo.open_chat()
    buttons = [[{"text": "Да"}], [{"text": "Нет"}]]
    first = amo.sim.salesbot(amo.account, chat, "Продолжим?", buttons=buttons)
    await amo.send(silent=True, message={"type": "text", "text": "Да"})
    assert amo.sim.bot_answer(amo.account, first) is None
    sent = await amo.send(message={"type": "text", "text": "Да"})
    assert amo.sim.bot_answer(amo.account, first) == BotAnswer(text="Да", button="Да", amo_id=sent["msgid"])
    await amo.send(message={"type": "text", "text": "Нет"})
    assert amo.sim.bot_answer(amo.account, first).text == "Да"
    second = amo.sim.salesbot(amo.account, chat, "А теперь?", buttons=buttons)
    await amo.send(message={"type": "text", "text": " нет"})
    assert amo.sim.bot_answer(amo.account, second).button is None
    amo.switch(button_match="lenient")
    third = amo.sim.salesbot(amo.account, chat, "Ещё раз?", buttons=buttons)
    await amo.send(message={"type": "text", "text": " нет"})
    assert amo.sim.bot_answer(amo.account, third).button == "Нет"
    link = amo.sim.salesbot(amo.account, chat, "Сайт", buttons=[[{"text": "Сайт", "url": "https://example.com"}]])
    await amo.send()
    assert amo.sim.bot_answer(amo.account, link) is None


async def test_a_broadcast_of_ten_thousand(amo: Any) -> None:
    person = {"id": "tgu-1", "name": "А"}
    chats = [await amo.open_chat(f"p1-{number}", user=person) for number in range(50)]
    amo.sim.hook_url = None
    started = time.perf_counter()
    written = amo.sim.broadcast(amo.account, chats * 200, "Скидки")
    assert time.perf_counter() - started < 10, "a burst must not stop everything else for long"
    assert len(set(written)) == 10_000
    assert len(amo.sim.hooks) == 10_000


async def test_a_broadcast_arrives_in_every_chat(amo: Any) -> None:
    chats = [await amo.open_chat(f"p1-{number}", user={"id": f"u{number}", "name": "А"}) for number in range(100)]
    amo.sim.broadcast(amo.account, chats, "Скидки", buttons=[[{"text": "Хочу"}]])
    with trio.fail_after(30):
        found = await hooks(amo, 100)
    assert {one["conversation"]["id"] for one in found} == set(chats)
    assert {one["sender"]["id"] for one in found} == {amo.account.salesbot_id}
