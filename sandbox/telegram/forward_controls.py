"""What people do across chats: forward, answer a message of another chat or topic, run a channel with its discussion.

A channel's posts appear in its discussion group by themselves, as messages of the channel (Bot API:
Message.is_automatic_forward, telegram-facts §1.6).
"""

from __future__ import annotations

from dealgram.sandbox.telegram.hands import Hands, Place, captioned, quoted
from dealgram.sandbox.telegram.media import Kind, make
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.origins import origin_of
from dealgram.sandbox.telegram.text import finish
from dealgram.sandbox.telegram.world import Json, Member, SimBot, SimChat, SimUser

_QUOTE_LIMIT = 1024


class ForwardControls(Hands):
    def hide_account(self, person: SimUser, *, hidden: bool = True) -> None:
        """The person's forwarded messages show a name without the account from now on."""
        person.hides_when_forwarded = hidden

    def forward(
        self, person: SimUser, place: Place, source_place: Place, message_id: int, *, thread: int | None = None
    ) -> Json:
        """Passes a message on with its file and its origin; a bot as source is the person's private chat with it."""
        chat = self._writable(person, place)
        source = self._source(person, source_place, message_id)
        return self._forwarded(person, chat, source, self._target(person, chat, thread=thread).topic, None).as_message(
            None
        )

    def forward_album(
        self, person: SimUser, place: Place, source_place: Place, message_ids: list[int], *, thread: int | None = None
    ) -> list[Json]:
        """Passes several messages on at once, as one album."""
        chat = self._writable(person, place)
        sources = [self._source(person, source_place, message_id) for message_id in message_ids]
        album, topic = self._cloud.new_album(), self._target(person, chat, thread=thread).topic
        return [self._forwarded(person, chat, source, topic, album).as_message(None) for source in sources]

    def reply_elsewhere(
        self,
        person: SimUser,
        place: Place,
        text: str,
        other_chat: Place,
        message_id: int,
        quote: str | None = None,
        *,
        thread: int | None = None,
    ) -> Json:
        """Answers a message of another chat, or of another topic of this one (external_reply).

        Without a `quote` the server quotes the beginning by itself (Bot API: TextQuote.is_manual).
        """
        chat = self._writable(person, place)
        source = self._source(person, other_chat, message_id)
        cut = quoted(source, quote)
        if cut is None and source.text:
            cut = {"text": source.text[:_QUOTE_LIMIT], "position": 0}
        message = self._cloud.post(
            chat,
            person,
            finish(text, []).content(),
            elsewhere=source,
            quote=cut,
            topic=self._target(person, chat, thread=thread).topic,
        )
        return message.as_message(None)

    def create_channel(self, title: str, owner: SimUser, *, discussion: SimChat | None = None) -> SimChat:
        """A channel; its posts appear in the supergroup `discussion`."""
        if discussion is not None and discussion.kind != "supergroup":
            raise ValueError("only a supergroup can be the discussion of a channel")
        chat = self._cloud.world.add_chat("channel", title)
        chat.members[owner.id] = Member(owner, "creator")
        chat.discussion = discussion
        self._cloud.show_chat(chat)
        return chat

    def post_in_channel(
        self,
        channel: SimChat,
        text: str = "",
        *,
        kind: Kind | None = None,
        data: bytes = b"",
        signature: str | None = None,
    ) -> Json:
        """A post with words, a file (`kind`, `data`), or both; returns its copy in the discussion if there is one."""
        if channel.kind != "channel":
            raise ValueError(f"«{channel.title}» is no channel")
        media = make(self._cloud.files, kind, data) if kind is not None else None
        content = captioned(text) if media is not None else finish(text, []).content()
        about = {} if signature is None else {"author_signature": signature}
        post = self._cloud.post(channel, channel.owner, content, media=media, about=about, identity=channel)
        if channel.discussion is None:
            return post.as_message(None)
        origin = {"forward_origin": origin_of(post), "is_automatic_forward": True}
        copy = self._cloud.post(
            channel.discussion, channel.owner, content, media=media, about=about | origin, identity=channel
        )
        return copy.as_message(None)

    def _source(self, person: SimUser, place: Place, message_id: int) -> Stored:
        chat = self._cloud.world.open_private(place, person) if isinstance(place, SimBot) else place
        return self._message(chat, message_id)

    def _forwarded(
        self, person: SimUser, chat: SimChat, source: Stored, topic: Stored | None, album: str | None
    ) -> Stored:
        if source.service:
            raise ValueError("service messages cannot be forwarded")
        if "has_protected_content" in source.about:
            raise ValueError("protected messages cannot be forwarded")
        about: Json = {"forward_origin": origin_of(source)}
        if album is not None:
            about["media_group_id"] = album
        content = dict(source.content)
        if "location" in content:  # where it was: a forward does not move
            content["location"] = {name: content["location"][name] for name in ("latitude", "longitude")}
        return self._cloud.post(chat, person, content, media=source.media, about=about, topic=topic)
