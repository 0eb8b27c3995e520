"""What a bot shows of itself at Telegram: the command menus and its descriptions, for Russian and for everybody else.

Promises: setting it again is harmless; Telegram asking to wait is waited for a little, and what could not be set by
then is left to the next check-up: a bot works without its menus.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import structlog
import trio

from dealgram.actors.bots import bot_texts
from dealgram.gateways.errors import GatewayError
from dealgram.gateways.telegram import BotCalls
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

LANGUAGES = ("ru", None)
"""Telegram prefers a menu of the person's own language to one for all: ours stands in both places, so that neither an
older menu of the bot's nor the person's language hides it."""

ATTEMPTS = 3
LONGEST_WAIT_S = 5.0


async def set_profile(calls: BotCalls) -> bool:
    """Set menus and descriptions; False if Telegram did not take all of it now."""
    for step in _steps(calls):
        if not await _attempt(calls.bot_id, step):
            return False
    return True


def _steps(calls: BotCalls) -> list[Callable[[], Awaitable[None]]]:
    scopes = (
        ("private", bot_texts.PRIVATE_COMMANDS),
        ("groups", bot_texts.GROUP_COMMANDS),
        ("administrators", bot_texts.ADMINISTRATOR_COMMANDS),
    )
    steps: list[Callable[[], Awaitable[None]]] = []
    for language in LANGUAGES:
        steps += [partial(calls.set_commands, commands, scope=scope, language=language) for scope, commands in scopes]
        steps.append(partial(calls.set_description, bot_texts.DESCRIPTION, language=language))
        steps.append(partial(calls.set_short_description, bot_texts.SHORT_DESCRIPTION, language=language))
    return steps


async def _attempt(bot_id: int, step: Callable[[], Awaitable[None]]) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await step()
        except GatewayError as error:
            wait_s = getattr(error, "retry_after_s", None) or 1.0
            if not isinstance(error, Transient) or attempt == ATTEMPTS or wait_s > LONGEST_WAIT_S:
                log.warning("the bot's profile could not be set now", bot=bot_id, error=str(error))
                return False
            await trio.sleep(wait_s)
        else:
            return True
    return False
