"""What a group actor knows of its group: loaded at activation, changed only together with a commit.

Owns no I/O. Changes return the rows to be written; the caller puts them into the same commit as what they led to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dealgram.actors.groups.plan import Policy
from dealgram.actors.groups.topics import Topics
from dealgram.persistence.records import ChatAlias, Group, Link, Participant, Topic, TopicPerson
from dealgram.persistence.tables import Row

DIALOG_LIFE_S = 15 * 60
"""How long the bot waits for a deal's ID after it asked."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A person was asked for a deal. ``question_id`` is the bot's message, once Telegram has accepted it; ``thread``
    the forum topic in which it stands; ``topic`` the one that is to be linked, None for the whole group."""

    user_id: int
    until: int
    question_id: int | None = None
    thread: int | None = None
    topic: int | None = None


@dataclass(slots=True)
class GroupState:
    """A group, its deals, its people and its topics."""

    row: Group
    topics: Topics
    # Invariant: the linked deals stand in the order of linking.
    links: dict[int, Link] = field(default_factory=dict)
    participants: dict[int, Participant] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        row: Group,
        links: Iterable[Link],
        participants: Iterable[Participant],
        topics: Iterable[Topic] = (),
        topic_people: Iterable[TopicPerson] = (),
    ) -> GroupState:
        """The state as the repositories gave it."""
        return cls(
            row=row,
            topics=Topics.of(row.group_id, row.account_id, topics, topic_people),
            links={link.deal_id: link for link in links},
            participants={person.user_id: person for person in participants},
        )

    # Links that have ended are kept here too: a deal may come back, and an old chat may still be answered.

    @property
    def deals(self) -> tuple[int, ...]:
        """The linked deals in the order of linking, those of topics too."""
        return tuple(deal_id for deal_id, link in self.links.items() if link.status == "linked")

    @property
    def whole_deals(self) -> tuple[int, ...]:
        """The deals that the group as a whole is linked to."""
        return tuple(deal_id for deal_id in self.deals if self.links[deal_id].thread_id is None)

    def own_deals(self, thread: int | None) -> tuple[int, ...]:
        """The deals that a topic is linked to by itself."""
        return tuple(deal for deal in self.deals if thread is not None and self.links[deal].thread_id == thread)

    def deals_of(self, thread: int | None) -> tuple[int, ...]:
        """The deals that what is said in a topic belongs to: those of the topic, if it has any of its own; else those
        of the whole group."""
        return self.own_deals(thread) or self.whole_deals

    def linked_topic(self, deal_id: int) -> int | None:
        """The topic that a deal is linked to by itself, or was; None if it is linked to the whole group."""
        link = self.links.get(deal_id)
        return link.thread_id if link is not None else None

    def topic_name(self, thread: int | None) -> str | None:
        """What a topic is called; None for the General topic, and where there is no forum."""
        return self.topics.name(thread)

    def topic_label(self, thread: int | None, deal_id: int | None) -> str:
        """What stands before a message of a topic in the card of a deal; empty where all messages are of one topic.
        ``deal_id`` is None for a conversation that all deals of the whole group share."""
        name = self.topic_name(thread)
        if name is None or (deal_id is not None and self.linked_topic(deal_id) == thread):
            return ""
        return f"[{name}] "

    def title_in(self, deal_id: int | None) -> str:
        """What the group is called in the card of a deal: by its title; with the topic, if that alone is linked."""
        return self.title_of(self.linked_topic(deal_id) if deal_id is not None else None)

    def title_of(self, topic: int | None) -> str:
        """What the group, or one topic of it, is called in cards."""
        name = self.topic_name(topic)
        return self.row.title if name is None else f"{self.row.title} › {name}"

    @property
    def present_people(self) -> tuple[Participant, ...]:
        return tuple(person for person in self.participants.values() if person.is_present)

    def is_linked(self, deal_id: int) -> bool:
        link = self.links.get(deal_id)
        return link is not None and link.status == "linked"

    def last_of(self, deal_id: int) -> int:
        """The deal that this one is part of by now: itself, unless it was merged."""
        seen = {deal_id}
        while (link := self.links.get(deal_id)) is not None and link.status == "unlinked" and link.merged_into:
            if link.merged_into in seen:
                break
            deal_id = link.merged_into
            seen.add(deal_id)
        return deal_id

    def merged_into(self, deal_id: int) -> tuple[int, ...]:
        """The deals that became part of this one, in the order of linking."""
        return tuple(each for each in self.links if each != deal_id and self.last_of(each) == deal_id)

    def is_served(self, deal_id: int) -> bool:
        """Whether an answer from a conversation of this deal is for the group."""
        return self.is_linked(self.last_of(deal_id))

    @property
    def live_deals(self) -> tuple[int, ...]:
        """The linked deals that are not known to be deleted."""
        return tuple(deal_id for deal_id in self.deals if not self.is_deleted(deal_id))

    def are_others_live(self, deal_id: int) -> bool:
        """Whether what is said in this deal's topic (or in the group, if that is linked) has another deal to be in."""
        thread = self.linked_topic(deal_id)
        return any(each != deal_id and self.linked_topic(each) == thread for each in self.live_deals)

    def is_deleted(self, deal_id: int) -> bool:
        """Whether a deal is known to be deleted; its link may have been kept."""
        link = self.links.get(deal_id)
        return link is not None and link.deal_state == "deleted"

    def is_silent(self, deal_id: int) -> bool:
        """Whether what is written into this deal must not stir amoCRM: a closed deal's client would get a new deal."""
        link = self.links.get(deal_id)
        return link is not None and link.deal_state != "open"

    def deal_name(self, deal_id: int) -> str:
        link = self.links.get(deal_id)
        return link.deal_name if link is not None and link.deal_name else f"Сделка № {deal_id}"

    def link(
        self,
        deal_id: int,
        name: str,
        by: int | None,
        *,
        deal_state: Literal["open", "won", "lost", "deleted"] = "open",
        pipeline_id: int | None = None,
        reason: str | None = None,
        thread: int | None = None,
    ) -> tuple[Row, ...]:
        """Link a deal (again) to the group, or to one topic of it. ``reason``: why, if it was not a person's wish."""
        link = Link(
            group_id=self.row.group_id,
            deal_id=deal_id,
            account_id=self.row.account_id,
            status="linked",
            deal_name=name,
            linked_by=by,
            deal_state=deal_state,
            pipeline_id=pipeline_id,
            reason=reason,
            thread_id=thread,
        )
        self.links.pop(deal_id, None)
        self.links[deal_id] = link
        return (link,)

    def unlink(self, deal_id: int) -> tuple[Row, ...]:
        """Unlink a deal that is linked, as a person wished."""
        return self.change_link(deal_id, status="unlinked", reason=None)

    def change_link(self, deal_id: int, **changes: Any) -> tuple[Row, ...]:
        """Change some fields of a link; no row if nothing is different."""
        link = dataclasses.replace(self.links[deal_id], **changes)
        if link == self.links[deal_id]:
            return ()
        self.links[deal_id] = link
        return (link,)

    def rename(self, title: str | None, kind: str) -> tuple[Row, ...]:
        """Take over the title and kind that an update shows."""
        title = title or self.row.title
        # What was written before an upgrade may arrive after it: a supergroup never becomes a basic group again.
        upgraded = "supergroup" in (kind, self.row.kind)
        known: Literal["group", "supergroup"] = "supergroup" if upgraded else "group"
        if title == self.row.title and known == self.row.kind:
            return ()
        self.row = dataclasses.replace(self.row, title=title, kind=known)
        return (self.row,)

    def note_policy(self, policy: str) -> tuple[Row, ...]:
        """The policy under which the group's messages are laid out from now on; rows only when it is another one.
        A group begins with the default."""
        if policy == (self.row.policy or Policy.DEAL_PARTICIPANT):
            return ()
        self.row = dataclasses.replace(self.row, policy=str(policy))
        return (self.row,)

    def set_status(self, status: Literal["member", "administrator", "left"]) -> tuple[Row, ...]:
        """The bot's own membership."""
        if status == self.row.status:
            return ()
        self.row = dataclasses.replace(self.row, status=status)
        return (self.row,)

    def migrate(self, chat_id: int) -> tuple[Row, ...]:
        """The group became a supergroup under a new chat id. Idempotent: there are three signals of it."""
        if chat_id == self.row.chat_id:
            return ()
        old = self.row.chat_id
        # Leaving the old chat may have been announced before; Telegram takes the members along into the new one.
        status = "member" if self.row.status == "left" else self.row.status
        self.row = dataclasses.replace(self.row, chat_id=chat_id, kind="supergroup", status=status)
        aliases = tuple(
            ChatAlias(bot_id=self.row.bot_id, chat_id=each, account_id=self.row.account_id, group_id=self.row.group_id)
            for each in (old, chat_id)
        )
        return (self.row, *aliases)

    def saw(self, user_id: int, name: str, username: str | None, *, present: bool = True) -> tuple[Row, ...]:
        """A person was seen in the group, or left it."""
        person = Participant(
            group_id=self.row.group_id,
            user_id=user_id,
            account_id=self.row.account_id,
            name=name,
            username=username,
            is_present=present,
        )
        known = self.participants.get(user_id)
        if known is not None and dataclasses.replace(known, seen_at=None) == person:
            return ()
        self.participants[user_id] = person
        return (person,)

    # Dialogs live in the group's row: at most one per person, a handful per group.

    def dialogs(self, now: int) -> dict[int, Dialog]:
        """The dialogs that are still open, by person."""
        found = {}
        for key, value in (self.row.dialog or {}).items():
            if isinstance(value, Mapping) and int(value.get("until", 0)) > now:
                found[int(key)] = Dialog(
                    int(key), int(value["until"]), value.get("question_id"), value.get("thread"), value.get("topic")
                )
        return found

    def open_dialog(
        self, user_id: int, now: int, *, thread: int | None = None, topic: int | None = None
    ) -> tuple[Row, ...]:
        """Note that a person is being asked for a deal, in which topic, and for which."""
        dialog = Dialog(user_id, now + DIALOG_LIFE_S, thread=thread, topic=topic)
        return self._keep({**self.dialogs(now), user_id: dialog})

    def asked(self, user_id: int, question_id: int, now: int) -> tuple[Row, ...]:
        """Note the bot's question, so that an answer to it is known as one."""
        dialogs = self.dialogs(now)
        if user_id not in dialogs:
            return ()
        return self._keep({**dialogs, user_id: dataclasses.replace(dialogs[user_id], question_id=question_id)})

    def close_dialog(self, user_id: int, now: int) -> tuple[Row, ...]:
        """The person answered, or gave up."""
        dialogs = self.dialogs(now)
        if dialogs.pop(user_id, None) is None:
            return ()
        return self._keep(dialogs)

    def _keep(self, dialogs: Mapping[int, Dialog]) -> tuple[Row, ...]:
        value: dict[str, Any] = {
            str(user_id): {
                "until": dialog.until,
                "question_id": dialog.question_id,
                "thread": dialog.thread,
                "topic": dialog.topic,
            }
            for user_id, dialog in dialogs.items()
        }
        self.row = dataclasses.replace(self.row, dialog=value or None)
        return (self.row,)
