"""Questions: one answer, always a deadline, nobody waits for ever."""

from __future__ import annotations

import math
import random

import pytest
import trio
import trio.testing

from dealgram.runtime import (
    ActorCrashed,
    ActorKind,
    ActorStopped,
    ActorSystem,
    AlreadyAnswered,
    AskedItself,
    AskTimeout,
    Loss,
    MailboxFull,
    Permanent,
    Question,
    Reply,
    Transient,
)


async def test_an_answer_comes_back(lab, address, autojump_clock):
    async with lab.open() as system:
        assert await system.ask(address, "echo", timeout_s=1) == "echo"
        assert system.snapshot().counters.asks == 1


async def test_no_answer_within_the_deadline(lab, address, autojump_clock):
    questions = []

    async def keep(_actor, question):
        questions.append(question)

    lab.script("handle", keep)
    async with lab.open() as system:
        with pytest.raises(AskTimeout):
            await system.ask(address, "?", timeout_s=5)
        assert trio.current_time() == 5
        assert questions[0].reply.resolve("late") is False
        counters = system.snapshot().counters
        assert (counters.ask_timeouts, counters.late_answers) == (1, 1)


async def test_an_answer_may_come_later_from_a_lane(lab, address, autojump_clock):
    async def answer(_lane, question):
        await trio.sleep(3)
        question.reply.resolve("from the lane")

    async def open_lanes(actor, _message):
        actor.lanes = actor.context.lanes(run=answer)

    async def put(actor, question):
        actor.lanes.put("lane", question)

    lab.always |= {"activate": open_lanes, "handle": put}
    async with lab.open() as system:
        assert await system.ask(address, "?", timeout_s=5) == "from the lane"


async def test_an_answer_is_given_once(lab, address, autojump_clock):
    errors = []

    async def twice(_actor, question):
        question.reply.resolve(1)
        try:
            question.reply.fail(ValueError())
        except AlreadyAnswered as error:
            errors.append(error)

    lab.script("handle", twice)
    async with lab.open() as system:
        assert await system.ask(address, "?", timeout_s=5) == 1
    assert len(errors) == 1


@pytest.mark.parametrize("error", [Permanent("refused"), KeyError("own"), Transient("busy")])
async def test_an_actor_fails_a_question_with_an_error_of_its_choice(lab, address, autojump_clock, error):
    async def refuse(_actor, question):
        question.reply.fail(error)

    lab.script("handle", refuse)
    async with lab.open() as system:
        with pytest.raises(type(error)):
            await system.ask(address, "?", timeout_s=5)
        assert lab.actor(address).restarts == 0


async def test_a_question_that_crashes_its_actor_fails_at_once_and_is_not_repeated(lab, address, autojump_clock):
    lab.script("handle", ValueError("boom"))
    async with lab.open() as system:
        with pytest.raises(ActorCrashed, match="boom"):
            await system.ask(address, "?", timeout_s=50)
        assert trio.current_time() == 0
        await trio.sleep(5)
        assert lab.handled == ["?"]
        assert lab.letters == []


async def test_a_permanent_failure_reaches_the_asker(lab, address, autojump_clock):
    lab.script("handle", Permanent("no such deal"))
    async with lab.open() as system:
        with pytest.raises(Permanent, match="no such deal"):
            await system.ask(address, "?", timeout_s=50)
        assert lab.actor(address).activations == 1


async def test_a_transient_failure_is_waited_for_as_long_as_somebody_wants_the_answer(lab, address, autojump_clock):
    lab.script("handle", Transient("a"), Transient("b"), Transient("c"), Transient("d"))
    async with lab.open() as system:
        assert await system.ask(address, "first", timeout_s=60) == "first"
        lab.script("handle", *[Transient("x", retry_after_s=10)] * 10)
        with pytest.raises(AskTimeout):
            await system.ask(address, "second", timeout_s=25)
        await trio.sleep(100)
        assert lab.handled.count("second") == 3
        assert lab.actor(address).state == "running"


async def test_a_question_that_waits_for_a_dependency_survives_the_instance(lab, address, autojump_clock):
    lab.script("handle", Transient("down", retry_after_s=1000))
    async with lab.open() as system, trio.open_nursery() as nursery:

        async def ask() -> None:
            assert await system.ask(address, "?", timeout_s=60) == "?"
            assert trio.current_time() == 5

        nursery.start_soon(ask)
        await trio.sleep(5)
        await system.passivate(address)


async def test_a_question_whose_asker_has_gone_is_not_handled(lab, address, autojump_clock):
    async def slow(_actor, _message):
        await trio.sleep(10)

    lab.script("handle", slow)
    async with lab.open() as system:
        system.tell(address, "slow")
        with pytest.raises(AskTimeout):
            await system.ask(address, "?", timeout_s=5)
        await trio.sleep(10)
        assert lab.handled == ["slow"]


async def test_asking_a_full_mailbox_or_oneself_or_without_a_deadline(lab, address, autojump_clock):
    errors = []

    async def ask_self(actor, _message):
        try:
            await actor.context.system.ask(actor.context.address, "me", timeout_s=5)
        except AskedItself as error:
            errors.append(error)

    lab.script("handle", ask_self)
    async with lab.open(lab.kind(mailbox_size=1)) as system:
        system.tell(address, 1)
        with pytest.raises(MailboxFull):
            await system.ask(address, "?", timeout_s=5)
        await trio.testing.wait_all_tasks_blocked()
        assert len(errors) == 1
        for timeout_s in (0, -1, math.inf, math.nan):
            with pytest.raises(ValueError, match="deadline"):
                await system.ask(address, "?", timeout_s=timeout_s)


async def test_unanswered_questions_fail_when_the_actor_stops(lab, address, autojump_clock):
    async def keep(_actor, _question):
        """Take the question and never answer."""

    async def hang(_actor, _message):
        await trio.sleep(2)

    outcomes = []

    async def ask(system: ActorSystem, what: str) -> None:
        try:
            await system.ask(address, what, timeout_s=1000)
        except ActorStopped:
            outcomes.append((what, trio.current_time()))

    lab.script("handle", keep, hang)
    async with lab.open() as system, trio.open_nursery() as nursery:
        nursery.start_soon(ask, system, "taken")
        await trio.testing.wait_all_tasks_blocked()
        system.tell(address, "busy")
        nursery.start_soon(ask, system, "queued")
        await trio.testing.wait_all_tasks_blocked()
        await system.stop(deadline_s=10)
        with pytest.raises(ActorStopped):
            await system.ask(address, "after", timeout_s=5)
    assert sorted(outcomes) == [("queued", 2), ("taken", 2)]
    assert lab.letters == []  # the asker knows: no dead letter besides


async def test_a_restart_fails_what_was_taken_and_keeps_what_waits(lab, address, autojump_clock):
    async def keep(_actor, _question):
        """Take the question and never answer."""

    outcomes = {}

    async def ask(system: ActorSystem, what: str) -> None:
        try:
            outcomes[what] = await system.ask(address, what, timeout_s=100)
        except ActorStopped:
            outcomes[what] = "stopped"

    lab.script("handle", keep, ValueError("crash"))
    async with lab.open() as system, trio.open_nursery() as nursery:
        nursery.start_soon(ask, system, "taken")
        await trio.testing.wait_all_tasks_blocked()
        system.tell(address, "boom")
        nursery.start_soon(ask, system, "queued")
    assert outcomes == {"taken": "stopped", "queued": "queued"}


@pytest.mark.parametrize("late", [False, True])
async def test_cancellation_sweep_of_ask(new_lab, address, autojump_clock, late):
    """Cancel an ask after every number of scheduler ticks: it ends, and leaves nothing behind."""
    outcomes = set()
    for ticks in range(12):
        lab = new_lab()

        async def answer(_actor, question):
            for _ in range(4):
                await trio.lowlevel.checkpoint()
            question.reply.resolve("answer")

        lab.always["handle"] = answer
        async with lab.open() as system:
            if not late:
                await system.ask(address, "activate", timeout_s=5)
            got = None
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    nonlocal got
                    got = await system.ask(address, "?", timeout_s=5)

                nursery.start_soon(ask)
                for _ in range(ticks):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            outcomes.add(got)
            system._check_invariants()
            assert await system.ask(address, "again", timeout_s=5) == "answer"
            (cell,) = system._kinds["a"].cells.values()
            assert cell._asks is None
            await system.stop(deadline_s=5)
    assert outcomes == {None, "answer"}


async def test_a_reply_is_either_received_or_late_never_both(autojump_clock):
    rng = random.Random(7)
    seen = {"received": 0, "late": 0}
    for _ in range(300):
        late: list[None] = []
        reply: Reply[str] = Reply(lambda: late.append(None))  # noqa: B023
        received = None

        async def wait() -> None:
            nonlocal received
            received = await reply.wait()  # noqa: B023

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            if rng.random() < 0.5:
                nursery.cancel_scope.cancel()
                accepted = reply.resolve("x")
            else:
                accepted = reply.resolve("x")
                nursery.cancel_scope.cancel()
        reply._check_invariants()
        assert accepted == (received == "x") == (not late)
        seen["received" if accepted else "late"] += 1
    assert min(seen.values()) > 50


async def test_a_question_left_open_by_a_system_that_is_cancelled(address, autojump_clock, lab):
    """Leaving the block without a stop cancels everything: askers inside see the cancellation, nothing hangs."""
    async with ActorSystem.open([ActorKind(name="a", factory=lab.kind().factory)], rng=random.Random(1)) as system:
        system.tell(address, Question("nobody waits", Reply()))
    assert system.snapshot().actors == ()


async def test_a_direct_message_in_hand_or_in_the_box_becomes_a_dead_letter_when_the_block_is_left(
    lab, address, autojump_clock
):
    async def hang(_actor, _message):
        await trio.sleep_forever()

    lab.script("handle", hang)
    async with lab.open() as system:
        system.tell(address, "in hand")
        system.tell(address, "in the box")
        await trio.testing.wait_all_tasks_blocked()
    assert [(letter.message, letter.reason) for letter in lab.letters] == [
        ("in hand", Loss.CANCELLED),
        ("in the box", Loss.STOPPED),
    ]
