"""Which emoji is which reaction, and what changes of reactions come to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.gestures import gesture_texts
from dealgram.actors.gestures.reaction_changes import is_late, latest, standing
from dealgram.actors.gestures.reaction_emoji import TELEGRAM_REACTIONS, for_amocrm, for_telegram
from dealgram.gateways.telegram import Reaction
from dealgram.persistence.records import Reaction as Row

API = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "telegram-bot-api" / "api.json"


def emoji(*signs):
    return [Reaction(emoji=sign) for sign in signs]


@pytest.mark.skipif(not API.exists(), reason="the description of the Bot API is not beside the repository")
def test_the_list_is_that_of_the_bot_api():
    fields = json.loads(API.read_text())["types"]["ReactionTypeEmoji"]["fields"]
    described = next(field["description"] for field in fields if field["name"] == "emoji")
    assert set(re.findall('"([^"]+)"', described)) == set(TELEGRAM_REACTIONS)
    assert len(TELEGRAM_REACTIONS) == 73


@pytest.mark.parametrize("one", TELEGRAM_REACTIONS)
def test_every_reaction_is_itself_in_every_spelling(one):
    assert {for_telegram(spelling) for spelling in for_amocrm(one)} == {one}


@pytest.mark.parametrize(
    ("given_one", "shown"),
    [
        ("❤\ufe0f", "❤"),
        ("❤\ufe0f\u200d🔥", "❤\u200d🔥"),
        ("👍🏽", "👍"),
        ("🤷🏻\u200d♀\ufe0f", "🤷\u200d♀"),
        ("🙏🏿", "🙏"),
        ("💙", "❤"),
        ("♥\ufe0f", "❤"),
        ("😂", "🤣"),
        ("👩\u200d💻", "👨\u200d💻"),
        ("🫠", None),
        ("✅", None),
        ("", None),
        ("текст", None),
        ("👍👍", None),
    ],
)
def test_the_nearest_reaction_of_telegram(given_one, shown):
    assert for_telegram(given_one) == shown


def test_spellings_for_amocrm():
    assert for_amocrm("❤") == ("❤", "❤\ufe0f")
    assert for_amocrm("🔥") == ("🔥",)
    assert for_amocrm("🤷\u200d♂") == ("🤷\u200d♂", "🤷\u200d♂\ufe0f")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("", "👍", "👍"),
        ("👍", "👍🔥", "🔥"),
        ("🔥", "👍🔥", "👍"),  # whatever the order of the list, the added one counts
        ("👍🔥", "👍", "👍"),
        ("👍🔥", "🔥", "🔥"),
        ("👍", "🔥", "🔥"),
        ("👍", "", None),
        ("", "", None),
    ],
)
def test_of_several_reactions_the_latest_is_shown(old, new, shown):
    found = latest(emoji(*old), emoji(*new))
    assert (found.emoji if found else None) == shown


def test_custom_and_paid_reactions_are_told_apart():
    custom = Reaction(type="custom_emoji", custom_emoji_id="7")
    other = Reaction(type="custom_emoji", custom_emoji_id="8")
    assert latest([custom], [custom, other]) == other
    assert latest([], [Reaction(type="paid")]).type == "paid"


def row(manager, sign, second, entry=0):
    return Row(
        account_id=1,
        bot_id=3,
        chat_id=-100,
        message_id=8,
        manager=manager,
        emoji=sign,
        at_s=second,
        entry_id=entry or second,
    )


def after(*changes):
    """What stands after changes that came in this order."""
    known = {}
    for change in changes:
        if not is_late(known.values(), change):
            known[change.manager] = change
    return standing(known.values())


def test_the_latest_manager_is_shown_and_taking_back_falls_to_the_one_before():
    olga, dmitry = row("olga", "👍", 1), row("dmitry", "🔥", 2)
    assert after(olga) == "👍"
    assert after(olga, dmitry) == "🔥"
    assert after(olga, dmitry, row("dmitry", None, 3)) == "👍"
    assert after(olga, dmitry, row("olga", None, 3)) == "🔥"
    assert after(olga, dmitry, row("dmitry", None, 3), row("olga", None, 4)) is None
    assert after(olga, dmitry, row("olga", "🎉", 5)) == "🎉"


def test_within_a_second_the_order_of_being_taken_in_counts():
    assert after(row("olga", "👍", 1, 1), row("dmitry", "🔥", 1, 2)) == "🔥"
    assert after(row("dmitry", "🔥", 1, 2), row("olga", "👍", 1, 1)) == "🔥"
    assert after(row("olga", "👍", 1, 1), row("olga", None, 1, 2), row("olga", "👍", 1, 3)) == "👍"
    assert after(row("olga", "👍", 1, 1), row("olga", None, 1, 2)) is None
    assert after(row("olga", None, 1, 2), row("olga", "👍", 1, 1)) is None


def test_what_telegram_does_not_have_is_passed_over():
    assert after(row("olga", "👍", 1), row("dmitry", "🫠", 2)) == "👍"
    assert after(row("dmitry", "🫠", 2)) is None
    assert after(row("olga", "❤\ufe0f", 1)) == "❤"


def test_a_change_that_comes_late_changes_nothing():
    assert is_late([row("olga", None, 5)], row("olga", "👍", 4))
    assert not is_late([row("olga", None, 5)], row("dmitry", "👍", 4))
    assert not is_late([row("olga", None, 5)], row("olga", None, 5)), "a delivery that is repeated"
    assert after(row("olga", None, 5), row("olga", "👍", 4)) is None, "taken back before it was heard of"


CHANGES = st.lists(
    st.tuples(st.sampled_from(["olga", "dmitry", "ivan"]), st.sampled_from(["👍", "🔥", "🫠", None])), max_size=12
)


@given(CHANGES, st.randoms(use_true_random=False), st.data())
def test_hooks_may_come_in_any_order_and_twice(changes, random, data):
    """In whatever order they come and however often, what stands is what was set last."""
    happened = [row(manager, sign, number // 3, number) for number, (manager, sign) in enumerate(changes, 1)]
    expected = after(*happened)
    arriving = [*happened, *data.draw(st.lists(st.sampled_from(happened), max_size=4) if happened else st.just([]))]
    random.shuffle(arriving)
    assert after(*arriving) == expected
    model = {}
    for one in happened:
        model.pop(one.manager, None)
        if one.emoji in ("👍", "🔥"):
            model[one.manager] = one.emoji
    assert expected == (list(model.values())[-1] if model else None)


def test_lines():
    assert gesture_texts.reacted_line("Игорь", "🔥", "Когда\nдоставка?") == "Игорь: реакция 🔥 на «Когда доставка?»"
    assert gesture_texts.reacted_line("", "🔥", "") == "Реакция 🔥"
    long = gesture_texts.reacted_line("Игорь", "🔥", "слово " * 50)
    assert long.endswith("…»")
    assert len(long) < 100
    reason = gesture_texts.reason("no_rights", "Bad Request: not enough rights")
    assert gesture_texts.not_shown_line("Ольга", "👍", "Да", reason) == (
        "⚠️ Реакция 👍 на «Да» (Ольга) в Telegram не показана: у бота нет права ставить реакции"
    )
    assert gesture_texts.reason("", "Bad Request: something new") == "Telegram ответил «Bad Request: something new»"
