"""The rules for `reply_markup` that types alone do not say (Bot API: InlineKeyboardButton)."""

from __future__ import annotations

from dealgram.sandbox.telegram.errors import bad_request
from dealgram.sandbox.telegram.world import Json

_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
CALLBACK_DATA_BYTES = 64


def checked(markup: Json | None, *, inline_only: bool = False) -> Json | None:
    """The markup as it is stored: empty rows fall away, an empty inline keyboard is none. Raises the server's 400."""
    if markup is None:
        return None
    if "inline_keyboard" not in markup:
        if inline_only:
            raise bad_request("inline keyboard expected")
        return markup
    rows = [[_checked_button(button) for button in row] for row in markup["inline_keyboard"] if row]
    return {"inline_keyboard": rows} if rows else None


def callback_data_of(markup: Json | None) -> set[str]:
    """What the buttons of a message would send."""
    rows = (markup or {}).get("inline_keyboard", ())
    return {button["callback_data"] for row in rows for button in row if "callback_data" in button}


def _checked_button(button: Json) -> Json:
    if not button.get("text"):
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be non-empty')
    actions = [name for name in _ACTIONS if name in button]
    if not actions:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise bad_request(f"can't parse inline keyboard button: {' and '.join(actions)} can't be used together")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    return button
