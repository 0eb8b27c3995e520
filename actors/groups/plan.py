"""Which conversations a group message goes to: the conversation policy as one pure function.

amoCRM does not document in which of a contact's open deals a chat is shown (amoCRM contract §12a), so the choice is
the account's. Whatever the policy, every linked deal also has the group's own conversation, which managers pick to
write to the group.
"""

from __future__ import annotations

import enum
from collections.abc import Collection

from dealgram.actors.names import GroupConversation


class Policy(enum.StrEnum):
    """How an account wants group messages laid out in its deals."""

    DEAL_PARTICIPANT = "deal_participant"
    """One conversation per deal and participant (the default)."""
    DEAL = "deal"
    """One conversation per deal; the participants write in it and their names stand before the text."""
    PARTICIPANT = "participant"
    """One conversation per participant, whose contact is attached to every linked deal."""


def plan(
    group_id: int, deals: Collection[int], sender: int | None, policy: Policy, *, of_topic: bool = False
) -> frozenset[GroupConversation]:
    """The conversations that a message of ``sender`` in the group is posted to.

    ``sender`` is the Telegram user, or ``None`` when the group itself speaks (an anonymous administrator, a channel,
    a service line): such messages go to the group's own conversation of each deal. Without linked deals the plan is
    empty.

    Args:
        of_topic: the deals are those of one forum topic. A conversation that a person has for all deals would show
            them what is not theirs, so they are laid out as by `Policy.DEAL` in its place.
    """
    if not deals:
        return frozenset()
    if sender is None or policy is Policy.DEAL or (of_topic and policy is Policy.PARTICIPANT):
        return frozenset(GroupConversation(group_id, deal_id) for deal_id in deals)
    if policy is Policy.PARTICIPANT:
        return frozenset({GroupConversation(group_id, None, sender)})
    return frozenset(GroupConversation(group_id, deal_id, sender) for deal_id in deals)


def mirrors(
    group_id: int, deals: Collection[int], origin: GroupConversation, *, of_topic: bool = False
) -> frozenset[GroupConversation]:
    """The conversations that a manager's answer from ``origin`` is imported into: the group's own one of every other
    linked deal. An answer in a participant's conversation that all deals share is already seen in all of them, but not
    in those of one topic (``of_topic``), which share none."""
    if origin.deal_id is None and not of_topic:
        return frozenset()
    return frozenset(GroupConversation(group_id, deal_id) for deal_id in deals if deal_id != origin.deal_id)
