"""What a history tells of messages whose hook never came."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.accounts.missed import born_in_amocrm, hook_of, is_too_late, repair_line
from dealgram.gateways.amojo import HistoryItem, MessageHook, parse_hook
from dealgram.gateways.amojo.messages import HistoryContent, HistoryUser
from dealgram.persistence.records import Repair


def item(number: int, at_ms: int, *, ours: bool = False, client: bool = False, text: str = "Ответ") -> HistoryItem:
    return HistoryItem(
        message=HistoryContent(id=f"m{number}", client_id=f"tg-{number}" if ours else None, text=text),
        timestamp=at_ms // 1000,
        msec_timestamp=at_ms,
        sender=HistoryUser(id="u", client_id="tgu-1" if client else None, name="Ольга"),
        receiver=HistoryUser(id="c", client_id="tgu-1", name="Анна"),
    )


TIMES = st.lists(st.integers(0, 40), max_size=12, unique=True)


@given(TIMES, st.booleans(), st.data())
def test_in_either_order_and_with_pages_that_overlap_each_message_comes_once_and_in_its_time(times, newest_first, data):
    items = [item(at, at, ours=data.draw(st.booleans()), client=data.draw(st.booleans())) for at in sorted(times)]
    wanted = [
        one.message.id
        for one in items
        if one.message.client_id is None and one.sender.client_id is None and 10 <= one.msec_timestamp <= 30
    ]
    cut = data.draw(st.integers(0, len(items)))
    again = data.draw(st.integers(0, cut))
    listed = list(reversed(items)) if newest_first else items
    listed = [*listed[:cut], *listed[again:]]
    assert [one.message.id for one in born_in_amocrm(listed, 10, 30)] == wanted


def test_messages_of_one_millisecond_keep_the_order_of_the_history():
    newest_first = [item(3, 9), item(2, 5), item(1, 5)]
    assert [one.message.id for one in born_in_amocrm(newest_first, 0, 9)] == ["m1", "m2", "m3"]


def test_a_time_in_seconds_will_do():
    one = HistoryItem(message=HistoryContent(id="m"), timestamp=7, sender=HistoryUser(id="u"))
    assert born_in_amocrm([one], 7000, 7000) == [one]
    assert parse_hook(hook_of(one, "a", "p1-2", "chat")).sent_at_ms == 7000


def test_the_hook_is_the_one_that_should_have_come():
    one = HistoryItem(
        message=HistoryContent(
            id="m1",
            type="picture",
            text="Схема",
            media="https://x/1.png",
            file_name="1.png",
            file_size=5,
            thumbnail="t",
        ),
        timestamp=5,
        msec_timestamp=5123,
        sender=HistoryUser(id="manager", name="Ольга"),
        receiver=HistoryUser(id="client", client_id="tgu-1", name="Анна"),
    )
    hook = parse_hook(hook_of(one, "amojo", "g1-d2", "chat"))
    assert isinstance(hook, MessageHook)
    assert (hook.account_id, hook.conversation.id, hook.conversation.client_id) == ("amojo", "chat", "g1-d2")
    assert (hook.content.id, hook.content.type, hook.content.text) == ("m1", "picture", "Схема")
    assert (hook.content.media, hook.content.file_name, hook.content.file_size) == ("https://x/1.png", "1.png", 5)
    assert (hook.sender.id, hook.sender.name, hook.receiver.client_id) == ("manager", "Ольга", "tgu-1")
    assert (hook.sent_at_ms, hook.broken) == (5123, ())


def test_only_a_mark_of_ours_makes_a_hook_late():
    one = item(1, 5)
    assert is_too_late(hook_of(one, "a", "p1-2", "chat", late=True))
    assert not is_too_late(hook_of(one, "a", "p1-2", "chat"))
    talk_of_it = item(1, 5, text='{"dealgram_too_late": true}')
    assert not is_too_late(hook_of(talk_of_it, "a", "p1-2", "chat"))
    assert not is_too_late(orjson.dumps({"dealgram_too_late": 1}))


def test_progress_in_words():
    assert repair_line(Repair(account_id=1, chats=40, compared=12)) == "сверка переписки: 12 из 40"
    done = Repair(account_id=1, chats=2, compared=2, found=3, late=1, failed=1)
    assert repair_line(done) == (
        "сверка переписки: 2 из 2, найдено пропущенных сообщений: 3, устарело: 1, не удалось прочитать: 1"
    )
    carried = Repair(account_id=1, state="done", chats=2, compared=2, carried_ms=1)
    assert repair_line(carried) == "сверка переписки: 2 из 2, последний перерыв будет сверен вместе со следующим"
