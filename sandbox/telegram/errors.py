"""The refusals of the Bot API, with the texts that the real server uses.

Owns the wording, because clients match on it (python-telegram-bot and our gateway tell a blocked person from a lost
chat by the description). Source: telegram-facts §1.8 and the server's own tables.
"""

from __future__ import annotations

import math
import re
from typing import Any


class ApiError(Exception):
    """A refused call: `{"ok": false, "error_code": …, "description": …, "parameters": …}`."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


class MisuseError(ApiError):
    """A refusal that only a mistake in the client's program leads to: it is recorded as a violation too."""


def misuse(text: str) -> MisuseError:
    """400 for what a client could have known."""
    return MisuseError(400, f"Bad Request: {text}")


class SlowModeError(ApiError):
    """429 because a group lets its members write only now and then; `wait_s` says when it will."""

    def __init__(self, wait_s: float) -> None:
        error = too_many_requests(wait_s)
        super().__init__(error.code, error.description, **error.parameters)
        self.wait_s = wait_s


def bad_request(text: str, **parameters: Any) -> ApiError:
    return ApiError(400, f"Bad Request: {text}", **parameters)


def forbidden(text: str) -> ApiError:
    return ApiError(403, f"Forbidden: {text}")


def conflict(text: str) -> ApiError:
    return ApiError(409, f"Conflict: {text}")


def too_many_requests(retry_after_s: float) -> ApiError:
    """429 with the waiting time in whole seconds, at least one."""
    seconds = max(1, math.ceil(retry_after_s))
    return ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def migrated(new_chat_id: int) -> ApiError:
    return bad_request("group chat was upgraded to a supergroup chat", migrate_to_chat_id=new_chat_id)


def wording(fault: str) -> str:
    """What the real server says about a fault that the validation found, where that is known."""
    for start, text in _WORDINGS:
        if start in fault:
            return text
    return "message is too long" if _TOO_LONG.match(fault) else fault


_WORDINGS = (
    ("text: required", "message text is empty"),
    ("text: 0 characters", "message text is empty"),
    ("callback_data: ", "BUTTON_DATA_INVALID"),
    ("chat_id: required", "chat_id is empty"),
    ("message_id: required", "message identifier is not specified"),
)
_TOO_LONG = re.compile(r"^text: \d+ characters")

UNAUTHORIZED = (401, "Unauthorized")
NO_SUCH_METHOD = (404, "Not Found: method not found")
CHAT_NOT_FOUND = "chat not found"
WEBHOOK_IS_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER_POLL = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_SET_MEANWHILE = "terminated by setWebhook request"
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
