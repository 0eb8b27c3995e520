"""Check-ups of bots: whether Telegram still takes the token, what the bot is called and may see, where its updates go,
its picture.

Owns a task that looks at every connected bot once in a while. When a bot was last looked at is kept in its row, so that
a restart of thousands of bots does not ask Telegram about all of them at once (telegram-facts §1.1). A stranger's
webhook is shown as trouble and left alone; one of ours that was lost is set again.
"""

from __future__ import annotations

import structlog
import trio

from dealgram.actors.accounts.source_sync import rename_source
from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_connection import profile_troubles
from dealgram.actors.bots.bot_picture import note_picture
from dealgram.actors.bots.bot_profile import set_profile
from dealgram.actors.bots.bot_webhook import keep_webhook
from dealgram.actors.bots.polling import note_revoked
from dealgram.actors.registry import BotInfo
from dealgram.actors.services import Services
from dealgram.gateways.errors import GatewayError, Unauthorised
from dealgram.gateways.telegram import Me
from dealgram.persistence import bots
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 60.0
UNFINISHED_EVERY_S = 300.0
"""How soon a bot is looked at again whose menus Telegram did not take."""
AT_ONCE = 4


class BotCheckups:
    """See the module. ``every_s``: how often each bot is looked at; ``public_url``: where webhooks lead."""

    def __init__(self, services: Services, *, every_s: float, public_url: str | None) -> None:
        self._services = services
        self._every_s = every_s
        self._public_url = public_url

    async def run(self) -> None:
        """Look at bots whenever they are due, until cancelled."""
        while True:
            try:
                await self.check_due()
            except Transient as error:
                log.warning("the check-up of bots has to wait for the database", error=str(error))
            await trio.sleep(min(LOOK_EVERY_S, self._every_s))

    async def check_due(self) -> None:
        """Look at every bot whose turn it is.

        Raises:
            DatabaseUnavailable: some were not looked at.
        """
        db = self._services.db
        await bots.expire_claims(db)
        due = await bots.due_for_checkup(
            db, every_s=self._every_s, unfinished_every_s=min(UNFINISHED_EVERY_S, self._every_s)
        )
        slots = trio.CapacityLimiter(AT_ONCE)

        async def look(bot_id: int) -> None:
            async with slots:
                try:
                    await self.check(bot_id)
                except (GatewayError, Transient) as error:
                    log.warning("a bot could not be checked", bot=bot_id, error=str(error))

        async with trio.open_nursery() as nursery:
            for bot_id in due:
                nursery.start_soon(look, bot_id, name=f"check-up of bot {bot_id}")

    async def check(self, bot_id: int) -> None:
        """Look at one bot, mend what is ours to mend, and keep what is wrong.

        Raises:
            GatewayError: Telegram did not answer; nothing is known.
            DatabaseUnavailable: nothing is kept.
        """
        bot = self._services.registry.bot(bot_id)
        if bot is None:
            return
        calls = self._services.telegram.bot(bot.token)
        try:
            me = await calls.get_me()
            await self._note_identity(bot, me)
            troubles = profile_troubles(me)
            troubles.update(
                await keep_webhook(
                    self._services.db, calls, bot.row, secret=bot.webhook_secret, public_url=self._public_url
                )
            )
            if bot_troubles.PROFILE in bot.row.troubles and not await set_profile(calls):
                troubles[bot_troubles.PROFILE] = bot_texts.profile_unset()
            await note_picture(self._services.db, calls, bot.account_id)
        except Unauthorised:
            log.error("Telegram refuses the token of a bot", bot=bot_id)
            await note_revoked(self._services.db, bot.row)
        else:
            await bots.note_troubles(
                self._services.db, bot.account_id, bot_id, troubles, bot_troubles.OF_CHECKUP, checked=True
            )
        await self._services.registry.refresh()

    async def _note_identity(self, bot: BotInfo, me: Me) -> None:
        row = bot.row
        seen = (me.username, me.first_name, me.can_read_all_group_messages)
        if seen == (row.username, row.name, row.can_read_all_group_messages):
            return
        if me.first_name != row.name:
            try:
                await rename_source(self._services, row, me.first_name or me.username)
            except (GatewayError, Transient) as error:
                # The name is taken over all the same: the source's is for people's eyes only.
                log.warning("the source of a renamed bot keeps its name", bot=row.bot_id, error=str(error))
        await bots.set_identity(
            self._services.db,
            row.account_id,
            row.bot_id,
            username=me.username,
            name=me.first_name,
            can_read_all_group_messages=me.can_read_all_group_messages,
        )
