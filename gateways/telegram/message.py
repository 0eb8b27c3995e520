"""A Telegram message as a typed value that can name everything it holds, known to us or not."""

from __future__ import annotations

import msgspec

from dealgram.gateways.lenient import Int64, UnixTime
from dealgram.gateways.telegram.content import (
    Audio,
    Chat,
    Checklist,
    ContactCard,
    Dice,
    Document,
    Entity,
    ExternalReply,
    Game,
    InlineKeyboard,
    Invoice,
    LivePhoto,
    Location,
    Origin,
    PaidMedia,
    Photo,
    Poll,
    Sticker,
    Story,
    TextQuote,
    Topic,
    User,
    Venue,
    Video,
    VideoChat,
)

_ABOUT = frozenset(
    {
        "message_id",
        "message_thread_id",
        "direct_messages_topic",
        "from",
        "sender_chat",
        "sender_boost_count",
        "sender_business_bot",
        "sender_tag",
        "date",
        "guest_query_id",
        "business_connection_id",
        "chat",
        "forward_origin",
        "forward_from",
        "forward_from_chat",
        "forward_from_message_id",
        "forward_signature",
        "forward_sender_name",
        "forward_date",
        "is_topic_message",
        "is_automatic_forward",
        "reply_to_message",
        "external_reply",
        "quote",
        "reply_to_story",
        "reply_to_checklist_task_id",
        "reply_to_poll_option_id",
        "via_bot",
        "guest_bot_caller_user",
        "guest_bot_caller_chat",
        "edit_date",
        "has_protected_content",
        "is_from_offline",
        "is_paid_post",
        "media_group_id",
        "author_signature",
        "paid_star_count",
        "entities",
        "link_preview_options",
        "suggested_post_info",
        "effect_id",
        "caption",
        "caption_entities",
        "show_caption_above_media",
        "has_media_spoiler",
        "reply_markup",
        "ephemeral_message_id",
    }
)
"""Fields that say something about a message; every other field is content (Bot API: Message)."""

_SERVICE = (
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "channel_chat_created",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "pinned_message",
    "message_auto_delete_timer_changed",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
)

_KINDS = (
    "text",
    "animation",  # before document: an animation carries both
    "photo",
    "live_photo",
    "video",
    "audio",
    "voice",
    "video_note",
    "document",
    "sticker",
    "venue",  # before location: a venue carries both
    "location",
    "contact",
    "poll",
    "dice",
    "story",
    "paid_media",
    "checklist",
    "invoice",
    "game",
    *_SERVICE,
)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message, an edit of one, or the service note of an event (Bot API: Message).

    Attributes:
        date: Unix seconds; 0 if the message is too old for the bot to read.
        from_user: Bot API's `from`. Not the author if there is a `sender_chat` (anonymous administrator, channel).
        reply_to_message: the answered message, one level deep. In a forum topic it may be the topic's own
            `forum_topic_created` note, which is no quotation.
        keys: all fields that Telegram sent, known to us or not, in its order.
        broken: names of known fields whose shape was unexpected; they stand at their defaults.
    """

    message_id: Int64
    chat: Chat
    date: UnixTime = 0
    from_user: User | None = msgspec.field(name="from", default=None)
    sender_chat: Chat | None = None
    author_signature: str = ""
    message_thread_id: Int64 | None = None
    is_topic_message: bool = False
    is_automatic_forward: bool = False
    edit_date: UnixTime | None = None
    media_group_id: str | None = None
    via_bot: User | None = None
    has_protected_content: bool = False
    ephemeral_message_id: Int64 | None = None

    reply_to_message: Message | None = None
    external_reply: ExternalReply | None = None
    reply_to_story: Story | None = None
    quote: TextQuote | None = None
    forward_origin: Origin | None = None
    reply_markup: InlineKeyboard | None = None

    text: str = ""
    entities: tuple[Entity, ...] = ()
    caption: str = ""
    caption_entities: tuple[Entity, ...] = ()
    photo: tuple[Photo, ...] = ()
    live_photo: LivePhoto | None = None
    video: Video | None = None
    animation: Video | None = None
    video_note: Video | None = None
    audio: Audio | None = None
    voice: Audio | None = None
    document: Document | None = None
    sticker: Sticker | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: ContactCard | None = None
    poll: Poll | None = None
    dice: Dice | None = None
    story: Story | None = None
    paid_media: PaidMedia | None = None
    checklist: Checklist | None = None
    invoice: Invoice | None = None
    game: Game | None = None

    new_chat_members: tuple[User, ...] = ()
    left_chat_member: User | None = None
    new_chat_title: str = ""
    new_chat_photo: tuple[Photo, ...] = ()
    delete_chat_photo: bool = False
    group_chat_created: bool = False
    supergroup_chat_created: bool = False
    channel_chat_created: bool = False
    migrate_to_chat_id: Int64 | None = None
    migrate_from_chat_id: Int64 | None = None
    pinned_message: Message | None = None
    forum_topic_created: Topic | None = None
    forum_topic_edited: Topic | None = None
    video_chat_scheduled: VideoChat | None = None
    video_chat_started: VideoChat | None = None
    video_chat_ended: VideoChat | None = None
    video_chat_participants_invited: VideoChat | None = None

    # Filled in after decoding, whatever came; no field of Telegram has such a name.
    keys: tuple[str, ...] = msgspec.field(name="<keys>", default=())
    broken: tuple[str, ...] = msgspec.field(name="<broken>", default=())

    @property
    def content_kinds(self) -> tuple[str, ...]:
        """What the message holds, by the Bot API's field names: the kinds we know first, then the others."""
        present = [key for key in self.keys if key not in _ABOUT]
        known = [kind for kind in _KINDS if kind in present]
        return (*known, *(key for key in present if key not in _KINDS))

    @property
    def kind(self) -> str:
        """The main kind, e.g. "text", "animation", "new_chat_title" or a name that we have never heard of; "empty" if
        there is nothing."""
        kinds = self.content_kinds
        return kinds[0] if kinds else "empty"

    @property
    def is_known(self) -> bool:
        """We know this kind, and its content has the shape that we know."""
        kind = self.kind
        return kind in _KINDS and not any(name == kind or name.startswith(f"{kind}.") for name in self.broken)

    @property
    def is_service(self) -> bool:
        """A note about an event in the chat, not something that somebody wrote."""
        return self.kind in _SERVICE

    @property
    def is_accessible(self) -> bool:
        """False for the bare reference to a message that is too old (Bot API: InaccessibleMessage)."""
        return self.date != 0

    @property
    def body(self) -> str:
        """The text or the caption."""
        return self.text or self.caption

    @property
    def body_entities(self) -> tuple[Entity, ...]:
        """The entities of `body`."""
        return self.entities if self.text else self.caption_entities
