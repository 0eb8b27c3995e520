"""What people do with files: send one, send an album, exchange the file of a message.

The bytes are kept and bots fetch them with getFile; what Telegram says of a file (sides, length, type) comes from the
bytes unless it is given. Messages with bytes that an app would not send as that kind are sent all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from dealgram.sandbox.telegram.hands import Hands, Place, captioned
from dealgram.sandbox.telegram.media import CAPTIONED, COVERABLE, KINDS, Kind, Media, make
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.world import Json, SimChat, SimUser

_NAMES = {"document": "file.bin", "audio": "song.mp3", "video": "video.mp4", "animation": "animation.mp4"}
_IN_ALBUMS = frozenset({"photo", "video", "document", "audio"})
ALBUM = range(2, 11)


class MediaControls(Hands):
    def send_media(
        self,
        person: SimUser,
        place: Place,
        kind: str,
        data: bytes,
        *,
        caption: str | None = None,
        caption_entities: Sequence[Json] | None = None,
        file_name: str | None = None,
        mime_type: str | None = None,
        duration: int | None = None,
        size: int | None = None,
        reply_to: int | None = None,
        quote: str | None = None,
        thread: int | None = None,
        album: str | None = None,
        emoji: str | None = None,
        thumbnail: bytes | None = None,
        spoiler: bool = False,
        anonymous: bool = False,
        identity: SimChat | None = None,
    ) -> Json:
        """A message with a file (`kind`: photo, video, animation, document, audio, voice, video_note, sticker).

        For a sticker the bytes tell which (WEBP, TGS, WEBM). `size` may claim more bytes than `data` has; `duration` is
        in seconds; messages of one `album` (any text) belong together, as those of `send_album` do. `file_name=""`
        leaves the file without a name.
        """
        chat = self._writable(person, place)
        if anonymous and not chat.is_admin(person):
            raise ValueError("only administrators write anonymously")
        media = self._media(
            kind,
            data,
            caption,
            file_name=file_name,
            mime_type=mime_type,
            duration=duration,
            size=size,
            emoji=emoji,
            thumbnail=thumbnail,
            spoiler=spoiler,
        )
        target = self._target(person, chat, reply_to=reply_to, quote=quote, thread=thread)
        message = self._cloud.post(
            chat,
            person,
            captioned(caption, caption_entities),
            media=media,
            about={} if album is None else {"media_group_id": album},
            identity=chat if anonymous else identity,
            reply_to=target.message,
            quote=target.quote,
            topic=target.topic,
        )
        return message.as_message(None)

    def send_album(
        self,
        person: SimUser,
        place: Place,
        items: Sequence[tuple[str, bytes]],
        *,
        caption: str | None = None,
        thread: int | None = None,
        reply_to: int | None = None,
    ) -> list[Json]:
        """Two to ten messages of one media_group_id, the caption on the first; kinds mix as Telegram lets them."""
        kinds = {kind for kind, _ in items}
        if len(items) not in ALBUM:
            raise ValueError("an album has two to ten items")
        if not kinds <= _IN_ALBUMS or (kinds & {"document", "audio"} and len(kinds) > 1):
            raise ValueError(f"no album has the kinds {', '.join(sorted(kinds))} together")
        album = self._cloud.new_album()
        return [
            self.send_media(
                person,
                place,
                kind,
                data,
                caption=caption if number == 0 else None,
                album=album,
                thread=thread,
                reply_to=reply_to,
            )
            for number, (kind, data) in enumerate(items)
        ]

    def edit_media(
        self, person: SimUser, place: Place, message_id: int, kind: str, data: bytes, *, caption: str | None = None
    ) -> Json:
        """Puts another file into one's own message; None keeps the caption, "" takes it away."""
        message = self._own(person, place, message_id)
        if message.media is None:
            raise ValueError(f"message {message_id} has no file")
        media = self._media(kind, data, caption)
        content = message.content if caption is None else captioned(caption)
        self._cloud.edit(message, content, message.markup, media=media)
        return message.as_message(None)

    def file_bytes(self, file_id: str) -> bytes:
        """The bytes of a file, whoever the id was given to; raises ValueError for an id that was given to nobody."""
        file = self._cloud.files.known_to_anybody(file_id)
        if file is None:
            raise ValueError(f"there is no file {file_id}")
        return file.data

    def _own(self, person: SimUser, place: Place, message_id: int) -> Stored:
        message = self._message(self._writable(person, place), message_id)
        if message.sender is not person or message.service:
            raise ValueError("people edit their own messages only")
        return message

    def _media(
        self,
        kind: str,
        data: bytes,
        caption: str | None,
        *,
        file_name: str | None = None,
        mime_type: str | None = None,
        duration: int | None = None,
        size: int | None = None,
        emoji: str | None = None,
        thumbnail: bytes | None = None,
        spoiler: bool = False,
    ) -> Media:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}")
        if caption and kind not in CAPTIONED:
            raise ValueError(f"a {kind} has no caption")
        if spoiler and kind not in COVERABLE:
            raise ValueError(f"a {kind} has no spoiler")
        return make(
            self._cloud.files,
            cast("Kind", kind),
            data,
            file_name=(_NAMES.get(kind) if file_name is None else file_name) or None,
            mime_type=mime_type,
            duration=duration,
            size=size,
            emoji=emoji,
            thumbnail=thumbnail,
            spoiler=spoiler,
        )
