"""A group that becomes a supergroup, while the new chat is met at the same moment."""

from __future__ import annotations

import trio

from dealgram.persistence import groups

ROUNDS = 40


async def test_a_chat_that_is_met_while_its_upgrade_is_noted_is_one_group(db):
    """The heir's row can take the new id, whoever came first: no stranger is left who has it."""
    for number in range(1, ROUNDS + 1):
        old, new = -number, -1_000_000 - number
        heir = await groups.ensure(db, 1, 3, old, "Группа", "group")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(groups.note_upgrade, db, 1, 3, old, new, "Группа")
            nursery.start_soon(groups.ensure, db, 1, 3, new, "Группа", "supergroup")
        await db.execute("UPDATE groups SET chat_id = $2 WHERE group_id = $1", heir.group_id, new)
        for chat_id in (old, new):
            found = await groups.by_chat(db, 1, 3, chat_id)
            assert found is not None
            assert found.group_id == heir.group_id
