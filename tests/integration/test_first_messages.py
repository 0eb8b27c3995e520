"""A conversation belongs to the deal it was opened for, whatever happens around its first message.

amoCRM (as simulated by default) binds a chat, at its first message, to the deal that the chat's contact was linked to
last; a person who writes in a group of several deals has one contact in all of them.
"""

from __future__ import annotations

import trio

from dealgram.actors.commands import LinkDeal, command_entry
from dealgram.actors.names import group_address


async def test_a_failed_first_message_is_not_bound_to_the_deal_that_was_linked_meanwhile(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.link(world.office)
    await stage.quiet()
    failed = stage.amo.faults.answer("amojo.send", status=503)
    play.write(world.igor, "Слышно?")
    await stage.until(lambda: play.written(world.cafe) and play.written(world.office), "the message in both deals")
    await stage.quiet()
    assert failed.hits == 1
    assert play.written(world.cafe) == ["Слышно?"]
    assert play.written(world.office) == ["Слышно?"]


async def test_linking_a_deal_waits_for_first_messages_that_are_on_their_way(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    group_id = await stage.count("SELECT group_id FROM groups WHERE chat_id = $1", world.group.id)
    on_its_way = trio.Event()
    stage.amo.faults.delay("amojo.send", seconds=1.0, when=lambda _: on_its_way.set() is None)
    play.write(world.igor, "Первое")
    await on_its_way.wait()
    command = command_entry(world.account.id, group_address(group_id), LinkDeal(deal_id=world.office))
    await stage.service.services.journal.accept([command])
    await stage.until(lambda: "Первое" in stage.texts(world.cafe) + stage.texts(world.office), "the first message")
    await stage.quiet()
    assert play.written(world.cafe) == ["Первое"]
    assert play.written(world.office) == []
    assert play.contacts(world.igor)[0] in stage.amo.contacts_of_lead(world.account, world.office)
