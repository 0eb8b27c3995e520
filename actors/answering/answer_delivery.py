"""Carrying managers' answers to Telegram: texts, files, albums; and what becomes of each row.

Owns the way of one row, or of the rows of one album: what it answers is looked up, the files are fetched, one call is
made at most once (`once`), in weaker forms while Telegram certainly refuses (`answer_forms`), and one commit ends all
the rows that the call carried, each with its own place in the message map and its own status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from dealgram.actors.answering import refusals
from dealgram.actors.answering.albums import ALBUM_MOST, AlbumRows
from dealgram.actors.answering.answer_forms import Form, Item
from dealgram.actors.answering.answer_quotes import find_answered
from dealgram.actors.answering.answers import answer_parts_again, refuse, report
from dealgram.actors.answering.attachment_texts import link_line
from dealgram.actors.answering.attachments import Attached, AttachmentLostError, Attachments
from dealgram.actors.answering.once import Once
from dealgram.actors.answering.refusals import Told
from dealgram.actors.bodies import ReportStatus, SendAnswer, moved
from dealgram.actors.body_parts import AmoFile, Button
from dealgram.actors.groups.topics import TOPIC_REASONS, TopicGoneError
from dealgram.actors.names import answer_msgid
from dealgram.actors.outbox import NewBody, OutboxActor, Outcome
from dealgram.actors.registry import BotInfo
from dealgram.gateways.errors import OutcomeUnknown, RateLimited, Refused, Unauthorised
from dealgram.gateways.telegram import ChatGone, Key, Keyboard, ReplyTo
from dealgram.gateways.telegram.errors import SERVICE
from dealgram.persistence import messages
from dealgram.persistence.entries import Delivery
from dealgram.persistence.journal import DeliveryEndedError
from dealgram.persistence.records import Message
from dealgram.runtime import Transient

FILE_REASONS = frozenset({"", "bad_file", "bad_photo", "photo_dimensions", "bad_album", "file_too_big", "file_empty"})
"""Refusals that may be the file's fault."""

Imported = Callable[[SendAnswer, int | None, bool], tuple[NewBody, ...]]
"""What else follows when an answer stands in the chat (``message_id``), for certain or perhaps (None, False)."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that the call carries, and its file."""

    body: SendAnswer
    delivery: Delivery
    attached: Attached | None = None

    @property
    def as_sent(self) -> SendAnswer:
        """With what is known of the file by now: amoCRM does not always say how large it is."""
        if self.attached is None or not self.attached.size:
            return self.body
        source = self.attached.source
        known = AmoFile(type=source.type, url=source.url, name=self.attached.name, size=self.attached.size)
        return msgspec.structs.replace(self.body, media=known)


class AnswerDelivery:
    """The answers of one actor's lanes."""

    def __init__(self, actor: OutboxActor, bot_id: int, once: Once) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id
        self._bot_id = bot_id
        self._once = once
        self._attachments = Attachments(actor)
        self._albums = AlbumRows(actor)
        self.imported: Imported = lambda _body, _message_id, _is_certain: ()
        """Set by whoever shows answers elsewhere too."""

    async def deliver(self, body: SendAnswer, delivery: Delivery) -> Outcome:
        """Send an answer and tell the manager what became of it.

        Raises:
            ChatMigrated: the group is a supergroup now; nothing was sent.
            DeliveryEndedError: the row went out with another one.
            TopicGoneError: the topic was deleted; nothing was sent.
        """
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        if bot is None:
            return self._failed([_Row(body, delivery)], refusals.BOT_REMOVED)
        if delivery.started_at is not None:
            return self._unknown([_Row(body, delivery)], "begun before, and how it ended is not known")
        if body.media is None:
            return await self._send([_Row(body, delivery)], bot)
        await self._wait_outside(body.chat_id, delivery)
        with ExitStack() as files:
            try:
                rows = await self._with_files(body, delivery, files)
            except AttachmentLostError as lost:
                return self._failed([_Row(body, delivery)], Told(lost.reason))
            return await self._send(rows, bot)

    async def _wait_outside(self, chat_id: int, delivery: Delivery) -> None:
        """A parked chat needs no file yet."""
        left_s = self._once.waits.left_s(chat_id)
        if left_s > 0:
            await self._once.waits.met(chat_id, delivery.lane)
            raise RateLimited("the chat is parked", service=SERVICE, retry_after_s=left_s)

    async def _with_files(self, body: SendAnswer, delivery: Delivery, files: ExitStack) -> list[_Row]:
        """The row with its file, and those that go out with it with theirs."""
        assert body.media is not None
        gathered = await self._albums.gather(body, delivery) if body.album else [(body, delivery)]
        own = files.enter_context(await self._attachments.prepare(delivery.id, body.media))
        if not own.album or len(gathered) == 1:
            return [_Row(body, delivery, own)]
        rows, size = {delivery.id: _Row(body, delivery, own)}, own.uploads
        for more, other in gathered:
            if other.id in rows or more.media is None or len(rows) == ALBUM_MOST:
                continue
            try:
                attached = files.enter_context(await self._attachments.prepare(other.id, more.media))
            except AttachmentLostError:
                continue  # its own turn says so
            if attached.album == own.album and size + attached.uploads <= self._services.file_limits.upload:
                rows[other.id] = _Row(moved(more, body.chat_id), other, attached)
                size += attached.uploads
        return [rows[other.id] for _, other in gathered if other.id in rows]

    async def _send(self, rows: Sequence[_Row], bot: BotInfo) -> Outcome:
        first = rows[0].body
        deliveries = tuple(row.delivery for row in rows)
        whole = [await self._earlier_parts_arrived(row.body) for row in rows]
        form = await self._form(rows)
        try:
            with self._actor.context.dependency("Telegram"):
                sent = await self._once.send(
                    deliveries, first.chat_id, form.send, bot, in_background=first.background, count=len(rows)
                )
        except DeliveryEndedError as error:
            if len(rows) == 1:
                raise
            raise Transient("one of an album was ended meanwhile", retry_after_s=0.0) from error
        except OutcomeUnknown as error:
            return self._unknown(rows, str(error))
        except Refused as error:
            return await self._refused(rows, form, error)
        except Unauthorised as error:
            return self._failed(rows, refusals.BOT_REFUSED, str(error))
        todo: list[NewBody] = []
        for row, one, is_whole in zip(rows, sent, whole, strict=True):
            if row.attached is not None:
                self._attachments.sent(row.attached, one)
            if is_whole:
                status = ReportStatus(amo_id=row.body.amo_id, delivered=True)
                todo.append(report(status, in_background=row.body.background))
            todo += self.imported(row.as_sent, one.message_id, True)
        stored = tuple(self._row(row.body, one.message_id) for row, one in zip(rows, sent, strict=True))
        return Outcome(rows=stored, todo=tuple(todo), carried=_ids(rows))

    async def _form(self, rows: Sequence[_Row]) -> Form:
        spoken = sorted(rows, key=lambda row: not row.body.text)
        body = next((row.body for row in spoken if _answers(row.body)), rows[0].body)
        reply_to, quote = body.reply_to_message_id, body.quote
        if reply_to is None and body.answered:
            with self._actor.context.dependency("database"):
                found = await find_answered(self._services, self._account_id, body.answered, self._bot_id, body.chat_id)
            if found is not None and (body.thread is None or found.thread_id in (None, body.thread)):
                reply_to, quote = found.message_id, ""
        reply = None
        if reply_to is not None:
            reply = ReplyTo(message_id=reply_to, quote=quote, must_exist=bool(body.quoted))
        account = self._services.registry.account(self._account_id)
        return Form(
            chat_id=body.chat_id,
            items=tuple(_item(row) for row in rows),
            reply=reply,
            line="" if reply is not None else body.quoted,
            quoted=body.quoted,
            keyboard=keyboard(rows[-1].body.buttons),
            thread=body.thread,
            link_preview=account is None or account.settings.link_previews,
        )

    async def _refused(self, rows: Sequence[_Row], form: Form, error: Refused) -> Outcome:
        body, delivery = rows[0].body, rows[0].delivery
        if form.reused and error.reason in FILE_REASONS:
            self._attachments.refused(form.reused)
            for row in rows:
                await self._actor.take_back(row.delivery)
            raise Transient(f"a file that was sent before has to be uploaded: {error}", retry_after_s=0.0) from error
        if len(rows) > 1 and not isinstance(error, ChatGone) and error.reason not in TOPIC_REASONS:
            deliveries = tuple(row.delivery for row in rows)
            self._albums.keep_apart(deliveries)
            for one in deliveries:
                await self._actor.take_back(one)
            raise Transient(f"an album was refused; its files go one by one: {error}", retry_after_s=0.0) from error
        if error.reason == "thread_not_found" and body.thread is not None:
            for row in rows:
                if len(rows) > 1:
                    await self._actor.take_back(row.delivery)
            raise TopicGoneError(str(error)) from error
        if error.reason == "bad_buttons" and body.buttons:
            return Outcome(error=str(error), todo=answer_parts_again(body, delivery.lane))
        return self._failed(rows, refusals.refusal(error), str(error))

    def _failed(self, rows: Sequence[_Row], told: Told, error: str | None = None) -> Outcome:
        todo = tuple(tell(row.body, told) for row in rows)
        return Outcome(error=error or told.text, todo=todo, carried=_ids(rows))

    def _unknown(self, rows: Sequence[_Row], error: str) -> Outcome:
        todo: list[NewBody] = []
        for row in rows:
            todo += [tell(row.body, refusals.UNKNOWN_OUTCOME), *self.imported(row.as_sent, None, False)]
        return Outcome(state="unknown", error=error, todo=tuple(todo), carried=_ids(rows))

    def _row(self, body: SendAnswer, message_id: int) -> Message:
        return Message(
            account_id=self._account_id,
            conversation_id=body.conversation,
            msgid=answer_msgid(body.amo_id, body.part),
            bot_id=self._bot_id,
            chat_id=body.chat_id,
            message_id=message_id,
            amo_id=body.amo_id,
            direction="out",
            thread_id=body.thread,
        )

    async def _earlier_parts_arrived(self, body: SendAnswer) -> bool:
        """Whether this is the last part of an answer and all the others are in the chat: only then is it delivered."""
        if body.part < body.parts:
            return False
        for part in range(1, body.parts):
            msgid = answer_msgid(body.amo_id, part)
            if await messages.by_msgid(self._services.db, self._account_id, body.conversation, msgid) is None:
                return False
        return True


def tell(body: SendAnswer, told: Told) -> NewBody:
    """Tell the manager why an answer is not in the chat."""
    return refuse(body.amo_id, told.text, told.code, in_background=body.background)


def keyboard(buttons: tuple[tuple[Button, ...], ...]) -> Keyboard | None:
    """Our buttons as the gateway's."""
    if not buttons:
        return None
    return Keyboard(
        rows=tuple(tuple(Key(text=button.text, data=button.data, url=button.url) for button in row) for row in buttons)
    )


def _item(row: _Row) -> Item:
    body, attached = row.body, row.attached
    if attached is None:
        return Item(text=body.text, name=body.shown_name)
    text = "\n\n".join(part for part in (body.text, attached.line) if part)
    link = link_line(attached.source, attached.size) if attached.size else ""
    return Item(text=text, name=body.shown_name, file=attached.out, link=link)


def _answers(body: SendAnswer) -> bool:
    return bool(body.reply_to_message_id or body.answered or body.quoted)


def _ids(rows: Sequence[_Row]) -> tuple[int, ...]:
    """The rows that went out together; they end together."""
    return tuple(row.delivery.id for row in rows)
