"""Chat hooks of amoCRM in every documented shape, both forms of every doubtful point, and nonsense."""

from __future__ import annotations

import copy
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.gateways.amojo import MessageHook, ReactionHook, TypingHook, UnknownHook, parse_hook
from dealgram.gateways.errors import BadPayload

MESSAGE = {
    "account_id": "account-amojo",
    "time": 1767225600,
    "message": {
        "receiver": {"id": "r-uuid", "phone": "", "email": "", "client_id": "tgu:9001", "name": "Анна"},
        "sender": {"id": "manager-amojo"},
        "conversation": {"id": "chat-uuid", "client_id": "g1-d42"},
        "source": {"external_id": "tgb-700"},
        "timestamp": 1767225600,
        "msec_timestamp": 1767225600123,
        "message": {
            "id": "amo-1",
            "type": "text",
            "text": "Добрый день",
            "tag": "",
            "media": "",
            "thumbnail": "",
            "file_name": "",
            "file_size": 0,
            "markup": None,
            "template": None,
        },
    },
}


def changed(path, value, base=MESSAGE):
    data = copy.deepcopy(base)
    *way, last = path.split(".")
    place = data
    for name in way:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return orjson.dumps(data)


def test_a_message():
    hook = parse_hook(orjson.dumps(MESSAGE))
    assert isinstance(hook, MessageHook)
    assert hook.account_id == "account-amojo"
    assert (hook.content.id, hook.content.type, hook.content.text) == ("amo-1", "text", "Добрый день")
    assert (hook.conversation.id, hook.conversation.client_id) == ("chat-uuid", "g1-d42")
    assert (hook.sender.id, hook.sender.name) == ("manager-amojo", None)
    assert (hook.receiver.id, hook.receiver.client_id) == ("r-uuid", "tgu:9001")
    assert hook.source_external_id == "tgb-700"
    assert hook.sent_at_ms == 1767225600123
    assert hook.quoted is None
    assert hook.buttons == ()
    assert hook.broken == ()


def test_a_chat_that_we_did_not_begin():
    hook = parse_hook(changed("message.conversation.client_id", ...))
    assert isinstance(hook, MessageHook)
    assert hook.conversation.client_id is None


def test_times_without_milliseconds():
    data = copy.deepcopy(MESSAGE)
    del data["message"]["msec_timestamp"]
    assert parse_hook(orjson.dumps(data)).sent_at_ms == 1767225600000
    del data["message"]["timestamp"]
    data["time"] = 5
    assert parse_hook(orjson.dumps(data)).sent_at_ms == 5000


@pytest.mark.parametrize("kind", ["file", "video", "picture", "voice", "audio", "sticker"])
def test_media(kind):
    content = {**MESSAGE["message"]["message"], "type": kind, "media": "https://amo/f", "thumbnail": "https://amo/t"}
    content |= {"file_name": "f.bin", "file_size": 5_000_000_000}
    hook = parse_hook(changed("message.message", content))
    assert (hook.content.type, hook.content.media, hook.content.thumbnail) == (kind, "https://amo/f", "https://amo/t")
    assert (hook.content.file_name, hook.content.file_size) == ("f.bin", 5_000_000_000)


@pytest.mark.parametrize("place", ["message.message.media_group_id", "message.media_group_id"])
def test_a_media_group_in_either_place(place):
    hook = parse_hook(changed(place, "album-1"))
    assert hook.content.media_group_id == "album-1"


def test_buttons():
    markup = {"mode": "inline", "buttons": [[{"text": "Да"}, {"text": "Сайт", "url": "https://x"}], [{"text": "Нет"}]]}
    hook = parse_hook(changed("message.message.markup", markup))
    assert [[(key.text, key.url) for key in row] for row in hook.buttons] == [
        [("Да", None), ("Сайт", "https://x")],
        [("Нет", None)],
    ]


def test_a_template():
    template = {"id": 7, "external_id": "t-1", "content": "{{name}}", "params": [{"key": "{{name}}", "value": "Анна"}]}
    hook = parse_hook(changed("message.message.template", template))
    assert (hook.content.template.id, hook.content.template.params[0].value) == (7, "Анна")


@pytest.mark.parametrize("place", ["message.message.reply_to", "message.reply_to"])
def test_an_answer_to_a_message(place):
    quoted = {"id": "amo-0", "msgid": "tg-700-51", "type": "text", "text": "Вопрос", "sender": {"id": "x", "name": "А"}}
    hook = parse_hook(changed(place, {"message": quoted}))
    assert (hook.quoted.id, hook.quoted.msgid, hook.quoted.text) == ("amo-0", "tg-700-51", "Вопрос")
    assert hook.quoted.sender.name == "А"


@pytest.mark.parametrize("place", ["message.message.forwards", "message.forwards"])
def test_a_forwarded_message(place):
    forwards = {"messages": [{"id": "amo-0", "type": "text", "text": "Чужое"}], "conversation_ref_id": "other"}
    hook = parse_hook(changed(place, forwards))
    assert [one.text for one in hook.content.forwards.messages] == ["Чужое"]


def test_a_comment_under_a_post():
    hook = parse_hook(changed("message.message.post", {"id": "post-1", "url": "https://p"}))
    assert hook.content.post.id == "post-1"


@pytest.mark.parametrize(
    ("path", "value", "broken"),
    [
        ("message.message.markup", [], ("message.markup",)),  # PHP's empty object
        ("message.message.template", "x", ("message.template",)),
        ("message.message.file_size", "", ("message.file_size",)),
        ("message.message.text", 5, ("message.text",)),
        ("message.message.reply_to", [], ("message.reply_to",)),
        ("message.receiver", "nobody", ("receiver",)),
        ("message.sender", None, ()),
        ("message.source", [], ("source",)),
        ("message.timestamp", {}, ("timestamp",)),
        ("message.message.brand_new", {"a": 1}, ()),
    ],
)
def test_an_odd_field_does_not_cost_the_message(path, value, broken):
    hook = parse_hook(changed(path, value))
    assert isinstance(hook, MessageHook)
    assert hook.content.id == "amo-1"
    assert hook.conversation.client_id == "g1-d42"
    assert hook.broken == broken


def test_a_number_as_text_is_still_a_number():
    assert parse_hook(changed("message.message.file_size", "48211")).content.file_size == 48211


@pytest.mark.parametrize("path", ["message.message.id", "message.conversation", "message.message", "account_id"])
def test_a_message_without_what_it_needs_is_unknown(path):
    hook = parse_hook(changed(path, ...))
    assert isinstance(hook, UnknownHook)
    assert hook.kinds == ("message",)


def test_typing_with_the_user_inside():
    hook = parse_hook(
        b'{"account_id":"a","time":1,"action":{"typing":{"user":{"id":"m"},'
        b'"conversation":{"id":"c","client_id":"g1-d42"},"expired_at":6}}}'
    )
    assert isinstance(hook, TypingHook)
    assert (hook.user.id, hook.conversation.client_id, hook.expired_at) == ("m", "g1-d42", 6)


def test_typing_with_the_user_beside():
    hook = parse_hook(
        b'{"account_id":"a","time":1,"action":{"user":{"id":"m"},"typing":{"conversation":{"id":"c"},"expired_at":6}}}'
    )
    assert isinstance(hook, TypingHook)
    assert hook.user.id == "m"


def test_a_reaction_with_a_msgid():
    hook = parse_hook(
        '{"account_id":"a","time":1,"action":{"reaction":{"msgid":"amo-1","user":{"id":"m"},'
        '"conversation":{"id":"c","client_id":"g1-d42"},"type":"react","emoji":"👍"}}}'.encode()
    )
    assert isinstance(hook, ReactionHook)
    assert (hook.amo_id, hook.msgid, hook.emoji, hook.user.id) == ("amo-1", None, "👍", "m")


def test_a_reaction_with_a_message():
    hook = parse_hook(
        '{"account_id":"a","time":1,"action":{"reaction":{"message":{"id":"amo-1","client_id":"tg-1","receiver":{},'
        '"sender":{},"timestamp":1},"user":{"id":"m"},"conversation":{"id":"c"},"type":"react","emoji":"👍"}}}'.encode()
    )
    assert isinstance(hook, ReactionHook)
    assert (hook.amo_id, hook.msgid, hook.emoji) == ("amo-1", "tg-1", "👍")


def test_a_reaction_taken_off():
    hook = parse_hook(
        b'{"account_id":"a","action":{"reaction":{"msgid":"amo-1","user":{"id":"m"},'
        b'"conversation":{"id":"c"},"type":"unreact"}}}'
    )
    assert isinstance(hook, ReactionHook)
    assert hook.emoji is None
    assert hook.told_at == 0


@pytest.mark.parametrize(
    ("time", "told_at"), [("1767225600", 1767225600), ('"soon"', 0), ("true", 0), ("-1", 0), (str(10**30), 0)]
)
def test_when_a_reaction_was_told_of(time, told_at):
    reaction = '{"msgid":"amo-1","conversation":{"id":"c"}}'
    raw = f'{{"account_id":"a","time":{time},"action":{{"reaction":{reaction}}}}}'
    assert parse_hook(raw.encode()).told_at == told_at


def test_a_reaction_to_nothing_is_unknown():
    hook = parse_hook(b'{"account_id":"a","action":{"reaction":{"conversation":{"id":"c"}}}}')
    assert isinstance(hook, UnknownHook)
    assert hook.kinds == ("action", "reaction")


def test_a_hook_of_a_kind_to_come():
    hook = parse_hook(b'{"account_id":"a","time":1,"read":{"x":1}}')
    assert hook == UnknownHook(account_id="a", kinds=("read",))


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff\xfe", b"message=1", b"[" * 100_000])
def test_what_is_no_hook_at_all(raw):
    with pytest.raises(BadPayload):
        parse_hook(raw)


def test_a_lone_surrogate_does_not_cost_the_message():
    raw = orjson.dumps(MESSAGE).replace("Добрый день".encode(), b"a\\ud800b")
    assert parse_hook(raw).content.text == "a\ufffdb"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    path=st.sampled_from(["message", "message.message", "message.sender", "message.message.markup"]), value=json_values
)
def test_any_value_anywhere_is_read_somehow(path, value):
    data = json.loads(orjson.dumps(MESSAGE))
    *way, last = path.split(".")
    place = data
    for name in way:
        place = place[name]
    place[last] = value
    parse_hook(json.dumps(data).encode())


@given(value=json_values)
def test_any_json_is_a_hook_or_refused(value):
    try:
        parse_hook(json.dumps(value).encode())
    except BadPayload:
        assert not isinstance(value, dict)
