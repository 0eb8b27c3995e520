"""What the Bot API refuses, told apart by what it means for the message, the chat or the bot.

What its texts mean stands in ``reasons``. Any method may return any error, so an unknown 400 is permanent for this
message, not for the chat (telegram-facts §1.8).
"""

# ruff: noqa: N818 - the names say what happened

from __future__ import annotations

import msgspec

from dealgram.gateways.errors import GatewayError, RateLimited, Refused, Unauthorised
from dealgram.gateways.refusals import refusal
from dealgram.gateways.telegram.reasons import BLOCKED, CHAT_GONE, reason_of, slow_mode_s
from dealgram.gateways.transport import Answer
from dealgram.runtime import Transient

SERVICE = "telegram"


class ChatGone(Refused):
    """The chat cannot be written to any more: kicked, not a member, deleted, not found, user deactivated."""


class BotBlocked(ChatGone):
    """The person blocked the bot, or never started it."""


class ChatMigrated(GatewayError):
    """The group became a supergroup: the same call goes to `new_chat_id`."""

    def __init__(self, new_chat_id: int, *, operation: str = "") -> None:
        super().__init__(f"the group is now the supergroup {new_chat_id}", service=SERVICE, operation=operation)
        self.new_chat_id = new_chat_id


class IntakeConflict(GatewayError, Transient):
    """getUpdates was ended (409). `reason`: "webhook_active" or "other_poller"."""

    def __init__(self, detail: str, *, reason: str, operation: str = "getUpdates") -> None:
        Transient.__init__(self, detail, retry_after_s=None)
        GatewayError.__init__(self, detail, service=SERVICE, operation=operation)
        self.reason = reason


_UNSAID = {413: "Request Entity Too Large"}  # answered by the server's front, without a body of the Bot API


class _Parameters(msgspec.Struct):
    migrate_to_chat_id: int | None = None
    retry_after: float | None = None


class Refusal(msgspec.Struct):
    """The body of a Bot API answer with `ok: false`."""

    ok: bool = False
    error_code: int | None = None
    description: str = ""
    parameters: _Parameters | None = None


_decoder = msgspec.json.Decoder(Refusal)


def telegram_refusal(answer: Answer, *, operation: str, repeatable: bool) -> GatewayError:
    """Builds the exception for an answer that is not a success."""
    try:
        said = _decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Refusal()
    status = said.error_code if answer.ok and said.error_code else answer.status
    description = said.description
    parameters = said.parameters or _Parameters()
    if parameters.migrate_to_chat_id:
        return ChatMigrated(parameters.migrate_to_chat_id, operation=operation)
    if status in (401, 404):
        # 404 is a malformed token: the methods' names are ours and right.
        return Unauthorised(description or f"HTTP {status}", service=SERVICE, operation=operation)
    if status == 409:
        reason = "webhook_active" if "webhook" in description.lower() else "other_poller"
        return IntakeConflict(description or "HTTP 409", reason=reason, operation=operation)
    if status in (400, 403, 413, 420):
        return _known_refusal(description or _UNSAID.get(status, ""), status, operation)
    return refusal(
        Answer(status=status, headers=answer.headers, body=answer.body),
        service=SERVICE,
        operation=operation,
        repeatable=repeatable,
        detail=description,
        retry_after_s=parameters.retry_after,
    )


def _known_refusal(description: str, status: int, operation: str) -> GatewayError:
    if (wait_s := slow_mode_s(description)) is not None:
        return RateLimited(description, service=SERVICE, operation=operation, retry_after_s=wait_s)
    reason = reason_of(description)
    if reason in BLOCKED:
        kind: type[Refused] = BotBlocked
    elif reason in CHAT_GONE or (status == 403 and not reason):
        # A 403 that we do not know is about the chat; a 400 only about this message.
        kind = ChatGone
    else:
        kind = Refused
    return kind(
        description or f"HTTP {status}",
        service=SERVICE,
        operation=operation,
        code=status,
        reason=reason or ("forbidden" if status == 403 else ""),
    )
