"""Messages of the Chats API: typed validation, directions, duplicates, edits, statuses, history, reactions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dealgram.sandbox.amocrm import Reaction

BOT = "b0b0b0b0-0000-4000-8000-000000000000"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CLIENT = {"id": "tgu-9001", "name": "Анна"}
PICTURE = {"type": "picture", "media": "https://svc.example/f/1", "file_name": "a.jpg", "file_size": 10}


async def test_an_incoming_message(amo: Any) -> None:
    made = await amo.send(msgid="m1")
    assert made["ref_id"] == "m1"
    assert UUID.fullmatch(made["msgid"])
    chat = amo.sim.chat(amo.account, "p1-9001")
    [item] = amo.sim.history(amo.account, chat.uuid)
    assert (item.msgid, item.author, item.direction, item.status, item.text) == ("m1", "Анна", "in", "", "привет 1")
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timestamp": "1767225600"}, "payload.timestamp: an integer"),
        ({"timestamp": 1767225600.0}, "payload.timestamp: an integer"),
        ({"msec_timestamp": None}, "payload.msec_timestamp: the field is required"),
        ({"silent": "false"}, "payload.silent: a boolean"),
        ({"silent": 0}, "payload.silent: a boolean"),
        ({"silent": None}, "payload.silent"),
        ({"msgid": 5}, "payload.msgid: a string"),
        ({"msgid": ""}, "payload.msgid"),
        ({"conversation_id": None}, "payload.conversation_id"),
        ({"id": "x"}, "payload.id"),
        ({"colour": "red"}, "payload.colour"),
        ({"sender": {"name": "Анна"}}, "payload.sender.id"),
        ({"sender": {"id": "a"}}, "payload.sender.name"),
        ({"sender": {**CLIENT, "avatar": "file.jpg"}}, "payload.sender.avatar"),
        ({"sender": {**CLIENT, "profile": {"phone": 7}}}, "payload.sender.profile.phone"),
        ({"source": {"external_id": "ы"}}, "payload.source.external_id"),
        ({"source": {"external_id": "a" * 41}}, "payload.source.external_id"),
        ({"message": {"type": "text", "text": ""}}, "payload.message.text"),
        ({"message": {"type": "text"}}, "payload.message.text"),
        ({"message": {"type": "poll", "text": "a"}}, "payload.message.type"),
        ({"message": {"text": "a"}}, "payload.message.type"),
        ({"message": {**PICTURE, "file_size": "10"}}, "payload.message.file_size"),
        ({"message": {"type": "picture", "media": "https://a.b/c"}}, "payload.message.file_name"),
        ({"message": {**PICTURE, "media": "c.jpg"}}, "payload.message.media"),
        ({"message": {"type": "voice"}}, "payload.message.media"),
        ({"message": {"type": "location"}}, "payload.message.location"),
        ({"message": {"type": "location", "location": {"lon": "1", "lat": 2.0}}}, "payload.message.location.lon"),
        ({"message": {"type": "contact", "contact": {"name": "А"}}}, "payload.message.contact.phone"),
        ({"message": {"type": "text", "text": "a", "delivery_status": {"status_code": 1}}}, "delivery_status"),
        ({"reply_to": {"message": {"type": "text", "text": "a"}}}, "payload.reply_to.message.sender"),
        ({"reply_to": {}}, "payload.reply_to.message"),
        ({"forwards": {"messages": [{"id": "a"}, {"id": "b"}]}}, "payload.forwards.messages"),
    ],
)
async def test_what_is_refused(amo: Any, changes: dict[str, Any], reason: str) -> None:
    assert reason in await amo.refused(**changes)
    assert amo.sim.chat(amo.account, "p1-9001") is None


@pytest.mark.parametrize(
    "message",
    [
        PICTURE,
        {**PICTURE, "type": "video", "text": "подпись", "media_duration": 3},
        {**PICTURE, "type": "file", "file_size": 0},
        {"type": "voice", "media": "https://svc.example/f/2"},
        {"type": "audio", "media": "https://svc.example/f/2", "file_name": "a.mp3", "file_size": 1},
        {"type": "sticker", "media": "https://svc.example/f/2", "sticker_id": "a"},
        {"type": "location", "location": {"lon": 37.6, "lat": 55}},
        {"type": "contact", "contact": {"name": "А", "phone": "+7"}},
    ],
)
async def test_every_type_is_accepted(amo: Any, message: dict[str, Any]) -> None:
    await amo.send(message=message)
    amo.sim.assert_clean()


async def test_event_types(amo: Any) -> None:
    for event_type in ("delete_message", "", None, 5):
        answer = await amo.event(amo.payload(), event_type)
        assert answer.status_code == 400
    answer = await amo.signed("POST", amo.scope, {"event_type": "new_message"})
    assert answer.status_code == 400


async def test_unknown_fields_by_the_switch(amo: Any) -> None:
    assert "payload.colour" in await amo.refused(colour="red")
    amo.switch(unknown_fields="record")
    await amo.send(colour="red")
    assert len(amo.sim.violations) == 2
    amo.switch(unknown_fields="ignore")
    await amo.send(colour="red")
    assert len(amo.sim.violations) == 2


async def test_directions(amo: Any) -> None:
    manager = amo.sim.add_user(amo.account, "Мария")
    as_manager = {"id": "amo-1", "name": "Мария М.", "ref_id": manager.amojo_id}
    await amo.send(sender=as_manager, receiver=CLIENT)
    await amo.send(sender={"id": "bot", "name": "Бот", "ref_id": BOT}, receiver=CLIENT)
    chat = amo.sim.chat(amo.account, "p1-9001")
    shown = amo.sim.history(amo.account, chat.uuid)
    assert [(one.direction, one.author, one.status) for one in shown] == [
        ("out", "Мария", "imported"),
        ("out", "Бот", "imported"),
    ]
    assert "payload.receiver" in await amo.refused(sender=as_manager)
    assert "payload.sender.ref_id" in await amo.refused(sender=CLIENT, receiver=CLIENT)
    stranger = {**as_manager, "ref_id": "11111111-2222-4333-8444-555555555555"}
    assert "payload.sender.ref_id" in await amo.refused(sender=stranger, receiver=CLIENT)
    assert "payload.receiver.ref_id" in await amo.refused(sender=as_manager, receiver={**CLIENT, "ref_id": BOT})
    assert "payload.receiver.ref_id" in await amo.refused(sender=as_manager, receiver={**CLIENT, "ref_id": "nobody"})
    assert "payload.receiver.id" in await amo.refused(sender=as_manager, receiver={"name": "Анна"})
    assert amo.sim.hooks == ()


async def test_a_user_without_chats_cannot_be_a_sender_yet(amo: Any) -> None:
    manager = amo.sim.add_user(amo.account, "Пётр", has_chats=False)
    assert manager.amojo_id is None
    chat = await amo.open_chat()
    amo.sim.answer(amo.account, chat, manager, "да")
    await amo.send(sender={"id": "amo-2", "name": "Пётр", "ref_id": manager.amojo_id}, receiver=CLIENT)


async def test_participants_by_ref_id_alone_are_a_switch(amo: Any) -> None:
    by_ref = {"name": "Бот", "ref_id": BOT}
    await amo.refused(sender=by_ref, receiver=CLIENT)
    amo.switch(participant_id="id_or_ref")
    await amo.send(sender=by_ref, receiver=CLIENT)
    uuid = amo.account.participants["tgu-9001"].uuid
    await amo.send(sender={"ref_id": uuid})
    assert "needs id or ref_id" in await amo.refused(sender={"name": "Никто"})
    user = {"conversation_id": "other", "user": {"ref_id": uuid}}
    answer = await amo.signed("POST", f"{amo.scope}/chats", user)
    assert answer.json() == {"id": amo.sim.chat(amo.account, "other").uuid, "user": {"id": uuid}}
    amo.switch(participant_id="required")
    assert (await amo.signed("POST", f"{amo.scope}/chats", user)).status_code == 400


async def test_ids_in_the_answer_by_the_switch(amo: Any) -> None:
    made = await amo.send()
    assert UUID.fullmatch(made["conversation_id"])
    assert UUID.fullmatch(made["sender_id"])
    assert "receiver_id" not in made
    amo.switch(message_ids="ours")
    made = await amo.send()
    assert (made["conversation_id"], made["sender_id"], made["receiver_id"]) == ("p1-9001", "tgu-9001", None)
    made = await amo.send(sender={"id": "bot", "name": "Бот", "ref_id": BOT}, receiver=CLIENT)
    assert UUID.fullmatch(made["receiver_id"])


async def test_a_repeated_msgid_by_the_switch(amo: Any) -> None:
    first = await amo.send(msgid="once")
    again = await amo.send(msgid="once")
    assert again == first
    amo.switch(duplicate_msgid="refuse")
    assert "known already" in await amo.refused(msgid="once")
    chat = amo.sim.chat(amo.account, "p1-9001")
    assert len(amo.sim.history(amo.account, chat.uuid)) == 1


async def test_chats_are_opened_once(amo: Any) -> None:
    body = {
        "conversation_id": "g1-d2",
        "source": {"external_id": "tgb-1"},
        "user": {
            "id": "tgu-1",
            "name": "Группа (Бот)",
            "avatar": "https://svc.example/a",
            "profile": {"phone": "+79150000000", "email": "a@example.com"},
            "profile_link": "https://t.me/a",
        },
    }
    answer = await amo.signed("POST", f"{amo.scope}/chats", body)
    again = await amo.signed("POST", f"{amo.scope}/chats", body)
    assert again.json() == answer.json()
    shown = answer.json()
    assert shown["user"] == {
        "id": amo.account.participants["tgu-1"].uuid,
        "client_id": "tgu-1",
        "name": "Группа (Бот)",
        "avatar": "https://svc.example/a",
        "phone": "+79150000000",
        "email": "a@example.com",
    }
    short = await amo.signed("POST", f"{amo.scope}/chats", {"conversation_id": "c", "user": {"id": "u", "name": "У"}})
    assert short.json()["user"]["avatar"] == ""
    assert "phone" not in short.json()["user"]
    for wrong in (
        {"user": {"id": "u", "name": "У"}},
        {"conversation_id": "c"},
        {"conversation_id": "c", "user": {"id": 5, "name": "У"}},
    ):
        assert (await amo.signed("POST", f"{amo.scope}/chats", wrong)).status_code == 400


async def test_a_reference_wins_over_a_fresh_conversation(amo: Any) -> None:
    chat = await amo.open_chat("known")
    made = await amo.send(conversation_id="fresh", conversation_ref_id=chat)
    assert made["conversation_id"] == chat
    assert amo.sim.chat(amo.account, "fresh") is None
    assert "conversation_ref_id" in await amo.refused(conversation_ref_id="nothing")


async def test_quotes_stay_in_their_chat(amo: Any) -> None:
    made = await amo.send(msgid="q1", message={"type": "text", "text": "вопрос"})
    await amo.send(reply_to={"message": {"msgid": "q1"}})
    await amo.send(reply_to={"message": {"id": made["msgid"]}})
    chat = amo.sim.chat(amo.account, "p1-9001")
    assert [one.quote for one in amo.sim.history(amo.account, chat.uuid)] == ["", "вопрос", "вопрос"]
    elsewhere = {"conversation_id": "p1-9002", "sender": {"id": "tgu-9002", "name": "Олег"}}
    assert "reply_to" in await amo.refused(reply_to={"message": {"msgid": "q1"}}, **elsewhere)
    assert "reply_to" in await amo.refused(reply_to={"message": {"msgid": "nothing"}})
    assert "forwards" in await amo.refused(forwards={"messages": [{"msgid": "nothing"}]})
    await amo.send(forwards={"messages": [{"msgid": "q1"}]}, **elsewhere)
    full = {"type": "text", "text": "а", "timestamp": 1, "msec_timestamp": 1000, "sender": {"name": "Кто-то"}}
    await amo.send(reply_to={"message": full})
    amo.switch(unknown_quote="ignore")
    await amo.send(reply_to={"message": {"msgid": "nothing"}})


async def test_text_limit_by_the_switch(amo: Any) -> None:
    long = {"type": "text", "text": "а" * 11}
    await amo.send(message=long)
    amo.switch(text_limit=10)
    assert "longer than 10" in await amo.refused(message=long)


async def test_edit(amo: Any) -> None:
    made = await amo.send(msgid="e1", message={**PICTURE, "text": "было"})
    edit = {"conversation_id": "p1-9001", "msgid": "e1", "message": {"type": "picture", "text": "стало"}}
    assert (await amo.event(edit, "edit_message")).status_code == 200
    item = amo.sim.message(amo.account, made["msgid"])
    assert (item.text, item.media, item.is_edited) == ("стало", "https://svc.example/f/1", True)
    ignored = {**edit, "sender": 5, "source": "x", "timestamp": 1, "msec_timestamp": 1000}
    assert (await amo.event(ignored, "edit_message")).status_code == 200
    for wrong in (
        {**edit, "msgid": "nothing"},
        {**edit, "conversation_id": "elsewhere"},
        {"conversation_id": "p1-9001", "message": {"type": "text", "text": "а"}},
        {"msgid": "e1", "message": {"type": "text", "text": "а"}},
        {**edit, "message": {"type": "text", "text": ""}},
        {**edit, "colour": "red"},
    ):
        assert (await amo.event(wrong, "edit_message")).status_code == 400
    assert amo.sim.unsorted(amo.account)
    assert len(amo.sim.unsorted(amo.account)) == 1


async def test_an_edit_can_name_and_settle_a_message_of_amocrm(amo: Any) -> None:
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    message = {"type": "text", "text": "да", "delivery_status": {"status_code": -1, "error_code": 905, "error": "Нет"}}
    edit = {"conversation_ref_id": chat, "id": amo_id, "msgid": "tg-out-1", "message": message}
    assert (await amo.event(edit, "edit_message")).status_code == 200
    item = amo.sim.message(amo.account, amo_id)
    assert (item.msgid, item.status, item.is_edited) == ("tg-out-1", "Нет", False)
    await amo.send(msgid="taken")
    assert (await amo.event({**edit, "msgid": "taken"}, "edit_message")).status_code == 400


async def test_delivery_status(amo: Any) -> None:
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    path = f"{amo.scope}/{amo_id}/delivery_status"

    def status() -> str:
        return str(amo.sim.message(amo.account, amo_id).status)

    assert status() == "sent"
    answer = await amo.signed("POST", path, {"status_code": 1, "delivery_status": 1, "msgid": amo_id})
    assert (answer.status_code, answer.content) == (200, b"")
    assert status() == "delivered"
    assert (await amo.signed("POST", path, {"status_code": 2})).status_code == 200
    assert (await amo.signed("POST", path, {"status_code": 1})).status_code == 200
    assert status() == "read"
    failed = {"status_code": -1, "error_code": 905, "error": "Бот исключён из группы"}
    assert (await amo.signed("POST", path, failed)).status_code == 200
    assert status() == "Бот исключён из группы"
    assert amo.sim.message(amo.account, amo_id).error_code == 905
    assert (await amo.signed("POST", path, {"delivery_status": -1, "error_code": 904})).status_code == 200
    assert status() == "Невозможно начать переписку"
    amo.sim.assert_clean()
    for wrong in (
        {},
        {"status_code": "1"},
        {"status_code": 3},
        {"status_code": -1},
        {"status_code": -1, "error_code": 1},
        {"status_code": -1, "error_code": "905", "error": "x"},
        {"status_code": -1, "error_code": 905},
        {"status_code": 1, "delivery_status": 2},
        {"status_code": 1, "extra": 1},
    ):
        assert (await amo.signed("POST", path, wrong)).status_code == 400, wrong
    unknown = f"{amo.scope}/11111111-2222-4333-8444-555555555555/delivery_status"
    assert (await amo.signed("POST", unknown, {"status_code": 1})).status_code == 404
    incoming = (await amo.send())["msgid"]
    assert (await amo.signed("POST", f"{amo.scope}/{incoming}/delivery_status", {"status_code": 1})).status_code == 400


async def test_the_field_of_a_delivery_status_is_a_switch(amo: Any) -> None:
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    path = f"{amo.scope}/{amo_id}/delivery_status"
    table, sample = {"status_code": 1}, {"msgid": amo_id, "delivery_status": 1}
    for position, good, bad in [("status_code", table, sample), ("delivery_status", sample, table)]:
        amo.switch(delivery_field=position)
        assert (await amo.signed("POST", path, good)).status_code == 200
        assert (await amo.signed("POST", path, bad)).status_code == 400


async def test_history(amo: Any) -> None:
    chat = await amo.open_chat()
    path = f"{amo.scope}/chats/{chat}/history"
    assert (await amo.signed("GET", path)).status_code == 204
    assert (await amo.signed("GET", f"{amo.scope}/chats/nothing/history")).status_code == 204
    for number in range(60):
        await amo.send(msgid=f"h{number}", message={"type": "text", "text": str(number)})
    amo.time += 1
    amo.sim.answer(amo.account, chat, amo.account.owner, "ответ")
    page = (await amo.signed("GET", path)).json()["messages"]
    assert len(page) == 50
    newest = page[1]
    assert newest["message"]["text"] == "59"
    assert newest["message"]["client_id"] == "h59"
    assert newest["sender"] == {"id": newest["sender"]["id"], "client_id": "tgu-9001", "name": "Анна"}
    assert "receiver" not in newest
    answered = page[0]
    assert answered["message"]["text"] == "ответ"
    assert "client_id" not in answered["message"]
    assert "client_id" not in answered["sender"]
    assert answered["receiver"]["client_id"] == "tgu-9001"
    rest = (await amo.signed("GET", path, query="offset=50&limit=50")).json()["messages"]
    assert [one["message"]["text"] for one in rest] == [str(number) for number in range(10, -1, -1)]
    assert (await amo.signed("GET", path, query="offset=61")).status_code == 204
    for query in ("limit=51", "limit=0", "limit=a", "page=1"):
        assert (await amo.signed("GET", path, query=query)).status_code == 400


async def test_typing(amo: Any) -> None:
    chat = await amo.open_chat()
    path = f"{amo.scope}/typing"
    answer = await amo.signed("POST", path, {"conversation_id": "p1-9001", "sender": {"id": "tgu-9001"}})
    assert (answer.status_code, answer.content) == (204, b"")
    assert amo.sim.is_typing(amo.account, chat)
    amo.time += 6
    assert not amo.sim.is_typing(amo.account, chat)
    for wrong in (
        {"conversation_id": "p1-9001"},
        {"conversation_id": "no", "sender": {"id": "a"}},
        {"sender": {"id": "a"}},
    ):
        assert (await amo.signed("POST", path, wrong)).status_code == 400


async def test_reactions(amo: Any) -> None:
    made = await amo.send(msgid="r1")
    path = f"{amo.scope}/react"
    react = {"conversation_id": "p1-9001", "msgid": "r1", "user": {"id": "tgu-9001"}, "type": "react", "emoji": "😍"}
    answer = await amo.signed("POST", path, react)
    assert (answer.status_code, answer.content) == (200, b"")
    assert amo.sim.message(amo.account, made["msgid"]).reactions == (Reaction(emoji="😍", by="Анна", is_manager=False),)
    by_amo = {"conversation_ref_id": made["conversation_id"], "id": made["msgid"], "user": {"id": "tgu-9001"}}
    assert (await amo.signed("POST", path, {**by_amo, "type": "unreact"})).status_code == 200
    assert amo.sim.message(amo.account, made["msgid"]).reactions == ()
    manager = {"id": "amo-1", "ref_id": amo.account.owner.amojo_id}
    assert (await amo.signed("POST", path, {**react, "user": manager})).status_code == 200
    assert (await amo.signed("POST", path, {**react, "msgid": "nothing"})).status_code == 404
    for wrong in (
        {**react, "type": "like"},
        {key: value for key, value in react.items() if key != "emoji"},
        {key: value for key, value in react.items() if key != "msgid"},
        {key: value for key, value in react.items() if key != "conversation_id"},
        {**react, "user": {"id": "a", "ref_id": "nobody"}},
    ):
        assert (await amo.signed("POST", path, wrong)).status_code == 400


async def test_several_senders_in_one_chat(amo: Any) -> None:
    await amo.send()
    await amo.send(sender={"id": "tgu-9002", "name": "Олег"})
    chat = amo.sim.chat(amo.account, "p1-9001").uuid
    assert [one.author for one in amo.sim.history(amo.account, chat)] == ["Анна", "Олег"]
    amo.switch(sender_rendering="first")
    assert [one.author for one in amo.sim.history(amo.account, chat)] == ["Анна", "Анна"]


async def test_accounts_do_not_see_each_other(amo: Any) -> None:
    await amo.send(msgid="same")
    mine, my_scope = amo.account, amo.scope
    amo.account = amo.sim.add_account("vasilek", "Василёк")
    connect = {"account_id": amo.account.amojo_id, "hook_api_version": "v2"}
    assert (await amo.signed("POST", f"{my_scope.partition('_')[0]}/connect", connect)).status_code == 200
    await amo.send(msgid="same")
    chats = [amo.sim.chat(one, "p1-9001").uuid for one in (mine, amo.account)]
    assert chats[0] != chats[1]
    assert (await amo.signed("GET", f"{amo.scope}/chats/{chats[0]}/history")).status_code == 204
    foreign = {"id": "amo-1", "name": "Админ", "ref_id": mine.owner.amojo_id}
    assert "payload.sender.ref_id" in await amo.refused(sender=foreign, receiver=CLIENT)


async def test_memory_is_bounded(amo: Any) -> None:
    amo.account._message_cap = 3
    for number in range(5):
        await amo.send(msgid=f"b{number}")
    chat = amo.sim.chat(amo.account, "p1-9001").uuid
    assert [one.msgid for one in amo.sim.history(amo.account, chat)] == ["b2", "b3", "b4"]
    assert len(amo.account.messages) == len(amo.account.messages_by_msgid) == 3
