"""What people do with the topics of a forum: make one of a group, open, rename, close, hide.

Every step leaves its service message in the topic, as in real life; the name of a topic is in its first message, which
keeps the name that the topic was given first.
"""

from __future__ import annotations

from dealgram.sandbox.telegram.group_controls import GroupControls, require_alive
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.world import GENERAL, Json, SimChat, SimUser

_ICON_COLOR = 7322096


class TopicControls(GroupControls):
    def make_forum(self, chat: SimChat) -> SimChat:
        """Switches topics on; a basic group becomes a supergroup by that (telegram-facts §1.7), which is returned."""
        require_alive(chat)
        forum = self.upgrade_to_supergroup(chat) if chat.kind == "group" else chat
        forum.is_forum = True
        self._cloud.show_chat(forum)
        return forum

    def unmake_forum(self, chat: SimChat) -> None:
        """Switches topics off: their messages stand in one row again, without threads."""
        _require_forum(chat)
        chat.is_forum = False
        chat.topics.clear()
        chat.closed_topics.clear()
        for message in chat.messages.values():
            message.topic = None
        self._cloud.show_chat(chat)

    def create_topic(self, person: SimUser, chat: SimChat, name: str) -> int:
        """Opens a topic; returns its thread id, which is the id of its first message."""
        require_alive(chat)
        _require_forum(chat)
        number = chat.next_number
        created = {"forum_topic_created": {"name": name, "icon_color": _ICON_COLOR}}
        content = created | {"message_thread_id": number, "is_topic_message": True}
        message = self._cloud.post(chat, person, content, service=True)
        assert message.number == number
        chat.topics[number] = message.topic = message
        return number

    def rename_topic(self, person: SimUser, chat: SimChat, thread: int, name: str) -> None:
        self._note(person, chat, thread, {"forum_topic_edited": {"name": name}})

    def close_topic(self, person: SimUser, chat: SimChat, thread: int) -> None:
        """Only administrators write there from now on; `thread` 1 is the General topic."""
        if thread in chat.closed_topics:
            raise ValueError(f"the topic {thread} is closed already")
        self._note(person, chat, thread, {"forum_topic_closed": {}})
        chat.closed_topics.add(thread)

    def reopen_topic(self, person: SimUser, chat: SimChat, thread: int) -> None:
        if thread not in chat.closed_topics:
            raise ValueError(f"the topic {thread} is not closed")
        chat.closed_topics.discard(thread)
        self._note(person, chat, thread, {"forum_topic_reopened": {}})

    def hide_general(self, person: SimUser, chat: SimChat) -> None:
        """Hides the General topic, which closes it (Bot API: hideGeneralForumTopic)."""
        self._note(person, chat, GENERAL, {"general_forum_topic_hidden": {}})
        chat.closed_topics.add(GENERAL)

    def unhide_general(self, person: SimUser, chat: SimChat) -> None:
        self._note(person, chat, GENERAL, {"general_forum_topic_unhidden": {}})

    def delete_topic(self, chat: SimChat, thread: int) -> None:
        """A topic disappears with all its messages; no bot is told."""
        topic = _topic(chat, thread)
        if topic is None:
            raise ValueError("the General topic cannot be deleted")
        for message in [kept for kept in chat.messages.values() if kept.topic is topic or kept is topic]:
            self._cloud.delete(message)
        del chat.topics[thread]
        chat.closed_topics.discard(thread)

    def _note(self, person: SimUser, chat: SimChat, thread: int, content: Json) -> None:
        require_alive(chat)
        _require_forum(chat)
        self._cloud.post(chat, person, content, topic=_topic(chat, thread), service=True)


def _require_forum(chat: SimChat) -> None:
    if not chat.is_forum:
        raise ValueError(f"«{chat.title}» has no topics")


def _topic(chat: SimChat, thread: int) -> Stored | None:
    """The first message of a topic; None for General."""
    if thread == GENERAL:
        return None
    if thread not in chat.topics:
        raise ValueError(f"«{chat.title}» has no topic {thread}")
    return chat.topics[thread]
