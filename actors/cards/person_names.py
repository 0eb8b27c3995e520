"""People who change their name or public name in Telegram: their contact in amoCRM follows.

The chat follows by itself, for every message carries its sender's name. The contact is the account's: its actor is
asked, once per change that a bot or a group notices.
"""

from __future__ import annotations

from dealgram.actors.asking import PersonRenamed, ask_account
from dealgram.actors.bodies import FollowPerson
from dealgram.actors.outbox import DONE, NewBody, OutboxActor, Outcome


def follow(user_id: int, name: str, username: str | None) -> NewBody:
    """To be decided by whoever noticed that a known person has another name."""
    return NewBody(lane=f"name-{user_id}", body=FollowPerson(user_id=user_id, name=name, username=username))


async def carry_after(actor: OutboxActor, body: FollowPerson) -> Outcome:
    """Let the person's contact follow, as far as it still is as we made it."""
    request = PersonRenamed(user_id=body.user_id, name=body.name, username=body.username)
    await ask_account(actor.context.system, actor.account_id, request)
    return DONE
