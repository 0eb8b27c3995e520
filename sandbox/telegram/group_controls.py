"""What people do to groups, for tests, the demo and the page: create, add, remove, promote, rename, upgrade.

All of it is synchronous and takes effect at once. `by` is who does it; without it, the group's owner does. Impossible
acts (adding somebody twice) are mistakes of the caller and raise ValueError.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.world import Member, Party, SimChat, SimUser


class GroupControls:
    _cloud: Cloud
    switches: Switches

    def create_group(
        self, title: str, owner: SimUser, kind: Literal["group", "supergroup"] = "supergroup", *, forum: bool = False
    ) -> SimChat:
        """A new group with its owner as the only member. Only supergroups can be forums."""
        if forum and kind != "supergroup":
            raise ValueError("only a supergroup can have topics")
        chat = self._cloud.world.add_chat(kind, title)
        chat.is_forum = forum
        chat.members[owner.id] = Member(owner, "creator")
        content = {"group_chat_created" if kind == "group" else "supergroup_chat_created": True}
        self._cloud.post(chat, owner, content, service=True)
        self._cloud.show_chat(chat)
        return chat

    def add_member(self, chat: SimChat, party: Party, by: Party | None = None) -> None:
        """`by` the party itself: it joins on its own."""
        require_alive(chat)
        if chat.is_present(party):
            raise ValueError(f"{_name(party)} is in «{chat.title}» already")
        self._cloud.join(chat, party, by=by or chat.owner)

    def remove_member(self, chat: SimChat, party: Party, by: Party | None = None) -> None:
        """`by` the party itself: it leaves on its own."""
        require_alive(chat)
        _require_present(chat, party)
        self._cloud.leave(chat, party, by=by or chat.owner)

    def promote(self, chat: SimChat, party: Party, by: Party | None = None, *, without: Collection[str] = ()) -> None:
        """Makes a member an administrator, `without` some rights of ChatMemberAdministrator."""
        require_alive(chat)
        _require_present(chat, party)
        if chat.status_of(party) != "creator":
            self._cloud.set_status(chat, party, "administrator", by or chat.owner, lacks=frozenset(without))

    def demote(self, chat: SimChat, party: Party, by: Party | None = None) -> None:
        """Makes an administrator an ordinary member."""
        require_alive(chat)
        if chat.status_of(party) != "administrator":
            raise ValueError(f"{_name(party)} is no administrator of «{chat.title}»")
        self._cloud.set_status(chat, party, "member", by or chat.owner)

    def rename(self, chat: SimChat, title: str, by: Party | None = None) -> None:
        require_alive(chat)
        chat.title = title
        self._cloud.post(chat, by or chat.owner, {"new_chat_title": title}, service=True)
        self._cloud.show_chat(chat)

    def upgrade_to_supergroup(self, chat: SimChat, by: SimUser | None = None) -> SimChat:
        """Telegram does this by itself for many settings; the old chat is dead afterwards."""
        require_alive(chat)
        if chat.kind != "group":
            raise ValueError(f"«{chat.title}» is a supergroup already")
        return self._cloud.migrate(
            chat, by or chat.owner, announce_membership=self.switches.migration_announces_membership
        )

    def delete_group(self, chat: SimChat) -> None:
        """The owner deletes the group for everybody; bots are removed and told so."""
        require_alive(chat)
        owner = chat.owner
        for member in list(chat.bots()):
            self._cloud.set_status(chat, member.party, "left", owner)
        chat.deleted = True
        self._cloud.show_chat(chat)


def require_alive(chat: SimChat) -> None:
    if chat.kind == "private":
        raise ValueError("a private chat has no members to change")
    if chat.migrated_to is not None:
        raise ValueError(f"«{chat.title}» became the supergroup {chat.migrated_to.id}")
    if chat.deleted:
        raise ValueError(f"«{chat.title}» was deleted")


def _require_present(chat: SimChat, party: Party) -> None:
    if not chat.is_present(party):
        raise ValueError(f"{_name(party)} is not in «{chat.title}»")


def _name(party: Party) -> str:
    return party.name
