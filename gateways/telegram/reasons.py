"""What the Bot API's error texts mean: one table from Telegram's words to a reason that code can act upon.

Owns the names of the reasons. Sources: telegram-facts §1.8, the server's own table (tdlib/telegram-bot-api,
Client.cpp), TDLib's checks before a send, and the errors of Telegram's sending methods. Texts are matched as substrings
in lower case and the first match counts, because any method may return any error, in words or as a NAME_IN_CAPITALS.
"""

from __future__ import annotations

import re

# Substring in lower case, and the reason. What is told apart more finely stands first.
_TABLE: tuple[tuple[str, str], ...] = (
    # The chat, or the person
    ("bot was blocked by the user", "blocked"),
    ("user_is_blocked", "blocked"),
    ("can't initiate conversation", "never_started"),
    ("bot can't send messages to bots", "is_bot"),
    ("the bot can't send messages to the bot", "is_bot"),
    ("user_is_bot", "is_bot"),
    ("user is deactivated", "deactivated"),
    ("input_user_deactivated", "deactivated"),
    ("bot was kicked", "kicked"),
    ("bot is not a member", "not_member"),
    ("channel_private", "not_member"),
    ("group chat was deleted", "chat_deleted"),
    ("group chat was deactivated", "chat_deleted"),
    ("chat not found", "chat_not_found"),
    ("peer_id_invalid", "chat_not_found"),
    ("chat_id_invalid", "chat_not_found"),
    ("channel_invalid", "chat_not_found"),
    ("group chat was upgraded", "upgraded"),
    ("privacy_premium_required", "premium_required"),
    ("premium_account_required", "premium_required"),
    ("allow_payment_required", "paid_messages"),
    ("payment_required", "paid_messages"),
    ("balance_too_low", "paid_messages"),
    ("peer_flood", "bot_limited"),
    ("frozen_method_invalid", "bot_limited"),
    # Rights, by what may not be sent
    ("user restricted receiving of vo", "voices_refused"),
    ("user restricted receiving of video", "voices_refused"),
    ("voice_messages_forbidden", "voices_refused"),
    ("chat_send_plain_forbidden", "no_right_text"),
    ("rights to send text", "no_right_text"),
    ("chat_send_photos_forbidden", "no_right_photos"),
    ("rights to send photos", "no_right_photos"),
    ("chat_send_roundvideos_forbidden", "no_right_video_notes"),
    ("rights to send video notes", "no_right_video_notes"),
    ("chat_send_videos_forbidden", "no_right_videos"),
    ("rights to send videos", "no_right_videos"),
    ("chat_send_docs_forbidden", "no_right_files"),
    ("rights to send documents", "no_right_files"),
    ("chat_send_audios_forbidden", "no_right_audio"),
    ("rights to send audio", "no_right_audio"),
    ("rights to send music", "no_right_audio"),
    ("chat_send_voices_forbidden", "no_right_voices"),
    ("rights to send voice", "no_right_voices"),
    ("chat_send_stickers_forbidden", "no_right_stickers"),
    ("chat_send_gifs_forbidden", "no_right_stickers"),
    ("rights to send stickers", "no_right_stickers"),
    ("rights to send animations", "no_right_stickers"),
    ("chat_send_media_forbidden", "no_right_media"),
    ("rights to send media", "no_right_media"),
    ("chat_restricted", "chat_restricted"),
    ("user_banned_in_channel", "chat_restricted"),
    ("chat_guest_send_forbidden", "not_member"),
    ("chat_write_forbidden", "no_rights"),
    ("chat_admin_required", "no_rights"),
    ("not enough rights", "no_rights"),
    ("have no rights", "no_rights"),
    ("have no write access", "no_rights"),
    ("need administrator rights", "no_rights"),
    # Topics
    ("topic_closed", "topic_closed"),
    ("topic_deleted", "thread_not_found"),
    ("message thread not found", "thread_not_found"),
    ("topic_id_invalid", "thread_not_found"),
    # What is answered, edited, reacted to
    ("message to be replied not found", "reply_not_found"),
    ("replied message not found", "reply_not_found"),
    ("reply message not found", "reply_not_found"),
    ("reply_message_id_invalid", "reply_not_found"),
    ("reply_to_invalid", "reply_not_found"),
    ("quote_text_invalid", "bad_quote"),
    ("message_quote_invalid", "bad_quote"),
    ("message is not modified", "not_modified"),
    ("message_not_modified", "not_modified"),
    ("message to edit not found", "message_not_found"),
    ("message to delete not found", "message_not_found"),
    ("message to react not found", "message_not_found"),
    ("message_id_invalid", "message_not_found"),
    ("reaction_invalid", "reaction_invalid"),
    ("reactions_too_many", "reaction_invalid"),
    ("message can't be edited", "not_editable"),
    ("message can't be deleted", "not_deletable"),
    ("query is too old", "query_too_old"),
    # The text
    ("caption is too long", "caption_too_long"),
    ("media_caption_too_long", "caption_too_long"),
    ("message is too long", "too_long"),
    ("message_too_long", "too_long"),
    ("text is too long", "too_long"),
    ("message text is empty", "empty"),
    ("message must be non-empty", "empty"),
    ("text must be non-empty", "empty"),
    ("message_empty", "empty"),
    ("can't parse entities", "bad_entities"),
    ("entities_too_long", "bad_entities"),
    ("entity_bounds_invalid", "bad_entities"),
    ("must be encoded in utf-8", "bad_text"),
    # Buttons
    ("inline keyboard", "bad_buttons"),
    ("reply keyboard markup", "bad_buttons"),
    ("reply markup is too long", "bad_buttons"),
    ("reply_markup_too_long", "bad_buttons"),
    ("reply_markup_invalid", "bad_buttons"),
    ("button_", "bad_buttons"),
    # Files
    ("file is too big", "file_too_big"),
    ("file too big", "file_too_big"),
    ("too big for a photo", "photo_dimensions"),
    ("request entity too large", "file_too_big"),
    ("file_too_big", "file_too_big"),
    ("photo_invalid_dimensions", "photo_dimensions"),
    ("photo_invalid", "bad_photo"),
    ("photo_save_file_invalid", "bad_photo"),
    ("photo_ext_invalid", "bad_photo"),
    ("photo_content_type_invalid", "bad_photo"),
    ("image_process_failed", "bad_photo"),
    ("can't use the media of the specified type in the album", "bad_album"),
    ("media_grouped_invalid", "bad_album"),
    ("multi_media_too_long", "bad_album"),
    ("file must be non-empty", "file_empty"),
    ("file_parts_invalid", "bad_file"),
    ("file_part_", "bad_file"),
    ("file_reference_", "bad_file"),
    ("wrong file", "bad_file"),
    ("wrong remote file", "bad_file"),
    ("wrong type of the web page content", "bad_file"),
    ("failed to get http url content", "bad_file"),
    ("wrong http url", "bad_file"),
    ("can't upload file by url", "bad_file"),
    ("media_empty", "bad_file"),
    ("media_invalid", "bad_file"),
    ("document_invalid", "bad_file"),
    ("video_content_type_invalid", "bad_file"),
    ("video_file_invalid", "bad_file"),
    ("audio_content_type_invalid", "bad_file"),
    ("sticker_file_invalid", "bad_file"),
)

CHAT_GONE = frozenset({"deactivated", "kicked", "not_member", "chat_deleted", "chat_not_found", "upgraded", "is_bot"})
"""Nothing can be written to the chat any more."""

BLOCKED = frozenset({"blocked", "never_started"})
"""The same, by the person's own will."""

KNOWN = frozenset(reason for _, reason in _TABLE)
"""Every reason that :func:`reason_of` can give."""

_SLOW_MODE = re.compile(r"slowmode_wait_(\d+)")


def reason_of(description: str) -> str:
    """The reason behind an error text of Telegram; empty for one that is not known."""
    lower = description.lower()
    return next((reason for part, reason in _TABLE if part in lower), "")


def slow_mode_s(description: str) -> float | None:
    """Seconds to wait, where Telegram names its slow mode instead of answering 429; None for any other text."""
    found = _SLOW_MODE.search(description.lower())
    return float(found[1]) if found else None
