"""What a bot's owner does at @BotFather and elsewhere, away from dealgram: tokens, names, rights, a webhook by hand.

Owns the owner's side only; the Bot API's view of the same things is in `profile.py` and `intake.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dealgram.sandbox.telegram.world import SimBot

if TYPE_CHECKING:
    from dealgram.sandbox.telegram.cloud import Cloud
    from dealgram.sandbox.telegram.intake import IntakeMethods


class BotFather:
    """Control methods of the simulator, beside those of groups and people."""

    _cloud: Cloud
    _intakes: IntakeMethods

    def set_privacy(self, bot: SimBot, *, on: bool) -> None:
        """/setprivacy: getMe shows it at once; in a group it counts only after the bot was removed and added again."""
        bot.privacy_mode = on
        self._cloud.bot_changed(bot)

    def set_joins(self, bot: SimBot, *, allowed: bool) -> None:
        """/setjoingroups: whether the bot may be added to groups."""
        bot.can_join_groups = allowed

    def rename_bot(self, bot: SimBot, name: str) -> None:
        """/setname."""
        bot.name = name
        self._cloud.bot_changed(bot)

    def revoke_token(self, bot: SimBot) -> str:
        """/revoke: the old token gets 401 from now on; returns the new one."""
        token = self._cloud.world.revoke_token(bot)
        self._cloud.bot_changed(bot)
        return token

    def webhook_of(self, bot: SimBot) -> str:
        """Where the bot's updates are posted to; empty without a webhook."""
        webhook = self._intakes.of(bot).webhook
        return webhook.url if webhook is not None else ""

    def take_bot(self, bot: SimBot, url: str) -> None:
        """Somebody pastes the bot's token into another service, which sets its own webhook; "" takes it off again."""
        self._intakes.set_by_hand(bot, url)
