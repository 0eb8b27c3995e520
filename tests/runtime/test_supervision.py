"""Restarts, dependencies that fail, poison messages, and failures beside a cancellation."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from dealgram.runtime import Address, Admission, Backoff, Loss, Permanent, RestartPolicy, Transient

CRASH = ValueError("crash")


async def test_a_failed_actor_is_retried_once_a_minute_until_it_lives(lab, address, autojump_clock):
    policy = RestartPolicy(intensity=1, period_s=10, backoff=Backoff(base_s=1, jitter=0), failed_retry_s=60)
    starts = []

    async def note(_actor, _message):
        starts.append(trio.current_time())
        if len(starts) < 6:
            raise CRASH

    lab.always["activate"] = note
    async with lab.open(lab.kind(restart=policy)) as system:
        system.tell(address, "m")
        await trio.sleep(300)
        assert starts == [0, 1, 61, 121, 181, 241]
        assert lab.handled == ["m"]


async def test_an_instance_that_lived_for_a_period_has_a_new_budget(lab, address, autojump_clock):
    policy = RestartPolicy(intensity=1, period_s=10, backoff=Backoff(base_s=1, jitter=0))
    lab.script("handle", *[CRASH] * 4)
    async with lab.open(lab.kind(restart=policy)) as system:
        for n in range(4):
            system.tell(address, n)
            await trio.sleep(12)
        assert "failed" not in lab.states
        assert lab.actor(address).restarts == 4


async def test_one_for_one_a_crash_does_not_touch_siblings(lab, autojump_clock):
    lab.script("handle", CRASH)
    async with lab.open() as system:
        system.tell(Address("a", "1"), "boom")
        await trio.testing.wait_all_tasks_blocked()
        system.tell(Address("a", "2"), "fine")
        await trio.testing.wait_all_tasks_blocked()
        assert [str(a.state) for a in system.snapshot().actors] == ["backing_off", "running"]
        assert lab.handled == ["boom", "fine"]


async def test_messages_wait_while_the_actor_backs_off(lab, address, autojump_clock):
    lab.script("handle", CRASH)
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert lab.actor(address).state == "backing_off"
        assert lab.give(address, 2) is Admission.BACKLOGGED
        system.tell(address, "direct")
        await trio.sleep(1)
        assert [b for b in lab.handled if b != "direct"] == [1, 1, 2]
        assert "direct" in lab.handled
        assert lab.letters == []


async def test_an_operator_restarts_a_failed_actor_at_once(lab, address, autojump_clock):
    policy = RestartPolicy(intensity=0, failed_retry_s=1000)
    lab.script("activate", CRASH)
    async with lab.open(lab.kind(restart=policy)) as system:
        system.tell(address, "m")
        await trio.sleep(1)
        assert lab.actor(address).state == "failed"
        await system.restart(address)
        await trio.testing.wait_all_tasks_blocked()
        assert lab.handled == ["m"]
        assert trio.current_time() == 1


async def test_restarting_a_healthy_actor_replaces_its_instance(lab, address, autojump_clock):
    async with lab.open() as system:
        system.tell(address, 1)
        await trio.testing.wait_all_tasks_blocked()
        await system.restart(address)
        system.tell(address, 2)
        await trio.testing.wait_all_tasks_blocked()
        assert lab.log == [("activate",), ("handle", 1), ("deactivate",), ("activate",), ("handle", 2)]
        await system.restart(Address("a", "inactive"))
        assert len(system.snapshot().actors) == 1


# --- dependencies that fail


async def test_a_transient_failure_repeats_the_message_in_place(lab, address, autojump_clock):
    lab.script("handle", Transient("down"), Transient("down"), Transient("later", retry_after_s=30))
    async with lab.open(lab.kind(journaled=True)):
        lab.give(address, 1)
        lab.give(address, 2)
        await trio.sleep(0.4)
        assert lab.actor(address).state == "backing_off"
        assert lab.handled == [1]
        await trio.sleep(0.5 + 1.0 + 29)
        assert lab.handled == [1, 1, 1]
        await trio.sleep(1)
        assert lab.handled == [1, 1, 1, 1, 2]
        assert lab.actor(address).state == "running"
        assert lab.actor(address).restarts == 0
        assert lab.log.count(("activate",)) == 1
        assert lab.journal.entries[1].attempts == 0


async def test_transient_failures_alone_never_bury_a_message(lab, address, autojump_clock):
    lab.script("handle", *[Transient("down")] * 50)
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.sleep(3600)
        assert lab.journal.done == {1}
        assert lab.letters == []
        assert system.snapshot().counters.transient_waits == 50


async def test_an_entry_that_was_completed_before_the_failure_is_not_repeated(lab, address, autojump_clock):
    async def complete_and_fail(actor, entry):
        await lab.journal.commit(entry)
        raise Transient("after the commit")

    async def complete_and_crash(actor, entry):
        await lab.journal.commit(entry)
        raise CRASH

    lab.script("handle", complete_and_fail, complete_and_crash)
    async with lab.open(lab.kind(journaled=True)):
        for n in (1, 2, 3):
            lab.give(address, n)
        await trio.sleep(60)
        assert lab.handled == [1, 2, 3]


async def test_a_transient_failure_of_activate_costs_no_budget(lab, address, autojump_clock):
    lab.script("activate", *[Transient("database down")] * 20)
    async with lab.open() as system:
        system.tell(address, "m")
        await trio.sleep(10)
        assert lab.actor(address).state == "backing_off"
        assert lab.actor(address).last_error.message == "database down"
        await trio.sleep(1200)
        assert lab.handled == ["m"]
        assert lab.actor(address).restarts == 0


async def test_health_shows_which_dependency_the_actor_waits_for(lab, address, autojump_clock):
    async def ask_amojo(actor, message):
        with actor.context.dependency("amojo"):
            await trio.sleep(3)
            raise Transient("refused", retry_after_s=10)

    lab.script("handle", ask_amojo)
    async with lab.open() as system:
        system.tell(address, 1)
        await trio.sleep(1)
        assert (lab.actor(address).state, lab.actor(address).waiting_for) == ("running", "amojo")
        assert lab.actor(address).handling_s == 1
        await trio.sleep(4)
        assert (lab.actor(address).state, lab.actor(address).waiting_for) == ("backing_off", "amojo")
        assert lab.actor(address).handling_s is None
        await trio.sleep(10)
        assert (lab.actor(address).state, lab.actor(address).waiting_for) == ("running", None)
        assert lab.actor(address).last_error_at == 1_000_003.0


@pytest.mark.parametrize("operation", ["pending", "attempt_failed", "bury"])
async def test_a_journal_that_is_down_is_waited_for(lab, address, autojump_clock, operation):
    def fault(name: str) -> None:
        if name == operation and trio.current_time() < 100:
            raise ConnectionError("database down")

    lab.journal.fault = fault
    lab.script("handle", *[CRASH] * 3)
    async with lab.open(lab.kind(journaled=True)):
        lab.give(address, 1)
        lab.give(address, 2)
        await trio.sleep(50)
        assert (lab.actor(address).state, lab.actor(address).waiting_for) == ("backing_off", "journal")
        await trio.sleep(200)
        assert lab.handled == [1, 1, 1, 2]
        assert set(lab.journal.buried) == {1}
        assert lab.actor(address).restarts == 3


# --- poison


async def test_a_message_that_crashes_its_actor_three_times_is_buried(lab, address, autojump_clock):
    lab.script("handle", *[CRASH] * 3)
    async with lab.open(lab.kind(journaled=True)):
        for n in (1, 2):
            lab.give(address, n)
        await trio.sleep(60)
        assert lab.handled == [1, 1, 1, 2]
        assert "ValueError: crash" in lab.journal.buried[1].traceback
        (letter,) = lab.letters
        assert (letter.reason, letter.durable, letter.message.id) == (Loss.POISON, True, 1)


async def test_a_permanent_failure_buries_at_once_and_does_not_restart(lab, address, autojump_clock):
    lab.script("handle", Permanent("never"), None, Permanent("never"))
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        lab.give(address, 2)
        await trio.testing.wait_all_tasks_blocked()
        system.tell(address, "direct")
        await trio.testing.wait_all_tasks_blocked()
        assert lab.handled == [1, 2, "direct"]
        assert [(letter.reason, letter.durable) for letter in lab.letters] == [
            (Loss.PERMANENT, True),
            (Loss.PERMANENT, False),
        ]
        assert set(lab.journal.buried) == {1}
        assert lab.actor(address).activations == 1
        assert trio.current_time() == 0


async def test_groups_are_judged_by_their_worst_leaf(lab, address, autojump_clock):
    async def several(*errors):
        async def fail(error):
            raise error

        async with trio.open_nursery() as nursery:
            for error in errors:
                nursery.start_soon(fail, error)

    lab.script("handle", lambda *_: several(Transient("a"), Transient("b", retry_after_s=7)))
    async with lab.open() as system:
        system.tell(address, 1)
        await trio.sleep(6)
        assert (lab.actor(address).state, lab.handled) == ("backing_off", [1])
        await trio.sleep(2)
        assert lab.handled == [1, 1]
        lab.script("handle", lambda *_: several(Transient("a"), ValueError("b")))
        system.tell(address, 2)
        await trio.sleep(2)
        assert lab.letters[0].failure.kind in ("Transient + ValueError", "ValueError + Transient")


# --- failures beside a cancellation


async def test_a_failure_in_a_cancelled_handler_is_not_lost(lab, address, autojump_clock, caplog):
    async def fail_when_cancelled(_actor, _message):
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("while cleaning up")

    lab.script("handle", fail_when_cancelled)
    async with lab.open() as system:
        system.tell(address, 1)
        await trio.testing.wait_all_tasks_blocked()
        await system.stop(deadline_s=1)
    assert [letter.message for letter in lab.letters] == [1]
    assert lab.letters[0].failure.kind == "OSError"


async def test_a_failure_hidden_by_its_cancellation_is_logged(lab, address, autojump_clock, caplog):
    async def hide(_actor, _message):
        try:
            raise OSError("hidden")
        finally:
            await trio.sleep_forever()  # the cancellation of this await replaces the error

    async def beside(_actor, _message):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("beside")

    for phase, step in (("handle", hide), ("handle", beside), ("activate", hide), ("activate", beside)):
        caplog.clear()
        lab.script(phase, step)
        async with lab.open() as system:
            system.tell(address, 1)
            await trio.testing.wait_all_tasks_blocked()
            await system.stop(deadline_s=1)
        seen = caplog.text + "".join(letter.failure.traceback for letter in lab.letters if letter.failure)
        assert ("OSError: hidden" if step is hide else "KeyError: 'beside'") in seen
        lab.letters.clear()


async def test_a_fault_in_the_journals_code_fails_one_actor_only(lab, autojump_clock, caplog):
    async def nonsense(_entry, _failure):
        await trio.lowlevel.checkpoint()

    lab.journal.attempt_failed = nonsense  # returns None, which is no number of attempts
    lab.script("handle", CRASH)
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(Address("a", "1"), 1)
        await trio.sleep(1)
        lab.give(Address("a", "2"), 2)
        await trio.sleep(1)
        assert [str(a.state) for a in system.snapshot().actors] == ["failed", "running"]
        await trio.sleep(60)
        assert lab.handled == [1, 2, 1]
    assert "a fault in the runtime" in caplog.text


async def test_a_factory_that_fails_is_a_crash(lab, address, autojump_clock):
    def factory(_address):
        raise CRASH

    async with lab.open(lab.kind(factory=factory)) as system:
        system.tell(address, 1)
        await trio.sleep(100)
        assert lab.actor(address).state == "failed"


async def test_at_most_so_many_actors_activate_at_a_time(lab, autojump_clock):
    now = most = 0

    async def load(actor, _message):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1

    lab.always["activate"] = load
    async with lab.open(max_activations=3) as system:
        for n in range(10):
            system.tell(Address("a", str(n)), n)
        await trio.sleep(3.5)
        assert (most, len(lab.handled)) == (3, 9)
        await trio.sleep(1)
        assert len(lab.handled) == 10


async def test_an_activation_that_waits_for_a_dependency_lets_others_pass(lab, autojump_clock):
    async def wait(actor, _message):
        with actor.context.dependency("amojo"):
            await trio.sleep(1000)

    lab.script("activate", wait)
    async with lab.open(max_activations=1) as system:
        system.tell(Address("a", "waits"), "waits")
        await trio.testing.wait_all_tasks_blocked()
        system.tell(Address("a", "other"), "other")
        await trio.testing.wait_all_tasks_blocked()
        assert lab.handled == ["other"]
        system._check_invariants()
        await trio.sleep(1001)
        assert lab.handled == ["other", "waits"]


async def test_a_crash_is_logged_with_its_traceback_and_a_failing_dependency_is_not(
    lab, address, autojump_clock, caplog
):
    lab.script("handle", Transient("wait"), CRASH)
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.sleep(10)
        assert lab.actor(address).restarts == 1
        assert system.snapshot().counters.transient_waits == 1
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "a:1 crashed: ValueError: crash" in record.getMessage()
    assert "Traceback" in record.getMessage()
