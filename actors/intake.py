"""The way in: what Telegram and amoCRM send, addressed to the actor that owns it and committed.

Owns the routing. A group's updates go to its group actor whatever chat id they carry: Telegram gives a group a new id
when it becomes a supergroup, and the messages that say so are understood here, before anything under the new id could
be taken for another group (telegram-facts §1.7). Everything else of a bot goes to the bot actor.

When an ``accept_*`` method returns, what it was given is in the journal.
"""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Callable, Sequence

import structlog

from dealgram.actors.gestures.reactions import HOOK_SOURCE as REACTION_SOURCE
from dealgram.actors.groups.group_directory import GroupDirectory
from dealgram.actors.names import (
    Conversation,
    PrivateConversation,
    account_address,
    bot_address,
    group_address,
    mailing_address,
    parse_conversation,
)
from dealgram.actors.registry import AccountInfo, BotInfo, Registry
from dealgram.gateways.amocrm import parse_crm_hook
from dealgram.gateways.amojo import MessageHook, ReactionHook, TypingHook, UnknownHook, parse_hook
from dealgram.gateways.errors import BadPayload
from dealgram.gateways.telegram import BadUpdate, Chat, Message, Update, chat_of, parse_update
from dealgram.persistence import bots, groups, users
from dealgram.persistence.database import Database
from dealgram.persistence.entries import NewEntry
from dealgram.persistence.journal import Journal
from dealgram.runtime import Address

log = structlog.get_logger(__name__)

CRM_SOURCE = "crm"
_MESSAGE_ID = re.compile(r"[!-~]{1,256}")
"""amoCRM's ids of messages are UUIDs; what is no such word could be neither a key nor part of an address."""


class Accepted(enum.Enum):
    """What became of something that came in."""

    NEW = "new"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


class Intake:
    """See the module."""

    def __init__(
        self,
        db: Database,
        journal: Journal,
        registry: Registry,
        directory: GroupDirectory,
        typing: Callable[[int, TypingHook], None],
    ) -> None:
        """``typing`` is told, with the account, when a manager types; it must return at once."""
        self._db = db
        self._journal = journal
        self._registry = registry
        self._groups = directory
        self._typing = typing

    async def accept_updates(self, bot: BotInfo, raws: Sequence[bytes]) -> list[Accepted]:
        """Commit updates of a bot, in order. Bytes that are no update at all are logged and left out.

        Raises:
            DatabaseUnavailable: nothing is confirmed; ask for the same updates again.
        """
        entries: list[NewEntry | None] = []
        for raw in raws:
            try:
                update = parse_update(raw)
            except BadUpdate:
                log.warning("something that is no update was left out", bot=bot.bot_id)
                entries.append(None)
                continue
            entries.append(
                NewEntry(
                    account_id=bot.account_id,
                    address=await self._address(bot, update),
                    source=f"telegram:{bot.bot_id}",
                    source_key=str(update.update_id),
                    payload=raw,
                )
            )
        ids = iter(await self._journal.accept([entry for entry in entries if entry is not None]))
        return [
            Accepted.IGNORED if entry is None else Accepted.DUPLICATE if next(ids) is None else Accepted.NEW
            for entry in entries
        ]

    async def accept_hook(self, account: AccountInfo, raw: bytes) -> Accepted:
        """Commit a chat hook whose signature was verified. Kinds that this version does nothing with are ignored, and
        that a manager types is passed on without a commit: a moment later it is worth nothing.

        Raises:
            BadPayload: not a chat hook at all, or one of another account: the path is not part of what is signed.
            DatabaseUnavailable: not committed; amoCRM does not repeat, but a 503 shows the trouble.
        """
        hook = parse_hook(raw)
        if hook.account_id is not None and hook.account_id != account.row.amojo_id:
            raise BadPayload("the hook belongs to another account")
        if isinstance(hook, UnknownHook):
            log.warning("a chat hook of an unknown kind was let go", account=account.account_id, kinds=hook.kinds)
        if isinstance(hook, TypingHook):
            self._typing(account.account_id, hook)
            return Accepted.NEW
        if isinstance(hook, UnknownHook):
            return Accepted.IGNORED
        if not _MESSAGE_ID.fullmatch(hook.content.id if isinstance(hook, MessageHook) else hook.amo_id):
            raise BadPayload("the message has no id that amoCRM gives")
        if isinstance(hook, ReactionHook):
            return await self._accept_reaction(account, hook, raw)
        entry = NewEntry(
            account_id=account.account_id,
            address=await self._owner(account, hook),
            source="amojo",
            source_key=f"{account.account_id}:{hook.content.id}",
            payload=raw,
        )
        (entry_id,) = await self._journal.accept([entry])
        return Accepted.DUPLICATE if entry_id is None else Accepted.NEW

    async def _accept_reaction(self, account: AccountInfo, hook: ReactionHook, raw: bytes) -> Accepted:
        """A reaction has no id, and who puts it on, takes it off and puts it on again within a second makes the same
        body twice: each is taken in. What it says is a state, so that one which comes twice does no harm."""
        conversation = parse_conversation(hook.conversation.client_id or "")
        if conversation is None or not await self._is_ours(account.account_id, conversation):
            return Accepted.IGNORED
        entry = NewEntry(
            account_id=account.account_id,
            address=conversation.owner(account.account_id),
            source=REACTION_SOURCE,
            source_key=f"{account.account_id}:{secrets.token_hex(16)}",
            payload=raw,
        )
        await self._journal.accept([entry])
        return Accepted.NEW

    async def accept_crm_hook(self, account: AccountInfo, raw: bytes) -> Accepted:
        """Commit a CRM hook that came to the account's own address. One that says nothing to us is let go.

        Hooks have no id, and the same body may come twice for good reasons: every one is taken in. What follows from
        it is looked up in amoCRM, so a repetition does no harm.

        Raises:
            BadPayload: no CRM hook at all, or one of another account.
            DatabaseUnavailable: not committed; amoCRM repeats it.
        """
        hook = parse_crm_hook(raw)
        if hook.account_id is not None:
            ours = hook.account_id == account.account_id
        else:
            # Some bodies name the account by its subdomain only. Where the id is told, it alone counts: an account
            # that changed its subdomain is the same account.
            ours = hook.subdomain == account.row.subdomain or not (hook.events or hook.subdomain)
        if not ours:
            raise BadPayload("the hook belongs to another account")
        if hook.cut:
            log.warning("a CRM hook was read in part only, it is too long", account=account.account_id)
        if not hook.events:
            return Accepted.IGNORED
        entry = NewEntry(
            account_id=account.account_id,
            address=account_address(account.account_id),
            source=CRM_SOURCE,
            source_key=secrets.token_hex(16),
            payload=raw,
        )
        await self._journal.accept([entry])
        return Accepted.NEW

    async def _owner(self, account: AccountInfo, hook: MessageHook) -> Address:
        """The actor of a hook's conversation; the account itself for a conversation that is none of ours."""
        conversation = parse_conversation(hook.conversation.client_id or "")
        if conversation is None or not await self._is_ours(account.account_id, conversation):
            return account_address(account.account_id)
        if isinstance(conversation, PrivateConversation) and not await self._is_user(account.account_id, hook):
            return mailing_address(account.account_id, conversation.bot_id)
        return conversation.owner(account.account_id)

    async def _is_ours(self, account_id: int, conversation: Conversation) -> bool:
        """Whether a conversation is one of the account's. Also one of a bot that was disconnected: its actor tells the
        manager so."""
        if isinstance(conversation, PrivateConversation):
            return await self._is_bot_of(account_id, conversation.bot_id)
        return await groups.get(self._db, account_id, conversation.group_id) is not None

    async def _is_user(self, account_id: int, hook: MessageHook) -> bool:
        """Whether a person of the account answered, and not a robot, of which ten thousand hooks may come at once."""
        return bool(hook.sender.id) and await users.by_amojo(self._db, account_id, hook.sender.id or "") is not None

    async def _is_bot_of(self, account_id: int, bot_id: int) -> bool:
        if self._registry.bot_of(account_id, bot_id) is not None:
            return True
        return await bots.of_account(self._db, account_id, bot_id) is not None

    async def _address(self, bot: BotInfo, update: Update) -> Address:
        chat = chat_of(update)
        if chat is None or not chat.is_group:
            return bot_address(bot.account_id, bot.bot_id)
        if isinstance(update.payload, Message):
            if update.payload.migrate_from_chat_id is not None:
                old = update.payload.migrate_from_chat_id
                return group_address(await self._upgraded(bot, old, chat.id, chat))
            if update.payload.migrate_to_chat_id is not None:
                new = update.payload.migrate_to_chat_id
                return group_address(await self._upgraded(bot, chat.id, new, chat))
        return group_address(await self._groups.group_of(bot.account_id, bot.bot_id, chat))

    async def _upgraded(self, bot: BotInfo, old: int, new: int, chat: Chat) -> int:
        return await self._groups.upgraded(bot.account_id, bot.bot_id, old, new, chat.title)
