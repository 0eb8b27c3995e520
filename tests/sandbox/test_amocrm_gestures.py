"""Gestures and quotes both ways: reactions with who put them, typing, answers, forwards, and the life of a status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dealgram.sandbox.amocrm import Quoted, Reaction

CLIENT = {"id": "tgu-9001", "name": "Анна"}
BY_CONTENT = {"type": "text", "text": "давно", "timestamp": 1, "msec_timestamp": 1000, "sender": {"name": "Кто-то"}}


async def react(amo: Any, user: dict[str, str], emoji: str | None, **more: Any) -> int:
    body = {"conversation_id": "p1-9001", "msgid": "r1", "user": user, "type": "unreact", **more}
    if emoji is not None:
        body |= {"type": "react", "emoji": emoji}
    return int((await amo.signed("POST", f"{amo.scope}/react", body)).status_code)


def reactions(amo: Any, made: dict[str, Any]) -> set[Reaction]:
    return set(amo.sim.message(amo.account, made["msgid"]).reactions)


async def test_reactions_of_clients_and_managers_stand_side_by_side(amo: Any) -> None:
    made = await amo.send(msgid="r1")
    await amo.send(sender={"id": "tgu-9002", "name": "Олег"})
    owner = amo.account.owner
    assert await react(amo, {"id": "tgu-9001"}, "👍") == 200
    assert await react(amo, {"id": "tgu-9002"}, "👍") == 200
    assert await react(amo, {"id": "amo-1", "ref_id": owner.amojo_id}, "🔥") == 200
    assert await react(amo, {"id": "bot", "ref_id": amo.sim.channel.bot_id}, "❤") == 200
    anna, oleg, manager, bot = (
        Reaction(emoji="👍", by="Анна", is_manager=False),
        Reaction(emoji="👍", by="Олег", is_manager=False),
        Reaction(emoji="🔥", by=owner.name, is_manager=True),
        Reaction(emoji="❤", by="Telegram", is_manager=True),
    )
    assert reactions(amo, made) == {anna, oleg, manager, bot}
    assert await react(amo, {"id": "tgu-9001"}, "😢") == 200
    assert await react(amo, {"id": "amo-1", "ref_id": owner.amojo_id}, None) == 200
    assert reactions(amo, made) == {replace(anna, emoji="😢"), oleg, bot}
    by_uuid = {"id": "tgu-9001", "ref_id": amo.account.participants["tgu-9001"].uuid}
    assert await react(amo, by_uuid, None) == 200
    assert reactions(amo, made) == {oleg, bot}
    amo.sim.assert_clean()


async def test_a_manager_reacts_in_amocrm_and_takes_it_back(amo: Any) -> None:
    made, owner = await amo.send(msgid="r1"), amo.account.owner
    with amo.sim.subscribe() as changes:
        amo.sim.react(amo.account, made["msgid"], owner, "👍")
        assert (await anext(changes)).kind == "message_changed"
    assert reactions(amo, made) == {Reaction(emoji="👍", by=owner.name, is_manager=True)}
    amo.sim.react(amo.account, made["msgid"], owner, None)
    assert reactions(amo, made) == set()
    await amo.receiver.wait(2)
    first, second = (one["action"]["reaction"] for one in amo.receiver.bodies())
    assert first == {
        "user": {"id": owner.amojo_id},
        "conversation": {"id": made["conversation_id"], "client_id": "p1-9001"},
        "type": "react",
        "emoji": "👍",
        "msgid": made["msgid"],
    }
    assert (second["type"], "emoji" in second) == ("unreact", False)


async def test_the_form_of_a_reaction_hook_in_the_table(amo: Any) -> None:
    amo.switch(reaction_hook="message")
    made, owner = await amo.send(msgid="r1"), amo.account.owner
    amo_id = amo.sim.answer(amo.account, made["conversation_id"], owner, "да")
    amo.sim.react(amo.account, made["msgid"], owner, "👍")
    amo.sim.react(amo.account, amo_id, owner, "👍")
    await amo.receiver.wait(3)
    of_client, of_manager = (one["action"]["reaction"]["message"] for one in amo.receiver.bodies() if "action" in one)
    assert (of_client["id"], of_client["client_id"]) == (made["msgid"], "r1")
    assert of_client["sender"] == {"id": made["sender_id"]}
    assert (of_manager["id"], "client_id" in of_manager) == (amo_id, False)
    assert of_manager["receiver"] == {"id": made["sender_id"]}
    assert of_manager["timestamp"] == int(amo.time)


async def test_the_declared_reactions_may_be_all_there_are(amo: Any) -> None:
    made, owner = await amo.send(msgid="r1"), amo.account.owner
    amo.sim.world.channel = replace(amo.sim.channel, reactions=("👍", "🔥"))
    assert await react(amo, {"id": "tgu-9001"}, "🦄") == 200
    amo.switch(reactions="declared")
    assert await react(amo, {"id": "tgu-9001"}, "🐳") == 400
    assert "emoji" in amo.last_violation()
    assert await react(amo, {"id": "tgu-9001"}, "🔥") == 200
    assert [one.emoji for one in reactions(amo, made)] == ["🔥"]
    with pytest.raises(ValueError, match="🐳"):
        amo.sim.react(amo.account, made["msgid"], owner, "🐳")
    assert await react(amo, {"id": "tgu-9001"}, None) == 200
    assert amo.sim.hooks == ()


async def test_somebody_who_never_wrote_reacts(amo: Any) -> None:
    made = await amo.send(msgid="r1")
    assert await react(amo, {"id": "tgu-9009"}, "👍") == 200
    assert reactions(amo, made) == {Reaction(emoji="👍", by="tgu-9009", is_manager=False)}
    amo.switch(unknown_reactor="refuse")
    assert await react(amo, {"id": "tgu-9010"}, "👍") == 400
    assert "user.id" in amo.last_violation()


async def test_typing_is_told_once_in_five_seconds(amo: Any) -> None:
    chat, owner = await amo.open_chat(), amo.account.owner
    other = await amo.open_chat("p1-9002", user={"id": "tgu-9002", "name": "Олег"})
    second = amo.sim.add_user(amo.account, "Мария")
    assert amo.sim.show_typing(amo.account, chat, owner)
    assert not amo.sim.show_typing(amo.account, chat, owner)
    assert amo.sim.show_typing(amo.account, chat, second)
    assert amo.sim.show_typing(amo.account, other, owner)
    amo.time += 4.9
    assert not amo.sim.show_typing(amo.account, chat, owner)
    amo.time += 0.1
    assert amo.sim.show_typing(amo.account, chat, owner)
    assert len(amo.sim.hooks) == 4


async def test_who_types_is_seen_until_it_is_over(amo: Any) -> None:
    chat = await amo.open_chat()

    async def typing(who: str, **more: Any) -> None:
        body = {"conversation_id": "p1-9001", "sender": {"id": who}, **more}
        assert (await amo.signed("POST", f"{amo.scope}/typing", body)).status_code == 204

    await typing("tgu-9001")
    await typing("tgu-9002", duration_ms=8000)
    assert amo.sim.typing_in(amo.account, chat) == ["tgu-9001", "tgu-9002"]
    amo.time += 6
    assert amo.sim.typing_in(amo.account, chat) == ["tgu-9002"]
    amo.time += 3
    assert not amo.sim.is_typing(amo.account, chat)


async def test_a_posted_quote_is_shown_as_the_message_is_now(amo: Any) -> None:
    made = await amo.send(msgid="q1", message={"type": "text", "text": "вопрос"})
    answered = await amo.send(reply_to={"message": {"msgid": "q1"}})
    edit = {"conversation_id": "p1-9001", "msgid": "q1", "message": {"type": "text", "text": "вопрос?"}}
    assert (await amo.event(edit, "edit_message")).status_code == 200
    item = amo.sim.message(amo.account, answered["msgid"])
    assert item.quoted == Quoted(amo_id=made["msgid"], msgid="q1", author="Анна", type="text", text="вопрос?")
    assert (item.quote, item.forwarded) == ("вопрос?", None)


async def test_a_quote_by_content(amo: Any) -> None:
    answered = await amo.send(reply_to={"message": BY_CONTENT})
    item = amo.sim.message(amo.account, answered["msgid"])
    assert item.quoted == Quoted(amo_id=None, msgid=None, author="Кто-то", type="text", text="давно")
    known = await amo.send(reply_to={"message": {**BY_CONTENT, "sender": {"id": "tgu-9001"}}})
    assert amo.sim.message(amo.account, known["msgid"]).quoted.author == "Анна"
    ours = {**BY_CONTENT, "sender": {"ref_id": amo.account.owner.amojo_id}}
    by_ref = await amo.send(reply_to={"message": ours})
    assert amo.sim.message(amo.account, by_ref["msgid"]).quoted.author == amo.account.owner.name


@pytest.mark.parametrize(
    ("quoted", "reason"),
    [
        ({**BY_CONTENT, "text": ""}, "reply_to.message.text"),
        ({**BY_CONTENT, "type": "location"}, "reply_to.message.location"),
        ({**BY_CONTENT, "type": "contact"}, "reply_to.message.contact"),
        ({**BY_CONTENT, "sender": {}}, "reply_to.message.sender.name"),
        ({**BY_CONTENT, "timestamp": "1"}, "reply_to.message.timestamp"),
        ({**BY_CONTENT, "media": "https://a.example/b"}, "reply_to.message.media"),
    ],
)
async def test_a_quote_by_content_is_whole(amo: Any, quoted: dict[str, Any], reason: str) -> None:
    assert reason in await amo.refused(reply_to={"message": quoted})


async def test_a_posted_forward_comes_from_any_chat(amo: Any) -> None:
    await amo.send(msgid="f1", message={"type": "text", "text": "цена 100"})
    there = {"conversation_id": "p1-9002", "sender": {"id": "tgu-9002", "name": "Олег"}}
    made = await amo.send(forwards={"messages": [{"msgid": "f1"}], "conversation_id": "p1-9001"}, **there)
    item = amo.sim.message(amo.account, made["msgid"])
    assert (item.forwarded.text, item.forwarded.author, item.quoted) == ("цена 100", "Анна", None)
    made = await amo.send(forwards={"messages": [BY_CONTENT]}, **there)
    assert amo.sim.message(amo.account, made["msgid"]).forwarded.author == "Кто-то"
    assert "forwards.conversation_id" in await amo.refused(
        forwards={"messages": [{"msgid": "f1"}], "conversation_id": "nowhere"}, **there
    )


async def test_a_managers_forward_and_quote_in_hooks(amo: Any) -> None:
    owner = amo.account.owner
    made = await amo.send(msgid="f1", message={"type": "text", "text": "цена 100"})
    other = await amo.open_chat("p1-9002", user={"id": "tgu-9002", "name": "Олег"})
    amo_id = amo.sim.answer(amo.account, other, owner, "см.", forward=made["msgid"])
    amo.sim.answer(amo.account, made["conversation_id"], owner, "да", reply_to=made["msgid"])
    amo.sim.world.channel = replace(amo.sim.channel, quotes=False)
    amo.sim.answer(amo.account, other, owner, "молча", forward=made["msgid"])
    await amo.receiver.wait(3)
    by_text = {one["message"]["message"]["text"]: one["message"]["message"] for one in amo.receiver.bodies()}
    forwards = by_text["см."]["forwards"]
    assert forwards["conversation_ref_id"] == made["conversation_id"]
    [forwarded] = forwards["messages"]
    assert (forwarded["id"], forwarded["msgid"], forwarded["text"]) == (made["msgid"], "f1", "цена 100")
    assert "reply_to" not in by_text["см."]
    quoted = by_text["да"]["reply_to"]["message"]
    assert quoted["sender"] == {"id": made["sender_id"], "client_id": "tgu-9001"}
    assert set(quoted) == {
        *("id", "msgid", "type", "text", "media", "thumbnail", "file_name", "file_size"),
        *("timestamp", "msec_timestamp", "sender", "receiver"),
    }
    assert "forwards" not in by_text["молча"]
    assert amo.sim.message(amo.account, amo_id).forwarded.text == "цена 100"


async def test_every_status_of_an_answer_is_remembered(amo: Any) -> None:
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    path = f"{amo.scope}/{amo_id}/delivery_status"

    async def tell(code: int, **more: Any) -> None:
        assert (await amo.signed("POST", path, {"status_code": code, **more})).status_code == 200

    def item() -> Any:
        return amo.sim.message(amo.account, amo_id)

    assert item().statuses == ("sent",)
    await tell(-1, error_code=905, error="Подождите до 12:30")
    await tell(1)
    assert (item().status, item().error_code) == ("delivered", None)
    await tell(2)
    await tell(1)
    assert item().statuses == ("sent", "Подождите до 12:30", "delivered", "read")


async def test_a_failed_answer_may_stay_failed(amo: Any) -> None:
    amo.switch(status_after_error="final")
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    path = f"{amo.scope}/{amo_id}/delivery_status"
    assert (await amo.signed("POST", path, {"status_code": -1, "error_code": 903})).status_code == 200
    assert (await amo.signed("POST", path, {"status_code": 1})).status_code == 200
    item = amo.sim.message(amo.account, amo_id)
    assert item.statuses == ("sent", "Внутренняя ошибка сервера")
    assert (item.status, item.error_code) == ("Внутренняя ошибка сервера", 903)
    amo.sim.assert_clean()
