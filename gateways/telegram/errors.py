"""What the Bot API refuses, told apart by what it means for the message, the chat or the bot.

The texts are those of the real server (telegram-facts §1.8). They are matched as substrings, because any method may
return any error: an unknown 400 is permanent for this message, not for the chat.
"""

# ruff: noqa: N818 - the names say what happened

from __future__ import annotations

import msgspec

from dealgram.gateways.errors import GatewayError, Refused, Unauthorised
from dealgram.gateways.refusals import refusal
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


# (substring in lower case, reason, class); the first match counts.
_REASONS: tuple[tuple[str, str, type[Refused]], ...] = (
    ("bot was blocked by the user", "blocked", BotBlocked),
    ("can't initiate conversation", "never_started", BotBlocked),
    ("user is deactivated", "deactivated", ChatGone),
    ("bot was kicked", "kicked", ChatGone),
    ("bot is not a member", "not_member", ChatGone),
    ("group chat was deleted", "chat_deleted", ChatGone),
    ("chat not found", "chat_not_found", ChatGone),
    ("group chat was upgraded", "upgraded", ChatGone),
    ("message thread not found", "thread_not_found", Refused),
    ("message to be replied not found", "reply_not_found", Refused),
    ("replied message not found", "reply_not_found", Refused),
    ("message is not modified", "not_modified", Refused),
    ("message to edit not found", "message_not_found", Refused),
    ("message to delete not found", "message_not_found", Refused),
    ("message can't be edited", "not_editable", Refused),
    ("message can't be deleted", "not_deletable", Refused),
    ("query is too old", "query_too_old", Refused),
    ("message is too long", "too_long", Refused),
    ("file is too big", "file_too_big", Refused),
    ("message text is empty", "empty", Refused),
    ("can't parse entities", "bad_entities", Refused),
    ("inline keyboard button", "bad_buttons", Refused),
    ("button_url_invalid", "bad_buttons", Refused),
    ("button_data_invalid", "bad_buttons", Refused),
    ("button_type_invalid", "bad_buttons", Refused),
    ("reply_markup_too_long", "bad_buttons", Refused),
    ("reply_markup_invalid", "bad_buttons", Refused),
    ("topic_closed", "topic_closed", Refused),
    ("topic_deleted", "thread_not_found", Refused),
    ("chat_restricted", "chat_restricted", Refused),
    ("chat_write_forbidden", "no_rights", Refused),
    ("not enough rights", "no_rights", Refused),
    ("have no rights", "no_rights", Refused),
    ("need administrator rights", "no_rights", Refused),
)


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
    if status in (400, 403):
        return _known_refusal(description, status, operation)
    return refusal(
        Answer(status=status, headers=answer.headers, body=answer.body),
        service=SERVICE,
        operation=operation,
        repeatable=repeatable,
        detail=description,
        retry_after_s=parameters.retry_after,
    )


def _known_refusal(description: str, status: int, operation: str) -> Refused:
    lower = description.lower()
    for part, reason, kind in _REASONS:
        if part in lower:
            return kind(description, service=SERVICE, operation=operation, code=status, reason=reason)
    # A 403 that we do not know is about the chat; a 400 only about this message.
    kind = ChatGone if status == 403 else Refused
    reason = "forbidden" if status == 403 else ""
    return kind(description or f"HTTP {status}", service=SERVICE, operation=operation, code=status, reason=reason)
