"""What the Bot API answers to our calls: only the fields that dealgram uses, everything else is ignored."""

from __future__ import annotations

import msgspec

from dealgram.gateways.lenient import Int64


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The bot itself (Bot API: getMe)."""

    id: Int64
    first_name: str = ""
    username: str = ""
    can_join_groups: bool = True
    can_read_all_group_messages: bool = False  # True: privacy mode is off


class ChatMemberUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who the member is."""

    id: Int64
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a chat (Bot API: ChatMember)."""

    status: str
    user: ChatMemberUser
    is_member: bool | None = None
    is_anonymous: bool = False
    can_send_messages: bool | None = None

    @property
    def is_admin(self) -> bool:
        """Owner or administrator."""
        return self.status in {"creator", "administrator"}

    @property
    def is_present(self) -> bool:
        """In the chat now."""
        return self.status in {"creator", "administrator", "member"} or bool(self.is_member)


class ChatInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A chat (Bot API: ChatFullInfo)."""

    id: Int64
    type: str
    title: str = ""
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    bio: str = ""
    is_forum: bool = False
    slow_mode_delay: int = 0
    has_protected_content: bool = False


class WebhookInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the webhook (Bot API: WebhookInfo); an empty `url` means that none is set."""

    url: str = ""
    pending_update_count: int = 0
    last_error_date: int | None = None
    last_error_message: str = ""
    max_connections: int | None = None
    allowed_updates: tuple[str, ...] = ()


class SentMessageId(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing needed from the Message that a send returns."""

    message_id: Int64
