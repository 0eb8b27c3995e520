"""POST /telegram/<key>: one update of one bot (telegram-facts §1.2).

Any 2xx acknowledges the update, anything else makes Telegram repeat it with growing pauses for up to 24 hours, and
enough stuck queues freeze the whole bot. So a genuine update is refused only while it cannot be stored. 410 is never
answered: after 23 hours of it Telegram would delete the webhook.
"""

from __future__ import annotations

import logging

from quart import Blueprint, Response, request

from dealgram.http.access import same_secret
from dealgram.http.errors import ApiError, bad_request
from dealgram.http.hooks import Hooks
from dealgram.http.metrics import RequestFigures
from dealgram.http.ports import HttpServices
from dealgram.runtime import Permanent

_log = logging.getLogger("dealgram.http")


def routes(services: HttpServices, figures: RequestFigures) -> Blueprint:
    """Build the webhook route over the intake port."""
    blueprint = Blueprint("telegram_hook", __name__)
    hooks = Hooks("telegram", figures, commit_deadline_s=services.commit_deadline_s)
    intake = services.intake

    async def accept(key: str, raw: bytes, secret: str) -> None:
        bot = await intake.telegram_bot(key)
        if bot is None:
            raise hooks.refuse("unknown", ApiError(404, "There is no such hook."))
        if not same_secret(secret, bot.secret):
            raise hooks.refuse("wrong_secret", ApiError(401, "The secret token is wrong."))
        update = hooks.json_object(raw)
        number = update.get("update_id")
        # `type(...) is int` because JSON true would pass isinstance
        if type(number) is not int or not -(2**63) <= number < 2**63:
            raise hooks.refuse("bad_body", bad_request("The body is not an update: update_id must be an integer."))
        try:
            hooks.count_accepted(await intake.accept_telegram(bot, raw))
        except Permanent:
            # Acknowledged all the same: Telegram would repeat it until it expires and hold its chat's queue meanwhile.
            _log.exception("update can never be taken in: bot %s", bot.bot_id)
            hooks.count_refusal("unacceptable")

    @blueprint.post("/telegram/<key>")
    async def telegram_update(key: str) -> Response:
        hooks.path_value(key)
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        raw = await hooks.body()
        await hooks.durably(lambda: accept(key, raw, secret))
        return Response(b"", status=200)

    return blueprint
