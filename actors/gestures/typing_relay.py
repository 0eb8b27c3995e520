"""«Печатает…»: what managers type in the cards, shown in the Telegram chats that it is for.

Not journaled and never repeated: a few seconds later it is worth nothing. Owns a bounded queue per account, the oldest
dropped, from which a few workers take one account after the other, so that one account's flood delays no other's. Per
chat and topic one action goes out in `EVERY_S`, since Telegram shows each for five seconds (Bot API: sendChatAction).
Silent while Telegram makes the chat or the bot wait: an action must not use up what messages need. Whatever fails is
logged at debug and let go.

The other direction does not exist: Telegram does not tell bots that people type.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

import structlog
import trio

from dealgram.actors.groups.group_edits import is_served
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.topic_answers import answer_thread
from dealgram.actors.latest import Latest
from dealgram.actors.names import GroupConversation, PrivateConversation, parse_conversation
from dealgram.actors.services import Services
from dealgram.gateways.amojo import TypingHook
from dealgram.gateways.errors import GatewayError
from dealgram.persistence import groups, links, topics
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

EVERY_S = 4.0
WORTH_S = 5.0
"""How long a hook is worth anything: amoCRM's own `expired_at` is so much after the beginning."""
QUEUED_PER_ACCOUNT = 16
WORKERS = 4
DEADLINE_S = 5.0

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Typing:
    conversation: str
    at: float  # trio's time


@dataclass(frozen=True, slots=True)
class _Chat:
    bot_id: int
    chat_id: int


class TypingRelay:
    """See the module. `offer` may be called at any time; nothing happens unless `run` runs."""

    # Invariants: an account is in `_queues` iff it has something queued or is in work; each queue is bounded; a
    # conversation stands in a queue at most once.

    def __init__(self, services: Services) -> None:
        self._services = services
        self._queues: OrderedDict[int, deque[_Typing]] = OrderedDict()
        self._busy: set[int] = set()
        self._sent: Latest[tuple[_Chat, int | None], float] = Latest(_REMEMBERED)
        self._quiet_until: Latest[_Chat, float] = Latest(_REMEMBERED)
        self._more = trio.Event()

    def offer(self, account_id: int, hook: TypingHook) -> None:
        """A manager types. Returns at once; typing in chats that are none of ours leads to nothing."""
        conversation = hook.conversation.client_id or ""
        if parse_conversation(conversation) is None:
            return
        queue = self._queues.setdefault(account_id, deque(maxlen=QUEUED_PER_ACCOUNT))
        for waiting in [one for one in queue if one.conversation == conversation]:
            queue.remove(waiting)
        queue.append(_Typing(conversation, trio.current_time()))
        self._more.set()

    async def run(self) -> None:
        """Pass on what is offered, until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(WORKERS):
                nursery.start_soon(self._work, name=f"typing {number}")

    async def _work(self) -> None:
        while True:
            taken = self._next()
            if taken is None:
                if self._more.is_set():
                    self._more = trio.Event()
                await self._more.wait()
                continue
            account_id, typing = taken
            try:
                await self._pass_on(account_id, typing)
            finally:
                self._done(account_id)
            await trio.lowlevel.checkpoint()

    def _next(self) -> tuple[int, _Typing] | None:
        """The first of the account that has waited longest for its turn and is not in work."""
        for account_id, queue in self._queues.items():
            if queue and account_id not in self._busy:
                self._busy.add(account_id)
                self._queues.move_to_end(account_id)
                return account_id, queue.popleft()
        return None

    def _done(self, account_id: int) -> None:
        self._busy.discard(account_id)
        if self._queues[account_id]:
            self._more.set()
        else:
            del self._queues[account_id]

    async def _pass_on(self, account_id: int, typing: _Typing) -> None:
        if trio.current_time() - typing.at > WORTH_S:
            return
        try:
            with trio.move_on_after(DEADLINE_S) as scope:
                await self._show(account_id, typing.conversation)
            if scope.cancelled_caught:
                log.debug("typing was not shown in time", conversation=typing.conversation)
        except (GatewayError, Transient) as error:
            log.debug("typing was not shown", conversation=typing.conversation, error=str(error))

    async def _show(self, account_id: int, conversation: str) -> None:
        if self._services.has_lapsed(account_id):
            return
        chat, thread = await self._place_of(account_id, conversation)
        bot = self._services.registry.bot_of(account_id, chat.bot_id) if chat is not None else None
        if chat is None or bot is None or not self._may_speak(chat):
            return
        key, now = (chat, thread), trio.current_time()
        if now - self._sent.get(key, -EVERY_S) < EVERY_S:
            return
        self._sent[key] = now
        try:
            await self._services.telegram.bot(bot.token).send_chat_action(chat.chat_id, "typing", thread)
        except GatewayError as error:
            if wait_s := getattr(error, "retry_after_s", None):
                self._quiet_until[chat] = now + wait_s
            raise

    def _may_speak(self, chat: _Chat) -> bool:
        paused = self._services.limits.pause_left_s(chat.bot_id, chat.chat_id) > 0
        return not paused and trio.current_time() >= self._quiet_until.get(chat, 0.0)

    async def _place_of(self, account_id: int, conversation: str) -> tuple[_Chat | None, int | None]:
        """The Telegram chat that an answer from a conversation would go to (None if it would go nowhere), and the topic
        of a forum."""
        parsed = parse_conversation(conversation)
        if isinstance(parsed, PrivateConversation):
            return _Chat(parsed.bot_id, parsed.user_id), None
        if not isinstance(parsed, GroupConversation):
            return None, None
        group = await groups.get(self._services.db, account_id, parsed.group_id)
        if group is None or group.status not in ("member", "administrator"):
            return None, None
        known = await links.for_group(self._services.db, account_id, parsed.group_id, unlinked=True)
        heard_of = await topics.for_group(self._services.db, account_id, parsed.group_id)
        state = GroupState.of(group, known, (), heard_of)
        if not is_served(state, parsed):
            return None, None
        return _Chat(group.bot_id, group.chat_id), await answer_thread(self._services, state, parsed)
