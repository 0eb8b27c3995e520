"""The relay of typing on virtual time: its pace, its bounds, its fairness and its silence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio

from dealgram.actors.gestures.typing_relay import QUEUED_PER_ACCOUNT, TypingRelay, _Chat
from dealgram.gateways.amojo import TypingHook
from dealgram.gateways.amojo.hooks import HookConversation, HookUser
from dealgram.gateways.errors import NotSent, RateLimited


class Telegram:
    """Takes actions; the first `troubles` are raised, and every call takes `takes_s`. Times count from the start."""

    def __init__(self) -> None:
        self.began = trio.current_time()
        self.shown: list[tuple[float, int, int | None]] = []
        self.troubles: list[Exception] = []
        self.takes_s = 0.0

    def bot(self, token):
        return self

    async def send_chat_action(self, chat_id, action, thread=None):
        assert action == "typing"
        await trio.sleep(self.takes_s)
        if self.troubles:
            raise self.troubles.pop(0)
        self.shown.append((round(trio.current_time() - self.began, 3), chat_id, thread))


LAPSED = 13


class Relay(TypingRelay):
    """With chats that need no database: conversation p7-<chat>, one bot 7; 55 is a forum."""

    async def _place_of(self, account_id, conversation):
        await trio.lowlevel.checkpoint()
        chat_id = int(conversation.removeprefix("p7-"))
        return _Chat(7, chat_id), 5 if chat_id == 55 else None


@pytest.fixture
async def telegram(autojump_clock):
    return Telegram()


@pytest.fixture
def paused():
    return {}


@pytest.fixture
async def relay(telegram, paused, nursery, autojump_clock):
    services = SimpleNamespace(
        db=None,
        registry=SimpleNamespace(bot_of=lambda account_id, bot_id: SimpleNamespace(token="t")),
        has_lapsed=lambda account_id: account_id == LAPSED,
        limits=SimpleNamespace(pause_left_s=lambda bot_id, chat_id: paused.get(chat_id, 0.0)),
        telegram=telegram,
    )
    relay = Relay(services)
    nursery.start_soon(relay.run)
    return relay


def typing(chat: int) -> TypingHook:
    return TypingHook(
        account_id="a", conversation=HookConversation(id="c", client_id=f"p7-{chat}"), user=HookUser(id="m")
    )


async def test_one_action_per_chat_in_four_seconds(relay, telegram, autojump_clock):
    for _ in range(10):
        relay.offer(1, typing(1))
        relay.offer(1, typing(2))
        await trio.sleep(1)
    assert [at for at, chat, _ in telegram.shown if chat == 1] == [0, 4, 8]
    assert [at for at, chat, _ in telegram.shown if chat == 2] == [0, 4, 8]


async def test_nothing_is_shown_for_an_account_that_has_lapsed(relay, telegram, autojump_clock):
    relay.offer(LAPSED, typing(1))
    relay.offer(1, typing(2))
    await trio.sleep(1)
    assert [chat for _, chat, _ in telegram.shown] == [2]


async def test_the_topic_goes_along(relay, telegram, autojump_clock):
    relay.offer(1, typing(55))
    await trio.sleep(1)
    assert telegram.shown == [(0, 55, 5)]


async def test_what_is_stale_is_dropped_and_the_newest_is_shown(relay, telegram, autojump_clock):
    telegram.takes_s = 4.0
    for chat in range(1, 100):
        relay.offer(1, typing(chat))
    await trio.sleep(60)
    shown = [chat for _, chat, _ in telegram.shown]
    assert shown == [100 - QUEUED_PER_ACCOUNT, 101 - QUEUED_PER_ACCOUNT], "the oldest were pushed out, the rest too old"
    assert not relay._queues
    assert not relay._busy


async def test_the_same_chat_waits_once(relay, telegram, autojump_clock):
    telegram.takes_s = 1.0
    for _ in range(50):
        relay.offer(1, typing(1))
    assert len(relay._queues[1]) == 1
    await trio.sleep(10)
    assert len(telegram.shown) == 1


async def test_one_accounts_flood_starves_no_other(relay, telegram, autojump_clock):
    telegram.takes_s = 1.0
    for chat in range(1, 100):
        relay.offer(1, typing(chat))
    relay.offer(2, typing(1000))
    await trio.sleep(1.5)
    assert 1000 in [chat for _, chat, _ in telegram.shown]


async def test_silence_while_the_limits_pause(relay, telegram, paused, autojump_clock):
    paused[1] = 10.0
    relay.offer(1, typing(1))
    relay.offer(1, typing(2))
    await trio.sleep(1)
    assert [chat for _, chat, _ in telegram.shown] == [2]


async def test_a_flood_is_obeyed_and_troubles_end_nothing(relay, telegram, autojump_clock):
    telegram.troubles = [RateLimited("slow down", retry_after_s=30.0), NotSent("no connection")]
    relay.offer(1, typing(1))
    await trio.sleep(0.1)
    relay.offer(1, typing(2))
    await trio.sleep(20)
    relay.offer(1, typing(1))
    relay.offer(1, typing(2))
    await trio.sleep(15)
    relay.offer(1, typing(1))
    await trio.sleep(1)
    assert [(round(at), chat) for at, chat, _ in telegram.shown] == [(20, 2), (35, 1)]


async def test_a_call_that_hangs_is_given_up(relay, telegram, autojump_clock):
    telegram.takes_s = 100.0
    relay.offer(1, typing(1))
    await trio.sleep(6)
    telegram.takes_s = 0.0
    relay.offer(1, typing(2))
    await trio.sleep(1)
    assert [chat for _, chat, _ in telegram.shown] == [2]


async def test_chats_that_are_none_of_ours_take_no_place(relay, autojump_clock):
    relay.offer(1, TypingHook(account_id="a", conversation=HookConversation(id="c"), user=HookUser(id="m")))
    relay.offer(1, TypingHook(account_id="a", conversation=HookConversation(id="c", client_id="x"), user=HookUser()))
    assert not relay._queues
