"""Every call of the gateways against the simulators, which others wrote from the documentation and not from our code.

A request that breaks a documented rule is recorded by the simulator; `assert_clean` brings it to light.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
import trio

from dealgram.gateways.amocrm import AmoCrmClient, ContactDraft, GrantRefused, NewLead, OAuthClient
from dealgram.gateways.amojo import (
    AmojoClient,
    ChatUser,
    Content,
    ContentType,
    DeliveryError,
    DeliveryStatus,
    EditMessage,
    MessageHook,
    NewMessage,
    Quote,
    ReactionHook,
    TypingHook,
    parse_hook,
    text,
)
from dealgram.gateways.errors import Forbidden, NotFound, Refused, Unauthorised
from dealgram.gateways.gate_policy import GatePolicy
from dealgram.gateways.gates import Gates
from dealgram.gateways.telegram import (
    AskReply,
    BotBlocked,
    CallbackQuery,
    ChatGone,
    ChatMigrated,
    IntakeConflict,
    Key,
    Keyboard,
    MembershipChanged,
    PollingPool,
    TelegramGateway,
    parse_update,
    update_id,
)
from dealgram.gateways.transport import Upstream
from dealgram.sandbox.amocrm import AmoSimulator
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.serve import serve
from dealgram.sandbox.telegram import TelegramSimulator, served

# Telegram


@pytest.fixture
async def telegram(transport):
    simulator = TelegramSimulator(schema=ApiSchema.load())
    async with served(simulator) as stage, PollingPool.open(Upstream(name="poll"), stage.url) as pool:
        yield simulator, TelegramGateway(transport, stage.url), pool


async def updates(pool, bot):
    raw = await pool.get_updates(bot.token, None, timeout_s=0)
    return [parse_update(item) for item in raw]


async def test_a_group_as_its_bot_sees_it(telegram):
    simulator, gateway, pool = telegram
    bot = simulator.add_bot("Бот", "some_bot")
    anna = simulator.add_person("Анна", username="anna")
    group = simulator.create_group("Группа", anna)
    simulator.add_member(group, bot, by=anna)
    simulator.promote(group, bot)
    written = simulator.write(anna, group, "Добрый день")
    calls = gateway.bot(bot.token)

    me = await calls.get_me()
    assert (me.id, me.username) == (bot.id, "some_bot")
    menu = Keyboard(rows=((Key(text="Связать", data="link"),),))
    sent = await calls.send_text(group.id, "Меню", reply_to=written["message_id"], reply_markup=menu)
    await calls.edit_text(group.id, sent, "Меню 2", reply_markup=menu)
    await calls.edit_text(group.id, sent, "Меню 2", reply_markup=menu)
    press = simulator.press(anna, group, sent, "link")
    await calls.answer_callback(press, "Готово", alert=True)
    asked = await calls.send_text(group.id, "ID?", reply_markup=AskReply(placeholder="Номер"), silent=True)
    assert await calls.send_text(group.id, "x", reply_to=10_000, link_preview=False) == asked + 1
    await calls.delete_message(group.id, asked)
    await calls.delete_message(group.id, asked)
    assert (await calls.get_chat(group.id)).title == "Группа"
    assert (await calls.get_chat_member(group.id, anna.id)).is_admin
    assert anna.id in [one.user.id for one in await calls.get_chat_administrators(group.id)]

    seen = await updates(pool, bot)
    assert [update.broken for update in seen] == [()] * len(seen)
    assert any(isinstance(one.payload, MembershipChanged) for one in seen)
    assert [one.message.text for one in seen if one.message and one.message.kind == "text"] == ["Добрый день"]
    (pressed,) = [one.payload for one in seen if isinstance(one.payload, CallbackQuery)]
    assert (pressed.id, pressed.data, pressed.message.message_id) == (press, "link", sent)
    await calls.leave_chat(group.id)
    with pytest.raises(ChatGone):
        await calls.send_text(group.id, "x")


async def test_the_settings_of_a_bot(telegram):
    simulator, gateway, pool = telegram
    bot = simulator.add_bot("Бот", "some_bot")
    calls = gateway.bot(bot.token)
    for scope in ("default", "private", "groups"):
        await calls.set_commands([("menu", "Меню группы")], scope=scope)
    await calls.set_description("Описание")
    await calls.set_short_description("Коротко")
    assert (await calls.get_webhook_info()).url == ""
    await calls.set_webhook("https://example.com/k", secret_token="s3cret", allowed_updates=["message"])
    assert (await calls.get_webhook_info()).url == "https://example.com/k"
    with pytest.raises(IntakeConflict) as caught:
        await pool.get_updates(bot.token, None, timeout_s=0)
    assert caught.value.reason == "webhook_active"
    await calls.delete_webhook(drop_pending_updates=True)
    assert await pool.get_updates(bot.token, None, timeout_s=0) == []


async def test_confirming_updates(telegram):
    simulator, _, pool = telegram
    bot = simulator.add_bot("Бот", "some_bot")
    anna = simulator.add_person("Анна")
    simulator.write(anna, bot, "раз")
    (raw,) = await pool.get_updates(bot.token, None, timeout_s=0)
    simulator.write(anna, bot, "два")
    (second,) = await pool.get_updates(bot.token, update_id(raw) + 1, timeout_s=0)
    assert parse_update(second).message.text == "два"


async def test_refusals_of_telegram(telegram):
    simulator, gateway, pool = telegram
    bot = simulator.add_bot("Бот", "some_bot")
    anna = simulator.add_person("Анна")
    group = simulator.create_group("Группа", anna, kind="group")
    simulator.add_member(group, bot, by=anna)
    calls = gateway.bot(bot.token)
    new = simulator.upgrade_to_supergroup(group)
    with pytest.raises(ChatMigrated) as caught:
        await calls.send_text(group.id, "x")
    assert caught.value.new_chat_id == new.id
    simulator.write(anna, bot, "привет")
    simulator.block(anna, bot)
    with pytest.raises(BotBlocked):
        await calls.send_text(anna.id, "x")
    with pytest.raises(ChatGone):
        await calls.send_text(123456, "x")
    simulator.revoke_token(bot)
    with pytest.raises(Unauthorised):
        await calls.get_me()
    with pytest.raises(Unauthorised):
        await pool.get_updates("700:nobody", None, timeout_s=0)


# amoCRM


class Stage:
    def __init__(self, simulator, url, transport):
        self.simulator = simulator
        self.account = simulator.add_account("romashka", "Ромашка")
        self.admin = simulator.add_user(self.account, "Админ", is_admin=True)
        self.pipeline = simulator.add_pipeline(self.account, "Продажи")
        self.url = url
        self.scope = simulator.scope_id(self.account)
        channel, integration = simulator.channel, simulator.integration
        self.amojo = AmojoClient(transport, url, channel.id, channel.secret, lambda: datetime.now(UTC))
        self.oauth = OAuthClient(transport, integration.client_id, integration.client_secret, integration.redirect_uri)
        access, self.refresh = simulator.issue_tokens(self.account)
        self.crm = AmoCrmClient(transport, url, self, Gates(GatePolicy(rest_rate_per_s=1000, open_after=1000)).of(1))
        self.access = access

    async def token(self, stale):
        return self.access

    async def has_moved(self, base_url):
        return False

    def message(self, conversation, msgid, **changes):
        fields = {
            "msgid": msgid,
            "conversation_id": conversation,
            "sender": ChatUser(id="tgu:9001", name="Анна"),
            "content": text("Добрый день"),
            "sent_at_ms": int(datetime.now(UTC).timestamp() * 1000),
        }
        return NewMessage(**{**fields, **changes})


@asynccontextmanager
async def amo_stage(transport, switches=None, **hooks):
    simulator = AmoSimulator(switches=switches, **hooks)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, simulator.app))
        await nursery.start(simulator.run)
        yield Stage(simulator, f"http://127.0.0.1:{port}", transport)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def amo(transport):
    async with amo_stage(transport, AmoSwitches(rest_rate_per_s=None)) as stage:
        yield stage


async def test_an_installation(amo):
    code = amo.simulator.issue_code(amo.account)
    tokens = await amo.oauth.exchange(amo.url, code)
    amo.access = tokens.access_token
    fresh = await amo.oauth.refresh(amo.url, tokens.refresh_token)
    amo.access = fresh.access_token
    account = await amo.crm.account()
    assert (account.id, account.amojo_id, account.name) == (amo.account.id, amo.account.amojo_id, "Ромашка")
    assert await amo.amojo.connect(account.amojo_id, "Telegram") == amo.scope
    assert "Админ" in [user.name for user in await amo.crm.users()]
    assert (await amo.crm.user(amo.admin.id)).is_admin
    assert "Продажи" in [one.name for one in await amo.crm.pipelines()]
    assert "TELEGRAM_ID" not in [one.code for one in await amo.crm.contact_fields()]
    field = await amo.crm.create_contact_field("Telegram ID", "TELEGRAM_ID")
    assert (field, "TELEGRAM_ID") in [(one.id, one.code) for one in await amo.crm.contact_fields()]
    (source,) = await amo.crm.create_sources([("Бот", "tgb-700", amo.pipeline.id)])
    await amo.crm.update_source(source.id, name="Другой бот")
    assert [one.name for one in await amo.crm.sources()] == ["Другой бот"]
    await amo.crm.delete_source(source.id)
    await amo.amojo.disconnect(account.amojo_id)
    amo.simulator.assert_clean()
    await amo.crm.delete_source(source.id)
    with pytest.raises(GrantRefused):
        await amo.oauth.refresh(amo.url, tokens.refresh_token)
    amo.access = "nonsense"
    with pytest.raises(Unauthorised):
        await amo.crm.account()


async def test_a_person_gets_a_contact_a_deal_and_a_chat(amo):
    await amo.amojo.connect(amo.account.amojo_id, "Telegram")
    field = await amo.crm.create_contact_field("Telegram ID", "TELEGRAM_ID")
    draft = ContactDraft(name="Анна П.", fields={field: "9001"}, tags_to_add=("telegram",), request_id="tgu:9001")
    (contact,) = await amo.crm.create_contacts([draft])
    (found,) = await amo.crm.find_contacts("9001")
    assert (found.id, found.values_of(field)) == (contact, ("9001",))
    await amo.crm.update_contacts([ContactDraft(id=contact, name="Анна")])
    leads = [NewLead(name="Первая", pipeline_id=amo.pipeline.id, contact_ids=(contact,)), NewLead(name="Вторая")]
    first, second = await amo.crm.create_leads(leads)
    await amo.crm.link(second, [contact])
    assert [one.id for one in (await amo.crm.lead(second)).contacts] == [contact]
    assert set((await amo.crm.contact(contact)).lead_ids) == {first, second}
    await amo.crm.unlink(second, [contact])
    assert (await amo.crm.lead(second)).contacts == ()
    await amo.crm.add_notes(first, ["Группа связана"])
    assert await amo.crm.lead(99_999_999) is None
    assert await amo.crm.contact(99_999_999) is None
    assert await amo.crm.find_contacts("нет такого") == []

    chat = await amo.amojo.create_chat(amo.scope, "p700-9001", ChatUser(id="tgu:9001", name="Анна", phone="+7999"))
    assert chat == await amo.amojo.create_chat(amo.scope, "p700-9001", ChatUser(id="tgu:9001", name="Анна"))
    assert await amo.crm.contacts_of_chats([chat.id]) == []
    await amo.crm.link_chats([(chat.id, contact)])
    assert [one.chat_id for one in await amo.crm.chats_of(contact)] == [chat.id]
    assert [one.contact_id for one in await amo.crm.contacts_of_chats([chat.id])] == [contact]
    assert await amo.amojo.history(amo.scope, chat.id) == []
    sent = await amo.amojo.send(amo.scope, amo.message("p700-9001", "m-1"))
    await amo.amojo.edit(
        amo.scope,
        EditMessage(conversation_id="p700-9001", msgid="m-1", content=text("Исправлено"), sent_at_ms=1767225600000),
    )
    assert [item.text for item in amo.simulator.feed(amo.account, first)] == ["Исправлено"]
    (line,) = await amo.amojo.history(amo.scope, chat.id)
    assert (line.message.id, line.message.client_id, line.message.text) == (sent.amo_id, "m-1", "Исправлено")
    amo.simulator.assert_clean()


async def test_every_kind_of_content_is_accepted(amo):
    amo.simulator.switches = AmoSwitches(media_fetch="never")  # nobody serves these addresses
    await amo.amojo.connect(amo.account.amojo_id, "Telegram")
    file = {"media": "https://svc.example/f/1", "file_name": "f.bin", "file_size": 10}
    contents = [
        Content(type=kind, text="подпись", **file)
        for kind in ContentType
        if kind not in (ContentType.TEXT, ContentType.LOCATION, ContentType.CONTACT)
    ]
    contents += [
        Content(type=ContentType.LOCATION, location=(37, 55)),
        Content(type=ContentType.CONTACT, contact=("Анна", "+79990000000")),
        Content(type=ContentType.VOICE, media="https://svc.example/v", media_duration_s=3),
    ]
    for number, content in enumerate(contents):
        await amo.amojo.send(amo.scope, amo.message("c", f"m-{number}", content=content))
    await amo.amojo.send(amo.scope, amo.message("c", "quote", reply_to=Quote(msgid="m-0")))
    manager = ChatUser(id=f"amo:{amo.admin.id}", name="Админ", ref_id=amo.admin.amojo_id)
    receiver = ChatUser(id="tgu:9001", name="Анна")
    await amo.amojo.send(amo.scope, amo.message("c", "import", sender=manager, receiver=receiver, silent=True))
    await amo.amojo.typing(amo.scope, "c", "tgu:9001")
    await amo.amojo.react(amo.scope, "c", ChatUser(id="tgu:9001"), msgid="m-0", emoji="👍")
    await amo.amojo.react(amo.scope, "c", ChatUser(id="tgu:9001"), msgid="m-0", emoji=None)
    amo.simulator.assert_clean()


@pytest.mark.parametrize("how", ["same_ids", "refuse"])
@pytest.mark.parametrize("error_body", ["object", "empty"])
async def test_a_repeated_message_is_shown_once_and_counts_as_sent(transport, how, error_body):
    async with amo_stage(transport, AmoSwitches(duplicate_msgid=how, error_body=error_body)) as amo:
        await amo.amojo.connect(amo.account.amojo_id, "Telegram")
        chat = await amo.amojo.create_chat(amo.scope, "c", ChatUser(id="tgu:9001", name="Анна"))
        first = await amo.amojo.send(amo.scope, amo.message("c", "m-1"))
        again = await amo.amojo.send(amo.scope, amo.message("c", "m-1"), repeated=True)
        assert again.duplicate == (how == "refuse")
        assert again.amo_id == (None if how == "refuse" else first.amo_id)
        assert len(await amo.amojo.history(amo.scope, chat.id)) == 1


@pytest.mark.parametrize(
    "switches",
    [
        AmoSwitches(),
        AmoSwitches(reaction_hook="message", typing_hook="beside", hook_newline=True, message_ids="ours"),
        AmoSwitches(delivery_field="status_code"),
        AmoSwitches(delivery_field="delivery_status"),
    ],
)
async def test_what_a_manager_does_comes_back_signed_and_readable(server, transport, switches):
    server.reply({})
    fine = server.queue.pop()
    server.answer = lambda seen: fine
    async with amo_stage(transport, switches, hook_url=server.base_url + "/amojo/{scope_id}") as amo:
        await amo.amojo.connect(amo.account.amojo_id, "Telegram")
        chat = await amo.amojo.create_chat(amo.scope, "g1-d42", ChatUser(id="tgu:9001", name="Анна"))
        incoming = await amo.amojo.send(amo.scope, amo.message("g1-d42", "m-1"))
        answer = amo.simulator.answer(amo.account, chat.id, amo.admin, "Здравствуйте", reply_to=incoming.amo_id)
        amo.simulator.show_typing(amo.account, chat.id, amo.admin)
        amo.simulator.react(amo.account, incoming.amo_id, amo.admin, "👍")
        amo.simulator.react(amo.account, incoming.amo_id, amo.admin, None)
        await server.arrived(4)
        for seen in server.seen:
            assert seen.path == f"/amojo/{amo.scope}"
            assert amo.amojo.verify_hook(seen.body, seen.headers["x-signature"])
            assert not amo.amojo.verify_hook(seen.body + b" ", seen.headers["x-signature"])
        hooks = [parse_hook(seen.body) for seen in server.seen]
        (said,) = [hook for hook in hooks if isinstance(hook, MessageHook)]
        assert (said.content.id, said.content.text, said.broken) == (answer, "Здравствуйте", ())
        assert (said.conversation.client_id, said.sender.id) == ("g1-d42", amo.admin.amojo_id)
        assert said.quoted.id == incoming.amo_id
        (typing,) = [hook for hook in hooks if isinstance(hook, TypingHook)]
        assert (typing.user.id, typing.conversation.client_id) == (amo.admin.amojo_id, "g1-d42")
        reactions = [hook for hook in hooks if isinstance(hook, ReactionHook)]
        assert {(one.amo_id, one.emoji) for one in reactions} == {(incoming.amo_id, "👍"), (incoming.amo_id, None)}

        await amo.amojo.delivery_status(amo.scope, answer, DeliveryStatus.DELIVERED)
        await amo.amojo.delivery_status(
            amo.scope, answer, DeliveryStatus.ERROR, error_code=DeliveryError.OTHER, error="Бота удалили из группы"
        )
        if switches.delivery_field == "either":
            amo.simulator.assert_clean()  # else it takes a refusal to find out which form is wanted
        with pytest.raises(NotFound):
            await amo.amojo.delivery_status(amo.scope, "no-such-message", DeliveryStatus.DELIVERED)


async def test_refusals_of_amocrm(amo, transport):
    channel = amo.simulator.channel
    stranger = AmojoClient(transport, amo.url, channel.id, "wrong", lambda: datetime.now(UTC))
    with pytest.raises(Forbidden) as caught:
        await stranger.connect(amo.account.amojo_id, "Telegram")
    assert caught.value.reason == "ORIGIN_INVALID_SIGNATURE"
    late = AmojoClient(transport, amo.url, channel.id, channel.secret, lambda: datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(Forbidden):
        await late.connect(amo.account.amojo_id, "Telegram")
    with pytest.raises(NotFound):
        await amo.amojo.send(amo.scope, amo.message("c", "m"))
    with pytest.raises(Refused) as caught:
        await amo.crm.create_leads([NewLead(name="x", pipeline_id=1)])
    assert caught.value.errors or caught.value.detail
