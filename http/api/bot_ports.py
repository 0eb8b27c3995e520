"""What the routes of bots and groups need from the service. The answers are the views of `dealgram.actors.desk.views`.

As in `ports`: after `Transient` and gateway errors nothing is known to be done, and repeating is safe. Refusals come as
`BotRefusedError`, which the frame translates, or as `ApiProblem`. Every call names the account: what is another one's
does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dealgram.actors.desk.bot_orders import Removal
from dealgram.actors.desk.group_list import GroupPage
from dealgram.actors.desk.views import BotView, GroupView, TokenCheck


class BotsPort(Protocol):
    """An account's bots."""

    async def bots(self, account_id: int, query: str | None) -> Sequence[BotView]:
        """The connected bots, or those that are found."""

    async def check_token(self, account_id: int, token: str) -> TokenCheck:
        """What a token opens; changes nothing."""

    async def add(
        self,
        account_id: int,
        token: str,
        *,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
        take_over: bool,
    ) -> BotView:
        """Connect a bot."""

    async def edit(
        self,
        account_id: int,
        bot_id: int,
        *,
        token: str | None,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
    ) -> BotView:
        """Change what is given."""

    async def remove(self, account_id: int, bot_id: int) -> Removal | None:
        """Disconnect a bot; None if it is disconnected already."""

    async def look_again(self, account_id: int, bot_id: int) -> BotView:
        """Check a bot now."""

    async def take_back(self, account_id: int, bot_id: int) -> BotView:
        """Take the bot's updates back from another service."""


class GroupsPort(Protocol):
    """An account's groups and their deals."""

    async def groups(
        self, account_id: int, bot_id: int | None, query: str | None, *, limit: int, offset: int
    ) -> GroupPage:
        """A page of the groups, of one bot or of all."""

    async def link(self, account_id: int, user_id: int, group_id: int, deal: str) -> tuple[GroupView, bool]:
        """Link a group to a deal. False beside the group: not yet, but it will be."""

    async def unlink(self, account_id: int, user_id: int, group_id: int, deal_id: int) -> tuple[GroupView, bool]:
        """Unlink a group from a deal. False as in `link`."""


class DeskPort(BotsPort, GroupsPort, Protocol):
    """Both together, as the composition root has them."""
