"""The paid life as a matter of moments: its states, what rests in a lapse, and what people read about it."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import account_bodies as of_accounts
from dealgram.actors import bodies
from dealgram.actors.body_parts import Author
from dealgram.actors.gesture_bodies import FindReacted, ReactInCard, ShowReaction, SpreadReaction
from dealgram.actors.subscriptions import lapse_texts
from dealgram.actors.subscriptions.rest import RESTING, Rest, rest_of, was_kept
from dealgram.actors.subscriptions.state import Subscription
from dealgram.persistence.subscriptions import Stored, changed

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
DAY, HOUR, SECOND = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(seconds=1)
GO_ON = {
    bodies.ReportStatus,
    bodies.Say,
    bodies.EditMenu,
    bodies.EditButtons,
    bodies.AnswerPress,
    bodies.HandlePress,
    bodies.CheckDeal,
    SpreadReaction,
    of_accounts.CountGivenUp,
    of_accounts.DropWebhook,
    of_accounts.ExchangeCode,
    of_accounts.ForwardRegistration,
    of_accounts.GiveTask,
    of_accounts.NoteNotForwarded,
    of_accounts.NoteRemoval,
    of_accounts.ReadGrant,
    of_accounts.SetUpStep,
    of_accounts.TellConnected,
    of_accounts.TryAccess,
}
"""What goes on in a lapse: between Telegram and the bot, the account's own affairs, the word about the lapse."""


def ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def answer(at: dt.datetime) -> bodies.SendAnswer:
    return bodies.SendAnswer(
        chat_id=1, conversation="p1-2", amo_id="m", text="т", sent_at_ms=ms(at), manager="u", manager_name="О"
    )


def test_every_kind_of_row_has_its_place_in_a_lapse():
    assert set(bodies.BODIES.values()) == GO_ON | set(RESTING)
    assert not GO_ON & set(RESTING)


def test_the_states_follow_the_clock():
    trial = Subscription(trial_until=NOW)
    assert trial.state(NOW - SECOND) == "trial"
    assert trial.state(NOW) == "lapsed"
    paid = Subscription(trial_until=NOW, paid_until=NOW + 30 * DAY)
    assert paid.state(NOW - DAY) == "active"
    assert paid.state(NOW + 30 * DAY - SECOND) == "active"
    assert paid.state(NOW + 30 * DAY) == "lapsed"
    assert Subscription(trial_until=NOW, paid_until=NOW - DAY).state(NOW - HOUR) == "trial"


def test_days_are_counted_down_and_the_last_three_are_the_end():
    trial = Subscription(trial_until=NOW)
    assert [trial.days_left(NOW - ago) for ago in (14 * DAY, 13.5 * DAY, DAY, SECOND, 0 * DAY, -DAY)] == [
        14,
        14,
        1,
        1,
        0,
        0,
    ]
    assert [trial.phase(NOW - ago) for ago in (3 * DAY + SECOND, 3 * DAY, SECOND, 0 * DAY, -300 * DAY)] == [
        None,
        "ending",
        "ending",
        "lapsed",
        "lapsed",
    ]


LAPSED_ONCE = Subscription(trial_until=NOW, paid_until=NOW + 40 * DAY, lapses=((NOW, NOW + 10 * DAY),))


def test_people_wait_managers_are_refused_and_the_clients_side_goes_on():
    lapsed, at = Subscription(trial_until=NOW), NOW + DAY
    post = bodies.PostMessage(
        conversation="p1-2", msgid="m", author=Author(id="a", name="А"), text="т", sent_at_ms=ms(NOW)
    )
    assert rest_of(post, lapsed, at) is Rest.WAIT
    assert rest_of(answer(NOW - DAY), lapsed, at) is Rest.REFUSE
    assert rest_of(bodies.ReportStatus(amo_id="m", delivered=False), lapsed, at) is Rest.GO_ON
    assert rest_of(bodies.Say(chat_id=1, html="т"), lapsed, at) is Rest.GO_ON
    assert rest_of(bodies.ReviewDeal(deal_id=1), lapsed, at) is Rest.LET_GO
    assert rest_of(post, lapsed, NOW - SECOND) is Rest.GO_ON


def test_what_a_manager_did_in_a_lapse_is_not_done_late():
    at = NOW + 11 * DAY
    assert rest_of(answer(NOW - SECOND), LAPSED_ONCE, at) is Rest.GO_ON
    assert rest_of(answer(NOW), LAPSED_ONCE, at) is Rest.REFUSE
    assert rest_of(answer(NOW + 10 * DAY - SECOND), LAPSED_ONCE, at) is Rest.REFUSE
    assert rest_of(answer(NOW + 10 * DAY), LAPSED_ONCE, at) is Rest.GO_ON
    # A clock of amoCRM's that is ahead of ours names a time that the account has not lapsed at.
    assert rest_of(answer(NOW + 100 * DAY), LAPSED_ONCE, at) is Rest.GO_ON
    shown = {"conversation": "p1-2", "manager": "u", "manager_name": "О", "emoji": "👍", "entry_id": 1}
    during = int((NOW + DAY).timestamp())
    assert rest_of(FindReacted(amo_id="m", at_s=during, **shown), LAPSED_ONCE, at) is Rest.LET_GO
    assert rest_of(ShowReaction(chat_id=1, message_id=2, at_s=during, **shown), LAPSED_ONCE, at) is Rest.LET_GO
    own = ReactInCard(conversation="p1-2", msgid="m", emoji="👍", chat_id=1, message_id=2, at_ms=ms(NOW + DAY))
    assert rest_of(own, LAPSED_ONCE, at) is Rest.GO_ON


@pytest.mark.parametrize("at_ms", [-(10**17), 0, 10**17])
def test_times_that_somebody_made_up_do_no_harm(at_ms):
    made_up = msgspec.structs.replace(answer(NOW), sent_at_ms=at_ms)
    assert rest_of(made_up, LAPSED_ONCE, NOW + 11 * DAY) is Rest.GO_ON
    assert was_kept(at_ms, NOW + 11 * DAY, LAPSED_ONCE) is (at_ms <= 0)


def test_what_waited_or_was_written_in_a_lapse_is_imported_silently():
    end = NOW + 10 * DAY
    assert was_kept(ms(NOW - DAY), NOW - DAY, LAPSED_ONCE), "it was on its way when the account lapsed"
    assert was_kept(ms(NOW + DAY), NOW + DAY, LAPSED_ONCE)
    assert was_kept(ms(end - 2 * SECOND), end + HOUR, LAPSED_ONCE), "the service was down until after the payment"
    # Telegram's times are whole seconds: what was written right after the payment may seem older than that.
    assert not was_kept(ms(end) - 900, end + SECOND, LAPSED_ONCE)
    assert not was_kept(ms(end + DAY), end + DAY, LAPSED_ONCE)
    assert not was_kept(ms(NOW - DAY), NOW - DAY, Subscription(trial_until=NOW))


@given(
    st.lists(st.tuples(st.sampled_from(["extend", "until", "reinstall"]), st.integers(0, 60), st.integers(0, 90))),
    st.integers(0, 24 * 400),
)
def test_whatever_happens_an_account_had_lapsed_exactly_when_its_time_was_over(steps, asked_hour):
    """Against a ledger of hours: the end in force at that hour decides."""
    now, state = NOW, Stored(account_id=1, trial_started_at=NOW, trial_until=NOW + 14 * DAY)
    asked = NOW + asked_hour * HOUR + HOUR / 2
    ends = [(NOW, state.until)]
    for what, waited, days in steps:
        now += waited * DAY
        if what == "reinstall":
            continue  # the trial is not restarted: nothing changes
        until = max(state.until, now) + days * DAY if what == "extend" else now + (days - 10) * DAY
        state = changed(state, until, now)
        ends.append((now, state.until))
    now = max(now, asked)
    in_force = next(end for since, end in reversed(ends) if since <= asked)
    subscription = Subscription.of(state)
    assert subscription.was_lapsed(asked) == (asked >= in_force)
    assert subscription.is_lapsed(now) == (now >= subscription.until)
    assert (subscription.state(now) == "lapsed") == subscription.was_lapsed(now)


def test_tasks_say_when_it_ends_and_what_to_do():
    where = dt.timezone(3 * HOUR)
    ending = lapse_texts.ending_task(NOW, NOW - 2 * DAY, where, is_trial=True, kept_days=14)
    assert ending.startswith("1 мая, 15:00 закончится пробный период dealgram")
    lapsed = lapse_texts.lapsed_task(NOW, NOW + DAY, where, is_trial=False, kept_days=14)
    assert lapsed.startswith("1 мая, 15:00 закончился оплаченный период dealgram")
    for text in (ending, lapsed):
        assert lapse_texts.SETTINGS_PATH in text
        assert "14 дней" in text
