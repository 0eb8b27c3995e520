"""Every reader of what others send, over anything at all: its documented errors, and no other."""

from __future__ import annotations

import contextlib
import json
import time
from urllib.parse import quote_from_bytes, urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgram.actors.accounts.account_orders import read_order
from dealgram.actors.bots.bot_connection import BotRefusedError, read_token
from dealgram.actors.cards.deal_title import PLACEHOLDERS, TitleError, check_title, fill_title
from dealgram.actors.choices import AccountSettings, BotSettings, read_settings
from dealgram.actors.files.media_links import BadLinkError, MediaLink, MediaLinks
from dealgram.actors.groups.deal_reference import MAX_DEAL_ID, DealReference, Unreadable, looks_like_deal, read_deal
from dealgram.actors.names import parse_conversation
from dealgram.gateways.amo_hosts import AmoHosts, ForeignHostError
from dealgram.gateways.amocrm import parse_crm_hook
from dealgram.gateways.amojo import parse_hook
from dealgram.gateways.amojo.signature import verify_hook
from dealgram.gateways.errors import BadPayload
from dealgram.gateways.telegram import BadUpdate, chat_of, parse_update
from dealgram.http.seals import Seals
from dealgram.persistence import SecretBox, generate_key
from dealgram.runtime import Permanent

LINKS = MediaLinks.of(["a key"], lambda: None)
SEALS = Seals(SecretBox([generate_key()]), time.time)
HOSTS = AmoHosts(("amocrm.ru", "kommo.com"))
MOST = 100

words = st.text(max_size=30) | st.sampled_from(["id", "message", "chat", "0", "-1", "\x00", "\ud800", "9" * 30])
plain = st.none() | st.booleans() | st.integers() | st.floats() | words
KNOWN = (
    "update_id message message_id chat from type text callback_query data account_id conversation client_id action"
    " typing reaction media markup buttons time user"
)
names = words | st.sampled_from(KNOWN.split())
structures = st.recursive(plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5))
objects = st.dictionaries(names, structures, max_size=6)
as_json = objects.map(lambda value: json.dumps(value).encode())
updates = st.builds(
    lambda number, kind, content: json.dumps({"update_id": number, kind: content}).encode(),
    st.integers(-(2**70), 2**70) | plain,
    st.sampled_from(["message", "edited_message", "callback_query", "my_chat_member", "message_reaction", "poll", ""]),
    structures,
)
chat_hooks = st.builds(
    lambda kind, content: json.dumps({"account_id": "a", kind: content}).encode(),
    st.sampled_from(["message", "action"]),
    st.builds(
        lambda message, rest: {"message": message, "conversation": {"id": "c"}, **rest},
        st.builds(lambda identity, rest: {**rest, "id": identity}, words | structures, objects),
        objects,
    ),
)
keys = st.lists(
    st.sampled_from(["leads", "contacts", "account", "unsorted", "talk", "[add]", "[0]", "[id]", "[]", "[", "]", "id"])
    | words,
    max_size=6,
).map("".join)
forms = st.lists(st.tuples(keys, words | st.integers().map(str)), max_size=12).map(
    lambda pairs: urlencode(pairs, errors="replace").encode()
)
blobs = st.binary(max_size=300)
texts = st.text(max_size=100) | st.text("{}[]()<>@:./\\ №id0123456789\x00\ud800", max_size=60)


@settings(max_examples=MOST)
@given(raw=blobs | updates | as_json)
def test_updates(raw):
    try:
        update = parse_update(raw)
    except BadUpdate:
        return
    assert -(2**63) <= update.update_id < 2**63
    chat_of(update)


@settings(max_examples=MOST)
@given(raw=blobs | chat_hooks | as_json)
def test_chat_hooks(raw):
    try:
        hook = parse_hook(raw)
    except BadPayload:
        return
    conversation = getattr(hook, "conversation", None)
    if conversation is not None:
        parse_conversation(conversation.client_id or "")


@given(raw=blobs, signature=texts | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_signatures_of_chat_hooks(raw, signature):
    assert not verify_hook("the secret", raw, signature)


@settings(max_examples=MOST)
@given(raw=blobs | forms | st.binary().map(lambda raw: f"leads[add][0][id]={quote_from_bytes(raw)}".encode()))
def test_crm_hooks(raw):
    try:
        hook = parse_crm_hook(raw)
    except BadPayload:
        return
    assert hook.account_id is None or 0 < hook.account_id < 2**63


@given(raw=blobs | as_json)
def test_orders(raw):
    with contextlib.suppress(Permanent):
        read_order(raw)


@settings(max_examples=MOST)
@given(name=texts | st.binary(max_size=100).map(lambda raw: raw.hex()), cut=st.integers(0, 200), more=texts)
def test_media_links(name, cut, more):
    good = LINKS.sign(MediaLink(account_id=1, bot_id=2, file_id="f"))
    for candidate in (name, good[:cut] + more):
        if candidate == good:
            continue
        try:
            LINKS.verify(candidate, 0.0)
        except BadLinkError:
            continue
        raise AssertionError("a link that nobody signed was accepted")


@settings(max_examples=MOST)
@given(note=texts, cut=st.integers(0, 200), more=texts)
def test_notes_in_browsers(note, cut, more):
    good = SEALS.make("purpose", "value", life_s=3600)
    assert SEALS.read("purpose", note) is None
    assert SEALS.read("another purpose", good) is None
    if good[:cut] + more != good:
        assert SEALS.read("purpose", good[:cut] + more) is None


@settings(max_examples=MOST)
@given(host=texts | st.tuples(texts, st.sampled_from([".amocrm.ru", "@amocrm.ru", "amocrm.ru"]), texts).map("".join))
def test_hosts(host):
    try:
        url = HOSTS.base_url(host)
    except ForeignHostError:
        return
    scheme, _, name = url.partition("://")
    assert scheme == "https"
    assert name.removesuffix("amocrm.ru").removesuffix("kommo.com") != name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


storable = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=70)  # in a jsonb column
stored = st.recursive(
    st.none() | st.booleans() | st.integers() | storable | st.sampled_from(["deal", "keep", "follow", "{name}"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(storable, inner, max_size=4),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", [AccountSettings, BotSettings])
@settings(max_examples=MOST)
@given(data=st.data())
def test_stored_settings(kind, data):
    given_for = dict.fromkeys(kind.__struct_fields__, stored) | {"another": stored}
    read = read_settings(data.draw(st.fixed_dictionaries({}, optional=given_for)), kind)
    assert msgspec.convert(msgspec.to_builtins(read), kind) == read


@settings(max_examples=MOST)
@given(text=texts | st.integers().map(str) | st.integers().map("https://sub.amocrm.ru/leads/detail/{}".format))
def test_references_to_deals(text):
    looks_like_deal(text)
    found = read_deal(text, "https://sub.amocrm.ru")
    assert isinstance(found, Unreadable) or (isinstance(found, DealReference) and 0 < found.deal_id <= MAX_DEAL_ID)


def test_a_reference_takes_time_in_proportion_to_its_length():
    """Everybody else waits meanwhile. Quadratic time would be the better part of an hour here."""
    many = 300_000
    for text in ("id" + " " * many + "x", "id " * many + "x", "1 " * many + "x", "№#:" * many + "!", "/" * many):
        assert isinstance(read_deal(text, "https://sub.amocrm.ru"), Unreadable)
    assert fill_title("{name}", name="(" + " " * many + "x") == "( x"


@settings(max_examples=MOST)
@given(
    template=texts
    | st.lists(st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS] + ["{", "}", " ", "x"])).map("".join),
    name=texts,
    bot=texts,
)
def test_titles(template, name, bot):
    try:
        checked = check_title(template)
    except TitleError:
        return
    title = fill_title(checked, name=name, bot=bot)
    assert "{name}" not in title or "{name}" in name + bot


@given(pasted=texts | st.from_regex(r"\d{5,19}:[A-Za-z0-9_-]{1,40}"))
def test_tokens(pasted):
    try:
        token = read_token(pasted)
    except BotRefusedError:
        return
    assert token in pasted
