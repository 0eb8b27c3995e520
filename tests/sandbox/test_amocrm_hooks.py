"""Hooks of the Chats API, version 2: their bodies, signatures, one attempt, the faults on their way."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest
import trio

from dealgram.sandbox.amocrm import Attachment

SECRET = b"0123456789abcdef0123456789abcdef01234567"


def signature(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha1).hexdigest()


async def settled(amo: Any) -> None:
    """Waits until every hook has been tried."""
    with trio.fail_after(10):
        for hook in amo.sim.hooks:
            if hook.outcome == "waiting":
                await hook.tried.wait()


async def test_the_hook_of_an_answer(amo: Any) -> None:
    body = [{"name": "Бот", "external_id": "tgb-1"}]
    assert (await amo.rest("POST", "sources", body)).status_code == 200
    profile = {"id": "tgu-9001", "name": "Анна", "profile": {"phone": "+79150000000"}}
    made = await amo.send(msgid="m1", sender=profile, source={"external_id": "tgb-1"})
    chat = made["conversation_id"]
    manager = amo.sim.add_user(amo.account, "Мария")
    amo_id = amo.sim.answer(amo.account, chat, manager, "Добрый день", reply_to=made["msgid"])
    await amo.receiver.wait(1)
    [(headers, raw)] = amo.receiver.got
    assert headers["scope"] == amo.scope
    assert headers["X-Signature"] == signature(raw)
    assert headers["User-Agent"].startswith("amoCRM")
    [hook] = amo.receiver.bodies()
    assert hook["account_id"] == amo.account.amojo_id
    assert hook["time"] == int(amo.time)
    message = hook["message"]
    assert message["receiver"] == {
        "id": made["sender_id"],
        "phone": "+79150000000",
        "email": "",
        "client_id": "tgu-9001",
        "name": "Анна",
    }
    assert message["sender"] == {"id": manager.amojo_id}
    assert message["conversation"] == {"id": chat, "client_id": "p1-9001"}
    assert message["source"] == {"external_id": "tgb-1"}
    assert message["timestamp"] == int(amo.time)
    inner = message["message"]
    assert (inner["id"], inner["type"], inner["text"], inner["tag"]) == (amo_id, "text", "Добрый день", "")
    assert inner["reply_to"]["message"]["msgid"] == "m1"
    assert inner["reply_to"]["message"]["sender"]["client_id"] == "tgu-9001"
    await settled(amo)
    assert [(one.outcome, one.status, one.attempts) for one in amo.sim.hooks] == [("delivered", 200, 1)]


async def test_quotes_are_switched_on_per_channel(amo: Any) -> None:
    amo.sim.world.channel = replace(amo.sim.channel, quotes=False, typing_hooks=False)
    made = await amo.send()
    amo.sim.answer(amo.account, made["conversation_id"], amo.account.owner, "да", reply_to=made["msgid"])
    amo.sim.show_typing(amo.account, made["conversation_id"], amo.account.owner)
    await amo.receiver.wait(1)
    assert "reply_to" not in amo.receiver.bodies()[0]["message"]["message"]
    assert len(amo.sim.hooks) == 1


async def test_the_trailing_newline_is_a_switch(amo: Any) -> None:
    chat = await amo.open_chat()
    amo.switch(hook_newline=True)
    amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    await amo.receiver.wait(1)
    [(headers, raw)] = amo.receiver.got
    assert raw.endswith(b"\n")
    assert headers["X-Signature"] == signature(raw[:-1])


async def test_attachments_and_buttons(amo: Any) -> None:
    chat = await amo.open_chat()
    files = [Attachment("picture", url=f"https://amojo.example/{name}", name=name) for name in ("a", "b")]
    amo.sim.answer(amo.account, chat, amo.account.owner, "альбом", attachments=files)
    amo.sim.answer(amo.account, chat, amo.account.owner, "выбор", buttons=[[{"text": "Да"}]])
    amo.switch(media_group="absent")
    amo.sim.answer(amo.account, chat, amo.account.owner, "ещё", attachments=files)
    await amo.receiver.wait(5)
    inner = [one["message"]["message"] for one in amo.receiver.bodies()]
    assert [one["text"] for one in inner] == ["альбом", "", "выбор", "ещё", ""]
    assert inner[0]["media_group_id"] == inner[1]["media_group_id"]
    assert inner[2]["markup"] == {"mode": "inline", "buttons": [[{"text": "Да"}]]}
    assert all("media_group_id" not in one for one in inner[2:])


async def test_typing_and_reaction_hooks_in_both_shapes(amo: Any) -> None:
    made = await amo.send(msgid="m1")
    chat, user = made["conversation_id"], amo.account.owner
    started = int(amo.time)
    amo.sim.show_typing(amo.account, chat, user)
    amo.sim.react(amo.account, made["msgid"], user, "👍")
    amo.switch(typing_hook="beside", reaction_hook="message")
    amo.time += 5
    amo.sim.show_typing(amo.account, chat, user)
    amo.sim.react(amo.account, made["msgid"], user, None)
    await amo.receiver.wait(4)
    typing, reaction, typing_beside, reaction_message = (one["action"] for one in amo.receiver.bodies())
    assert typing["typing"]["user"] == {"id": user.amojo_id}
    assert typing["typing"]["expired_at"] == started + 5
    assert typing_beside["user"] == {"id": user.amojo_id}
    assert "user" not in typing_beside["typing"]
    assert (reaction["reaction"]["msgid"], reaction["reaction"]["emoji"]) == (made["msgid"], "👍")
    assert reaction_message["reaction"]["message"]["client_id"] == "m1"
    assert reaction_message["reaction"]["type"] == "unreact"
    assert "emoji" not in reaction_message["reaction"]
    assert amo.sim.message(amo.account, made["msgid"]).reactions == ()


async def test_a_refused_hook_is_never_repeated(amo: Any) -> None:
    chat = await amo.open_chat()
    amo.receiver.status = 503
    amo.sim.answer(amo.account, chat, amo.account.owner, "раз")
    await amo.receiver.wait(1)
    await settled(amo)
    amo.receiver.status = 204
    amo.sim.answer(amo.account, chat, amo.account.owner, "два")
    await amo.receiver.wait(2)
    await settled(amo)
    assert [(one.outcome, one.status, one.attempts) for one in amo.sim.hooks] == [
        ("refused", 503, 1),
        ("refused", 204, 1),
    ]
    assert amo.receiver.texts() == ["раз", "два"]
    assert amo.sim.hooks_pending == 0
    assert [one.status for one in amo.sim.history(amo.account, chat)] == ["sent", "sent"]


async def test_a_slow_integration_is_noted(amo: Any) -> None:
    chat = await amo.open_chat()
    amo.switch(hook_timeout_s=0.05)
    amo.receiver.hang = True
    amo.sim.answer(amo.account, chat, amo.account.owner, "раз")
    await settled(amo)
    assert amo.sim.hooks[0].outcome == "timeout"
    assert amo.sim.slow_integrations == {amo.scope: 1}
    amo.receiver.hang = False
    amo.switch(hook_timeout_s=5.0)
    amo.sim.answer(amo.account, chat, amo.account.owner, "два")
    await settled(amo)
    assert amo.sim.hooks[1].outcome == "delivered"


async def test_hooks_that_go_nowhere(amo: Any) -> None:
    chat = await amo.open_chat()
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        amo.sim.hook_url = f"http://127.0.0.1:{unused.getsockname()[1]}/{{scope_id}}"
        amo.sim.answer(amo.account, chat, amo.account.owner, "никто не слушает")
        await settled(amo)
    amo.sim.hook_url = None
    amo.sim.answer(amo.account, chat, amo.account.owner, "некуда")
    amo.sim.hook_url = lambda scope: f"http://127.0.0.1:1/{scope}"
    amo.sim.disconnect(amo.account)
    amo.sim.answer(amo.account, chat, amo.account.owner, "отключено")
    assert [one.outcome for one in amo.sim.hooks] == ["failed", "undeliverable", "undeliverable"]
    assert amo.receiver.got == []


async def test_a_lost_hook_is_found_in_the_history(amo: Any) -> None:
    chat = await amo.open_chat()
    amo.sim.hook_faults.drop()
    amo.sim.answer(amo.account, chat, amo.account.owner, "потеряно")
    amo.sim.answer(amo.account, chat, amo.account.owner, "дошло")
    await amo.receiver.wait(1)
    await settled(amo)
    assert amo.receiver.texts() == ["дошло"]
    assert [one.outcome for one in amo.sim.hooks] == ["dropped", "delivered"]
    history = (await amo.signed("GET", f"{amo.scope}/chats/{chat}/history")).json()["messages"]
    assert {one["message"]["text"] for one in history} == {"потеряно", "дошло"}


async def test_duplicate_reorder_and_delay(amo: Any) -> None:
    chat = await amo.open_chat()
    owner = amo.account.owner
    amo.sim.hook_faults.duplicate()
    amo.sim.answer(amo.account, chat, owner, "дважды")
    await amo.receiver.wait(2)
    assert amo.receiver.texts() == ["дважды", "дважды"]
    assert amo.receiver.got[0] == amo.receiver.got[1]
    amo.receiver.got.clear()
    amo.sim.hook_faults.reorder()
    amo.sim.answer(amo.account, chat, owner, "первый")
    amo.sim.answer(amo.account, chat, owner, "второй")
    await amo.receiver.wait(2)
    assert amo.receiver.texts() == ["второй", "первый"]
    amo.receiver.got.clear()
    amo.sim.hook_faults.delay(0.1, when=lambda hook: b"\xd0\xb4\xd0\xbe\xd0\xbb\xd0\xb3\xd0\xbe" in hook.body)
    amo.sim.answer(amo.account, chat, owner, "долго")
    amo.sim.answer(amo.account, chat, owner, "быстро")
    await amo.receiver.wait(2)
    assert amo.receiver.texts() == ["быстро", "долго"]


async def test_hooks_of_a_chat_keep_their_order(amo: Any) -> None:
    chats = [await amo.open_chat(name, user={"id": name, "name": name}) for name in ("a", "b", "c")]
    for number in range(10):
        for chat in chats:
            amo.sim.answer(amo.account, chat, amo.account.owner, str(number))
    await amo.receiver.wait(30)
    for chat in chats:
        texts = [one["message"] for one in amo.receiver.bodies() if one["message"]["conversation"]["id"] == chat]
        assert [one["message"]["text"] for one in texts] == [str(number) for number in range(10)]


async def test_imports_make_no_hook(amo: Any) -> None:
    manager = {"id": "amo-1", "name": "Мария", "ref_id": amo.account.owner.amojo_id}
    await amo.send(sender=manager, receiver={"id": "tgu-9001", "name": "Анна"}, silent=False)
    chat = amo.sim.chat(amo.account, "p1-9001").uuid
    amo.sim.answer(amo.account, chat, amo.account.owner, "настоящий")
    await amo.receiver.wait(1)
    await settled(amo)
    assert amo.receiver.texts() == ["настоящий"]


async def test_a_reply_stays_in_its_chat(amo: Any) -> None:
    made = await amo.send()
    other = await amo.open_chat("other", user={"id": "b", "name": "Б"})
    with pytest.raises(ValueError, match="another chat"):
        amo.sim.answer(amo.account, other, amo.account.owner, "да", reply_to=made["msgid"])
