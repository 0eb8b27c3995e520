"""What is sent to amoCRM for a message: the thing itself with its words, or words alone.

A file is shown where amoCRM can fetch it: it is within Telegram's limit, and we have a public address. What amoCRM
refuses is sent again in a plainer way, once per way (amoCRM contract §23): without its quotation, then in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from dealgram.actors.bodies import EditMessage, PostEmployee, PostMessage
from dealgram.actors.body_parts import Shown, TelegramFile
from dealgram.actors.files.media_links import MediaLink
from dealgram.actors.registry import BotInfo
from dealgram.actors.services import Services
from dealgram.gateways import amojo

Posted = PostMessage | PostEmployee | EditMessage


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send a message."""

    content: amojo.Content
    quote: amojo.Quote | None = None


def _as_it_is(text: str) -> str:
    return text


def ways(
    services: Services,
    body: Posted,
    bot: BotInfo | None,
    quote: amojo.Quote | None,
    said: Callable[[str], str] = _as_it_is,
) -> tuple[Way, ...]:
    """The ways to send a message, the best first; never none.

    Args:
        bot: whose file it is; None if it is connected no more.
        quote: the answered message, where it stands in the same conversation.
        said: puts a name before the words, where they are not their speaker's own.
    """
    quotes = (quote, None) if quote is not None else (None,)
    content = _content(services, body.shown, bot)
    words = words_of(body)
    if content is None:
        return tuple(Way(amojo.text(said(_answering(body, words, one))), one) for one in quotes)
    shown = tuple(Way(_with_text(content, said(_answering(body, body.text, one))), one) for one in quotes)
    return (*shown, Way(amojo.text(said(_answering(body, words, None)))))


def words_of(body: Posted) -> str:
    """The whole message in words."""
    return body.shown.instead or body.text if body.shown is not None else body.text


def _with_text(content: amojo.Content, text: str) -> amojo.Content:
    return dataclasses.replace(content, text=text or None)


def _answering(body: Posted, text: str, quote: amojo.Quote | None) -> str:
    """The words under a line that says what is answered, where amoCRM does not show it; and under what was picked out
    of it, where amoCRM shows all of it."""
    line = body.quoted if quote is None else body.picked
    return "\n".join(part for part in (line, text) if part)


def _content(services: Services, shown: Shown | None, bot: BotInfo | None) -> amojo.Content | None:
    if shown is None:
        return None
    if shown.point is not None:
        place = (shown.point.longitude, shown.point.latitude)
        return amojo.Content(type=amojo.ContentType.LOCATION, location=place)
    if shown.card is not None:
        return amojo.Content(type=amojo.ContentType.CONTACT, contact=(shown.card.name, shown.card.phone))
    if shown.file is None:
        return None
    url = _url(services, shown.file, bot)
    if url is None:
        return None
    return amojo.Content(
        type=amojo.ContentType(shown.file.type),
        media=url,
        file_name=shown.file.name,
        file_size=shown.file.size or 0,
        media_duration_s=shown.file.duration_s,
    )


def _url(services: Services, file: TelegramFile, bot: BotInfo | None) -> str | None:
    """Where amoCRM fetches a file; None if it cannot."""
    if bot is None or not bot.token or (file.size or 0) > services.file_limits.download:
        return None
    link = MediaLink(
        account_id=bot.account_id,
        bot_id=bot.bot_id,
        file_id=file.file_id,
        content_type=file.mime or "application/octet-stream",
        file_name=file.name,
    )
    return services.media_links.file_url(link, services.now().timestamp())
