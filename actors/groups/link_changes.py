"""What is done and said when the account's policy changes a link. Pure: state in, rows and things to do out.

People always see it: a word in the group, a line and a note in a deal that is still there, a mark in the group's menu.
"""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.actors.bodies import AttachDeal, DetachDeal, Say
from dealgram.actors.cards import deal_texts
from dealgram.actors.cards.notes import deal_note
from dealgram.actors.groups.group_messages import CHAT_LANE, group_line
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.link_policy import DEAL_DELETED, DEAL_MERGED, DealNow
from dealgram.actors.names import GroupConversation
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.registry import AccountInfo
from dealgram.persistence.records import Link
from dealgram.persistence.tables import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the sentences need besides the group's state."""

    state: GroupState
    account: AccountInfo
    bot: str
    now_ms: int

    @property
    def title(self) -> str:
        return self.state.row.title

    def say(self, html: str, deal_id: int) -> tuple[NewBody, ...]:
        """A word in the group, where the bot still is; in the topic that the deal is linked to by itself."""
        if self.state.row.status == "left":
            return ()
        thread = self.state.linked_topic(deal_id)
        return (NewBody(lane=CHAT_LANE, body=Say(chat_id=self.state.row.chat_id, html=html, thread=thread)),)

    def topic(self, deal_id: int) -> str | None:
        """The name of the topic that a deal is linked to by itself."""
        return self.state.topic_name(self.state.linked_topic(deal_id))

    def line(self, deal_id: int, text: str, cause: str) -> NewBody:
        """A line in the group's own conversation of a deal."""
        return group_line(self.state, deal_id, text, f"{cause}{self.now_ms}", self.now_ms)

    def ended_html(self, deal_id: int, name: str, reason: str) -> str:
        return deal_texts.ended_html(name, self.account.deal_link(deal_id), deal_id, reason, self.topic(deal_id))


def facts(now: DealNow) -> dict[str, object]:
    """The columns of a link that say how its deal is."""
    known: dict[str, object] = {"deal_state": now.state}
    if now.state != "deleted":
        known |= {"deal_name": now.name, "pipeline_id": now.pipeline_id}
    return known


def end(scene: Scene, deal_id: int, reason: str, now: DealNow) -> Decision:
    """Unlink the group from a deal."""
    state, merged_into, topic = scene.state, now.merged_into, scene.topic(deal_id)
    was_linked = state.is_linked(deal_id)
    rows = state.change_link(deal_id, status="unlinked", reason=reason, merged_into=merged_into, **facts(now))
    said = scene.say(scene.ended_html(deal_id, state.deal_name(deal_id), reason), deal_id) if was_linked else ()
    own = str(GroupConversation(state.row.group_id, deal_id))
    if reason == DEAL_DELETED:
        return Decision(rows=rows, todo=said)
    if reason == DEAL_MERGED:
        assert merged_into is not None, "only then is it merged"
        todo = [*said]
        if not state.is_linked(merged_into):
            note = deal_texts.ended_in_survivor_note(scene.title, scene.bot, deal_id, topic)
            todo += [
                NewBody(lane=own, body=DetachDeal(deal_id=deal_id, at=merged_into)),
                deal_note(merged_into, note),
            ]
        return Decision(rows=rows, todo=tuple(todo))
    line = scene.line(deal_id, deal_texts.ended_card_line(scene.title, reason, topic), "end")
    note = deal_texts.ended_note(scene.title, scene.bot, reason, topic)
    detach = NewBody(lane=line.lane, body=DetachDeal(deal_id=deal_id))
    return Decision(rows=rows, todo=(*said, line, detach, deal_note(deal_id, note)))


def relink(scene: Scene, deal_id: int, reason: str, now: DealNow) -> Decision:
    """Link the group to a deal again that has come back."""
    state, topic = scene.state, scene.topic(deal_id)
    rows = _link(state, deal_id, state.links[deal_id], reason, now)
    html = deal_texts.relinked_html(now.name, scene.account.deal_link(deal_id), deal_id, reason, topic)
    line = scene.line(deal_id, deal_texts.relinked_card_line(scene.title, reason, topic), "on")
    note = deal_note(deal_id, deal_texts.relinked_note(scene.title, scene.bot, reason, topic))
    return Decision(rows=rows, todo=(*scene.say(html, deal_id), line, _attach(deal_id), note))


def follow(scene: Scene, deal_id: int, survivor: int, now: DealNow) -> Decision:
    """The link goes over to the deal that this one became part of. ``now`` is that deal. One that is linked already
    stays linked to what it is: the whole group, or a topic."""
    state = scene.state
    was_linked = state.is_linked(survivor)
    topic = scene.topic(survivor) if was_linked else scene.topic(deal_id)
    rows = state.change_link(deal_id, status="unlinked", reason=DEAL_MERGED, merged_into=survivor, deal_state="deleted")
    link = scene.account.deal_link(survivor)
    html = deal_texts.followed_html(deal_id, now.name, link, survivor, was_linked=was_linked, topic=topic)
    note = deal_note(survivor, deal_texts.followed_note(scene.title, scene.bot, deal_id, topic))
    if was_linked:
        return Decision(rows=rows, todo=(*scene.say(html, deal_id), note))
    rows += _link(state, survivor, state.links[deal_id], DEAL_MERGED, now)
    line = scene.line(survivor, deal_texts.followed_card_line(scene.title, deal_id, topic), "on")
    return Decision(rows=rows, todo=(*scene.say(html, deal_id), line, _attach(survivor), note))


def let_go(scene: Scene, deal_id: int, now: DealNow) -> Decision:
    """The deal came back and its link does not: from now on it is unlinked for good."""
    rows = scene.state.change_link(deal_id, reason=None, **facts(now))
    return Decision(
        rows=rows, todo=(deal_note(deal_id, deal_texts.stayed_note(scene.title, scene.bot, scene.topic(deal_id))),)
    )


def _link(state: GroupState, deal_id: int, was: Link, reason: str, now: DealNow) -> tuple[Row, ...]:
    """Link a deal as ``was`` linked: by the same person, to the group or to the same topic of it."""
    return state.link(
        deal_id,
        now.name,
        was.linked_by,
        deal_state=now.state,
        pipeline_id=now.pipeline_id,
        reason=reason,
        thread=was.thread_id,
    )


def _attach(deal_id: int) -> NewBody:
    return NewBody(lane=f"deal-{deal_id}", body=AttachDeal(deal_id=deal_id))
