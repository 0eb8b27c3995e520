"""The Chats API of amoCRM (amoCRM contract §5 to §8): one client per channel, for all accounts.

Every call is signed over the very bytes that are sent. Every call may be repeated: those that create carry our own key
(`conversation_id`, `msgid`), so a broken connection ends as `Interrupted`, which is Transient.

All methods raise, besides what `HttpTransport.request` raises: Refused (400), Forbidden (403; `reason` is amoCRM's
error type, e.g. "ORIGIN_INVALID_SIGNATURE"), NotFound (404), RateLimited (429), ServiceFailed (5xx or nonsense).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from dealgram.gateways.amojo import signature
from dealgram.gateways.amojo.messages import (
    ChatUser,
    CreatedChat,
    DeliveryError,
    DeliveryStatus,
    EditMessage,
    HistoryItem,
    NewMessage,
    SentMessage,
)
from dealgram.gateways.errors import BadPayload, Refused
from dealgram.gateways.gate import Gate
from dealgram.gateways.gate_policy import Service
from dealgram.gateways.lenient import convert, read_object
from dealgram.gateways.refusals import refusal, unreadable
from dealgram.gateways.transport import Answer, HttpTransport

_PREFIX = "/v2/origin/custom"
_DEADLINE_S = 30.0
_HISTORY_LIMIT = 50  # amoCRM's own maximum
_DUPLICATE = re.compile(r"duplicat|already|not.unique", re.IGNORECASE)  # the wording is undocumented (§20 point 6)

_STATUS_FORMS: tuple[tuple[str, ...], ...] = (
    ("delivery_status", "status_code"),
    ("delivery_status",),
    ("status_code",),
)
"""The names under which a delivery status is sent. The documentation says one thing in its table and another in its
samples (§20 point 1), and amoCRM may refuse a field too many: the form that it accepts is found out and kept."""


class AmojoClient:
    """Calls the Chats API with the channel's secret. Cheap; holds no connection of its own.

    Args:
        base_url: e.g. `https://amojo.amocrm.ru`; a path in it is part of what is signed.
        now: the current moment, aware; amoCRM accepts signatures for 15 minutes.
        gate_of: the gate of the account of a scope; every call goes through it. None for no gates.
    """

    def __init__(
        self,
        transport: HttpTransport,
        base_url: str,
        channel_id: str,
        secret: str,
        now: Callable[[], datetime],
        *,
        deadline_s: float = _DEADLINE_S,
        gate_of: Callable[[str], Gate] | None = None,
    ) -> None:
        self._gate_of = gate_of
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._base_path = urlsplit(self._base_url).path
        self._channel_id = channel_id
        self._secret = secret
        self._now = now
        self._deadline_s = deadline_s
        self._status_form = _STATUS_FORMS[0]

    async def connect(self, amojo_id: str, title: str) -> str:
        """Connects the channel to an account, whose amojo id this is; returns the scope id. To be repeated after
        every install: an uninstall disconnects. Asks for hooks of version 2."""
        body = {
            "account_id": amojo_id,
            "title": title,
            "hook_api_version": "v2",
            "is_time_window_disabled": True,
        }
        answer = await self._call(
            "connect", "POST", (self._channel_id, "connect"), body, scope_id=self._scope(amojo_id)
        )
        scope_id = self._object("connect", answer).get("scope_id")
        # The scope id is the same by construction (§1) where the answer leaves it out.
        return scope_id if isinstance(scope_id, str) and scope_id else self._scope(amojo_id)

    async def disconnect(self, amojo_id: str) -> None:
        """Disconnects the channel from an account."""
        path = (self._channel_id, "disconnect")
        await self._call("disconnect", "DELETE", path, {"account_id": amojo_id}, scope_id=self._scope(amojo_id))

    async def create_chat(
        self, scope_id: str, conversation_id: str, user: ChatUser, source_external_id: str | None = None
    ) -> CreatedChat:
        """Makes the chat of a conversation, or returns the one that exists. Creates no contact and no deal, and is
        invisible until a message comes."""
        body: dict[str, Any] = {"conversation_id": conversation_id, "user": user.to_json()}
        if source_external_id:
            body["source"] = {"external_id": source_external_id}
        answer = await self._call("create_chat", "POST", (scope_id, "chats"), body)
        read = self._object("create_chat", answer)
        chat_id, participant = read.get("id"), read.get("user")
        if not isinstance(chat_id, str) or not chat_id:
            raise self._unreadable("create_chat", answer)
        user_id = participant.get("id") if isinstance(participant, dict) else None
        return CreatedChat(id=chat_id, user_id=user_id if isinstance(user_id, str) else None)

    async def send(self, scope_id: str, message: NewMessage, *, repeated: bool = False) -> SentMessage:
        """Posts a message; the same `msgid` is never shown twice.

        Args:
            repeated: this msgid may have been posted before. Whether amoCRM answers a repeat with the same ids or
                refuses it is not documented (§20 points 6 and 7); a refusal without a word then counts as "has it".
        """
        try:
            answer = await self._call("send", "POST", (scope_id,), message.to_json())
        except Refused as refused:
            if _says_duplicate(refused, repeated=repeated):
                return SentMessage(amo_id=None, ref_id=message.msgid, duplicate=True)
            raise
        read = self._object("send", answer).get("new_message")
        if not isinstance(read, dict) or not isinstance(read.get("msgid"), str):
            raise self._unreadable("send", answer)
        return SentMessage(
            amo_id=read["msgid"],
            ref_id=message.msgid,
            conversation_id=_text(read.get("conversation_id")),
            sender_id=_text(read.get("sender_id")),
        )

    async def edit(self, scope_id: str, message: EditMessage) -> None:
        """Replaces the content of a message; makes no notification."""
        await self._call("edit", "POST", (scope_id,), message.to_json())

    async def delivery_status(
        self,
        scope_id: str,
        amo_id: str,
        status: DeliveryStatus,
        *,
        msgid: str | None = None,
        error_code: DeliveryError | None = None,
        error: str | None = None,
    ) -> None:
        """Tells the manager what became of a message; `error` (plain Russian) is shown for DeliveryError.OTHER.

        Raises:
            NotFound: amoCRM does not know the message (yet).
            Refused: none of the documented forms is accepted.
        """
        told: dict[str, Any] = {}
        if status is DeliveryStatus.ERROR:
            told = {"error_code": int(error_code or DeliveryError.INTERNAL), "error": error or ""}
        refused: Refused | None = None
        for names in sorted(_STATUS_FORMS, key=lambda form: form != self._status_form):
            body: dict[str, Any] = {name: int(status) for name in names}
            if "delivery_status" in names:
                body["msgid"] = msgid or amo_id
            try:
                await self._call("delivery_status", "POST", (scope_id, amo_id, "delivery_status"), {**body, **told})
            except Refused as error_now:
                if error_now.code != 400:
                    raise
                refused = refused or error_now
            else:
                self._status_form = names
                return
        assert refused is not None, "no form was tried"
        raise refused

    async def accepted_status_forms(self, scope_id: str, amo_id: str, msgid: str) -> list[tuple[str, ...]]:
        """Which of the documented forms of a delivery status amoCRM accepts for a message (§20 point 1): each is tried
        by itself, and each accepted one marks the message as delivered."""
        accepted = []
        for names in _STATUS_FORMS:
            body: dict[str, Any] = {name: int(DeliveryStatus.DELIVERED) for name in names}
            if "delivery_status" in names:
                body["msgid"] = msgid
            try:
                await self._call("delivery_status", "POST", (scope_id, amo_id, "delivery_status"), body)
            except Refused as refused:
                if refused.code != 400:
                    raise
            else:
                accepted.append(names)
        return accepted

    async def history(
        self, scope_id: str, chat_uuid: str, offset: int = 0, limit: int = _HISTORY_LIMIT
    ) -> list[HistoryItem]:
        """Messages of a chat as amoCRM has them, newest first; empty if there are none or no such chat.
        Items that cannot be read are left out."""
        query = f"?offset={int(offset)}&limit={min(int(limit), _HISTORY_LIMIT)}"
        answer = await self._call("history", "GET", (scope_id, "chats", chat_uuid, "history"), None, query)
        if answer.status == 204 or not answer.body:
            return []
        items = self._object("history", answer).get("messages")
        read = [convert(item, HistoryItem, []) for item in items if isinstance(item, dict)] if items else []
        return [item for item in read if item is not None]

    async def typing(self, scope_id: str, conversation_id: str, sender_id: str, duration_s: float = 5.0) -> None:
        """Shows the client as typing."""
        body = {
            "conversation_id": conversation_id,
            "sender": {"id": sender_id},
            "duration_ms": int(duration_s * 1000),
        }
        await self._call("typing", "POST", (scope_id, "typing"), body)

    async def react(
        self,
        scope_id: str,
        conversation_id: str,
        user: ChatUser,
        *,
        amo_id: str | None = None,
        msgid: str | None = None,
        emoji: str | None,
    ) -> None:
        """Puts a reaction on a message, or takes it off (`emoji=None`). On behalf of a manager `user.ref_id` counts.

        Raises:
            NotFound: amoCRM does not know the message (yet).
        """
        if not amo_id and not msgid:
            raise ValueError("a reaction needs an amo_id or a msgid")
        body: dict[str, Any] = {"conversation_id": conversation_id, "type": "react" if emoji else "unreact"}
        body |= {"id": amo_id} if amo_id else {"msgid": msgid}
        body["user"] = {name: value for name, value in (("id", user.id), ("ref_id", user.ref_id)) if value}
        if emoji:
            body["emoji"] = emoji
        await self._call("react", "POST", (scope_id, "react"), body)

    def verify_hook(self, raw: bytes, signature_header: str | None) -> bool:
        """True if amoCRM signed this hook body with the channel's secret; in constant time."""
        return signature.verify_hook(self._secret, raw, signature_header)

    def _scope(self, amojo_id: str) -> str:
        return f"{self._channel_id}_{amojo_id}"

    async def _call(
        self,
        operation: str,
        method: str,
        parts: tuple[str, ...],
        body: dict[str, Any] | None,
        query: str = "",
        *,
        scope_id: str | None = None,
    ) -> Answer:
        """One call; `scope_id` where the path does not begin with it."""
        if self._gate_of is None:
            return await self._exchange(operation, method, parts, body, query)
        async with self._gate_of(scope_id or parts[0]).turn(Service.CHATS, operation):
            # Signed only now: a signature is good for 15 minutes, the wait in line is not counted in.
            return await self._exchange(operation, method, parts, body, query)

    async def _exchange(
        self, operation: str, method: str, parts: tuple[str, ...], body: dict[str, Any] | None, query: str
    ) -> Answer:
        path = "/".join((_PREFIX, *(quote(part, safe="") for part in parts)))
        content = b"" if body is None else msgspec.json.encode(body)
        headers = signature.signed_headers(self._secret, method, self._base_path + path, content, self._now())
        answer = await self._transport.request(
            operation,
            method,
            self._base_url + path + query,
            headers=headers,
            content=content,
            deadline_s=self._deadline_s,
            repeatable=True,
        )
        if answer.ok:
            return answer
        said = _read_error(answer.body)
        kind, description = _text(said.get("error_type")) or "", _text(said.get("error_description")) or ""
        wait_s = said.get("retry_after")
        raise refusal(
            answer,
            service=self._transport.upstream.name,
            operation=operation,
            repeatable=True,
            detail=": ".join(part for part in (kind, description) if part) or _quote_body(answer),
            reason=kind,
            retry_after_s=float(wait_s) if isinstance(wait_s, int | float) and wait_s >= 0 else None,
        )

    def _object(self, operation: str, answer: Answer) -> dict[str, Any]:
        try:
            return read_object(answer.body)
        except BadPayload:
            raise self._unreadable(operation, answer) from None

    def _unreadable(self, operation: str, answer: Answer) -> Exception:
        return unreadable(answer, service=self._transport.upstream.name, operation=operation, repeatable=True)


def _says_duplicate(refused: Refused, *, repeated: bool) -> bool:
    if refused.code != 400:
        return False
    wordless = refused.detail == "HTTP 400"
    return repeated if wordless else _DUPLICATE.search(refused.detail) is not None


def _read_error(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except BadPayload:
        return {}


def _quote_body(answer: Answer) -> str:
    """An undocumented error body in its own words (§20 point 7)."""
    return answer.body[:300].decode("utf-8", "replace") if answer.is_json else ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
