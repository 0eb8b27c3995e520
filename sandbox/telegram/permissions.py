"""Whether a bot may post something in a chat: closed topics, forbidden kinds, slow mode, people who want no voice.

Source: Bot API, ChatPermissions; telegram-facts §1.1, §1.8; the texts are TDLib's. Administrators may write everywhere,
in a closed topic with can_manage_topics.
"""

from __future__ import annotations

from dealgram.sandbox.telegram.errors import SlowModeError, bad_request
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.world import GENERAL, SimBot, SimChat

_RIGHTS = {
    "text": ("can_send_messages", "text messages"),
    "location": ("can_send_messages", "locations"),
    "venue": ("can_send_messages", "venues"),
    "contact": ("can_send_messages", "contacts"),
    "photo": ("can_send_photos", "photos"),
    "video": ("can_send_videos", "videos"),
    "animation": ("can_send_other_messages", "animations"),
    "sticker": ("can_send_other_messages", "stickers"),
    "document": ("can_send_documents", "documents"),
    "audio": ("can_send_audios", "music"),
    "voice": ("can_send_voice_notes", "voice notes"),
    "video_note": ("can_send_video_notes", "video notes"),
}


def topic_of(chat: SimChat, thread_id: int | None) -> Stored | None:
    """The first message of the topic that a call names.

    The General topic has no number, so that 1 is refused like any unknown one; in a group without topics the number is
    not looked at (the server's source: `check_message_topic`).
    """
    if thread_id is None or (not chat.is_forum and chat.kind != "private"):
        return None
    topic = chat.topics.get(thread_id)
    if topic is None:
        raise bad_request("message thread not found")
    return topic


def require_may_post(chat: SimChat, bot: SimBot, topic: Stored | None, *kinds: str) -> None:
    """Raises the refusal for a message of these kinds."""
    if chat.kind == "private":
        if chat.person is not None and chat.person.wants_no_voice and {"voice", "video_note"} & set(kinds):
            raise bad_request("VOICE_MESSAGES_FORBIDDEN")
        return
    member = chat.members[bot.id]
    is_admin = chat.is_admin(bot)
    if chat.is_forum:
        thread = GENERAL if topic is None else topic.number
        if thread in chat.closed_topics and not (is_admin and "can_manage_topics" not in member.lacks):
            raise bad_request("TOPIC_CLOSED")
    if is_admin:
        return
    for kind in kinds:
        right, name = _RIGHTS[kind]
        if right in chat.forbidden or right in member.lacks:
            raise bad_request(f"not enough rights to send {name} to the chat")


def require_not_slowed(chat: SimChat, bot: SimBot, now: float) -> None:
    """Raises 429 while slow mode holds the bot back."""
    if chat.slow_mode_s and not chat.is_admin(bot):
        wait_s = chat.spoke_at.get(bot.id, float("-inf")) + chat.slow_mode_s - now
        if wait_s > 0:
            raise SlowModeError(wait_s)
