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


class PhotoSize(msgspec.Struct, frozen=True, kw_only=True):
    """One size of a picture."""

    file_id: str
    file_unique_id: str = ""  # the same for ever, and for every bot; opens nothing
    width: int = 0
    height: int = 0
    file_size: int | None = None


class ProfilePhotos(msgspec.Struct, frozen=True, kw_only=True):
    """A person's pictures, the newest first, each in several sizes (Bot API: UserProfilePhotos)."""

    total_count: int = 0
    photos: tuple[tuple[PhotoSize, ...], ...] = ()


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can be downloaded for at least an hour (Bot API: File)."""

    file_id: str
    file_size: int | None = None
    file_path: str | None = None


class CustomEmoji(msgspec.Struct, frozen=True, kw_only=True):
    """A custom emoji, and the ordinary one that it stands for (Bot API: Sticker)."""

    emoji: str = ""


class _ChatPhoto(msgspec.Struct, frozen=True, kw_only=True):
    small_file_id: str


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
    photo: _ChatPhoto | None = None

    @property
    def photo_file_id(self) -> str | None:
        """The chat's picture, 160 by 160; good as long as the picture is not changed."""
        return self.photo.small_file_id if self.photo is not None else None


class WebhookInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the webhook (Bot API: WebhookInfo); an empty `url` means that none is set."""

    url: str = ""
    pending_update_count: int = 0
    last_error_date: int | None = None
    last_error_message: str = ""
    max_connections: int | None = None
    allowed_updates: tuple[str, ...] = ()


class _SentFile(msgspec.Struct, frozen=True, kw_only=True):
    file_id: str = ""


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed from the Message that the sending of a file returns."""

    message_id: Int64
    photo: tuple[_SentFile, ...] = ()
    video: _SentFile | None = None
    animation: _SentFile | None = None
    audio: _SentFile | None = None
    voice: _SentFile | None = None
    sticker: _SentFile | None = None
    document: _SentFile | None = None

    def file_id(self, kind: str) -> str:
        """The id of the file that was sent as ``kind``; empty if Telegram made something else of it."""
        if kind == "photo":
            return self.photo[-1].file_id if self.photo else ""
        if kind == "document" and (self.video or self.animation or self.audio):
            return ""  # Telegram shows some files as what they are; by this id they are no documents
        file: _SentFile | None = getattr(self, kind)
        return file.file_id if file is not None else ""


class SentMessageId(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing needed from the Message that a send returns."""

    message_id: Int64
