"""Who is in a group, and which chat the group is: the bot's comings and goings, people's, and the supergroup. Pure."""

from __future__ import annotations

from typing import Literal

from dealgram.actors import texts
from dealgram.actors.bodies import DetachDeal, ReviewDeal, Say
from dealgram.actors.cards import deal_texts
from dealgram.actors.cards.notes import deal_note, deal_notes
from dealgram.actors.groups.group_messages import CHAT_LANE, group_line, group_lines
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.menu import main_buttons
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.registry import BotInfo
from dealgram.gateways.telegram import MembershipChanged
from dealgram.persistence.tables import Row


def decide_own_membership(state: GroupState, change: MembershipChanged, bot: BotInfo, cause: str) -> Decision:
    """The bot was added, removed, promoted or demoted: managers get a line in every deal, a new group a greeting."""
    if change.chat.id != state.row.chat_id:
        return Decision(result="of the chat that became a supergroup")
    before, after = change.old_chat_member, change.new_chat_member
    known_here = state.row.status != "left"
    was_here = before.is_present if before is not None else known_here
    was_admin = before.is_admin if before is not None else state.row.status == "administrator"
    status: Literal["member", "administrator", "left"] = (
        "administrator" if after.is_admin else "member" if after.is_present else "left"
    )
    rows: list[Row] = [*state.rename(change.chat.title, change.chat.type), *state.set_status(status)]
    title = state.row.title
    todo: tuple[NewBody, ...] = ()
    notes: tuple[NewBody, ...] = ()
    if not after.is_present:
        line = texts.bot_removed_line(title)
        notes = deal_notes(state.deals, deal_texts.bot_removed_note(title, bot.username))
    elif not was_here and known_here and state.deals:
        # The group became a supergroup: to Telegram a new chat that the bot enters, to people the same group.
        return Decision(rows=tuple(rows))
    elif not was_here:
        line = texts.bot_returned_line(title)
        notes = deal_notes(state.deals, deal_texts.bot_returned_note(title, bot.username))
        greeting = Say(
            chat_id=state.row.chat_id,
            html=texts.added_html(title, sees_everything=after.is_admin or bot.row.can_read_all_group_messages),
            buttons=main_buttons(len(state.deals)),
        )
        # Meanwhile another bot of ours may have been linked to one of them.
        reviews = (NewBody(lane=f"review-{deal}", body=ReviewDeal(deal_id=deal)) for deal in state.deals)
        todo = (NewBody(lane=CHAT_LANE, body=greeting), *reviews)
    elif was_admin != after.is_admin:
        line = texts.bot_promoted_line(title, administrator=after.is_admin)
    else:
        return Decision(rows=tuple(rows))
    return Decision(rows=tuple(rows), todo=(*todo, *group_lines(state, line, cause, change.date * 1000), *notes))


def decide_membership(state: GroupState, change: MembershipChanged) -> Decision:
    """A person came, left, or changed. Other bots are nobody's concern."""
    user = change.new_chat_member.user
    if user.is_bot:
        return Decision(result="another bot")
    present = change.new_chat_member.is_present
    name = f"{user.first_name} {user.last_name}".strip() or user.username or str(user.id)
    return Decision(rows=state.saw(user.id, name, user.username or None, present=present))


def decide_upgrade(state: GroupState, chat_id: int, cause: str, now_ms: int) -> Decision:
    """The group became the supergroup ``chat_id``. Idempotent: three signals say so (telegram-facts §1.7)."""
    rows = state.migrate(chat_id)
    if not rows:
        return Decision(result="migrated before")
    lines = group_lines(state, texts.group_upgraded_line(state.row.title), cause, now_ms)
    notes = deal_notes(state.deals, deal_texts.upgraded_note(state.row.title))
    return Decision(rows=rows, todo=(*lines, *notes))


def decide_disconnection(state: GroupState, bot: BotInfo, cause: str, now_ms: int) -> Decision:
    """The bot was disconnected from the account: every deal gets a last line and loses the group; the group, which
    the account has no voice in any more, hears nothing. The bot's place in the group is Telegram's matter and stays."""
    rows: list[Row] = []
    todo: list[NewBody] = []
    note = deal_texts.bot_disconnected_note(state.row.title, bot.username)
    for deal_id in state.deals:
        line = group_line(state, deal_id, texts.bot_disconnected_line(state.row.title), cause, now_ms)
        # The contact leaves after the last line, in the same lane.
        todo += [line, NewBody(lane=line.lane, body=DetachDeal(deal_id=deal_id)), deal_note(deal_id, note)]
        rows += state.change_link(deal_id, status="unlinked", reason="bot_removed")
    return Decision(rows=tuple(rows), todo=tuple(todo), result=f"unlinked: {len(rows)}")
