"""Parts of a Telegram message as typed values: people, chats and every kind of content that dealgram maps.

Only the fields that are used; everything else that Telegram sends is ignored. Almost nothing is required: what is
missing has a harmless default. Sizes are in bytes, durations in seconds, times are Unix seconds (Bot API, same names).
"""

from __future__ import annotations

import msgspec

from dealgram.gateways.lenient import Int64, UnixTime


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a bot. Ids of anonymous administrators (1087968824) and channels (136817688) are no persons: look
    at `sender_chat` first."""

    id: Int64
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A private chat, group, supergroup or channel; `type` says which."""

    id: Int64
    type: str = ""
    title: str = ""
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    is_forum: bool = False

    @property
    def is_private(self) -> bool:
        """A dialogue between one person and the bot."""
        return self.type == "private"

    @property
    def is_group(self) -> bool:
        """A group or a supergroup."""
        return self.type in {"group", "supergroup"}


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A marked stretch of text; `offset` and `length` count UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str = ""
    user: User | None = None
    language: str = ""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a forwarded message comes from; `type` (user, hidden_user, chat, channel) decides what is filled in."""

    type: str = ""
    date: UnixTime = 0
    sender_user: User | None = None
    sender_user_name: str = ""
    sender_chat: Chat | None = None
    chat: Chat | None = None
    message_id: Int64 | None = None
    author_signature: str = ""

    @property
    def title(self) -> str:
        """The name to show."""
        if self.sender_user:
            return self.sender_user.full_name
        chat = self.sender_chat or self.chat
        return chat.title if chat else self.sender_user_name


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What all files have. `file_id` is good for this bot only."""

    file_id: str
    file_unique_id: str = ""
    file_size: Int64 | None = None


class Photo(File, frozen=True, kw_only=True):
    """One size of a picture."""

    width: int = 0
    height: int = 0


class Video(File, frozen=True, kw_only=True):
    """A video, an animation or a video note."""

    width: int = 0
    height: int = 0
    length: int = 0
    duration: int = 0
    file_name: str = ""
    mime_type: str = ""
    thumbnail: Photo | None = None


class LivePhoto(File, frozen=True, kw_only=True):
    """A picture that moves for a moment; the file is the moving one."""

    photo: tuple[Photo, ...] = ()
    duration: int = 0
    mime_type: str = ""


class Audio(File, frozen=True, kw_only=True):
    """Music or a voice message."""

    duration: int = 0
    performer: str = ""
    title: str = ""
    file_name: str = ""
    mime_type: str = ""


class Document(File, frozen=True, kw_only=True):
    """Any other file."""

    file_name: str = ""
    mime_type: str = ""
    thumbnail: Photo | None = None


class Sticker(File, frozen=True, kw_only=True):
    """A sticker; `is_animated` is .tgs, `is_video` is .webm, neither is .webp."""

    emoji: str = ""
    set_name: str = ""
    is_animated: bool = False
    is_video: bool = False
    thumbnail: Photo | None = None


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A point, or a live one."""

    longitude: float
    latitude: float
    live_period: int | None = None


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """A place."""

    location: Location
    title: str = ""
    address: str = ""


class ContactCard(msgspec.Struct, frozen=True, kw_only=True):
    """A shared contact. `user_id` equals the sender's id if people share their own number."""

    phone_number: str
    first_name: str = ""
    last_name: str = ""
    user_id: Int64 | None = None


class PollOption(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a poll."""

    text: str
    voter_count: int = 0


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A poll, or a quiz (`type`)."""

    question: str
    type: str = "regular"
    is_closed: bool = False
    options: tuple[PollOption, ...] = ()
    is_anonymous: bool = True
    allows_multiple_answers: bool = False


class Dice(msgspec.Struct, frozen=True, kw_only=True):
    """A random emoji."""

    emoji: str = ""
    value: int = 0


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A forwarded story; a bot cannot see its content."""

    chat: Chat | None = None
    id: int = 0


class PaidItem(msgspec.Struct, frozen=True, kw_only=True):
    """One of several paid media: preview, photo, video, or a type of later; `duration` is a preview's."""

    type: str = ""
    duration: int = 0


class PaidMedia(msgspec.Struct, frozen=True, kw_only=True):
    """Media behind a payment."""

    star_count: int = 0
    paid_media: tuple[PaidItem, ...] = ()


class ChecklistTask(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a checklist."""

    id: int = 0
    text: str = ""
    completion_date: UnixTime = 0

    @property
    def is_done(self) -> bool:
        """Somebody ticked it off."""
        return self.completion_date > 0


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """A list of tasks."""

    title: str = ""
    tasks: tuple[ChecklistTask, ...] = ()


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A bill; `total_amount` in the smallest unit of the currency."""

    title: str = ""
    description: str = ""
    currency: str = ""
    total_amount: int = 0


class Game(msgspec.Struct, frozen=True, kw_only=True):
    """A game."""

    title: str = ""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A forum topic, created or renamed."""

    name: str = ""


class VideoChat(msgspec.Struct, frozen=True, kw_only=True):
    """A call in a group: planned, begun or ended, depending on the field it stands in."""

    start_date: UnixTime | None = None
    duration: int | None = None
    users: tuple[User, ...] = ()


class TextQuote(msgspec.Struct, frozen=True, kw_only=True):
    """The stretch of the answered message that is quoted."""

    text: str = ""
    entities: tuple[Entity, ...] = ()
    is_manual: bool = False


class ExternalReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a message in another chat or topic: where that is from, and what it holds besides text."""

    origin: Origin | None = None
    chat: Chat | None = None
    message_id: Int64 | None = None
    animation: Video | None = None
    photo: tuple[Photo, ...] = ()
    live_photo: LivePhoto | None = None
    video: Video | None = None
    audio: Audio | None = None
    voice: Audio | None = None
    video_note: Video | None = None
    document: Document | None = None
    sticker: Sticker | None = None
    venue: Venue | None = None
    location: Location | None = None
    contact: ContactCard | None = None
    poll: Poll | None = None
    dice: Dice | None = None
    story: Story | None = None
    paid_media: PaidMedia | None = None
    checklist: Checklist | None = None
    invoice: Invoice | None = None
    game: Game | None = None


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """One reaction; `emoji` is empty for custom and paid ones."""

    type: str = "emoji"
    emoji: str = ""
    custom_emoji_id: str = ""


class InlineKey(msgspec.Struct, frozen=True, kw_only=True):
    """A button under a message of the bot; of its kinds only those that dealgram makes."""

    text: str = ""
    callback_data: str | None = None
    url: str | None = None


class InlineKeyboard(msgspec.Struct, frozen=True, kw_only=True):
    """The buttons under a message, in rows."""

    inline_keyboard: tuple[tuple[InlineKey, ...], ...] = ()
