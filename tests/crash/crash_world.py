"""Who writes to whom while the service is being killed, and what has to have come of it in the end.

`build_cast` fills the simulators: four groups, one to three deals each, one deal that two groups share, people who sit
in several groups, people who only write in private. `Cast` speaks for all of them and remembers every word. `verdict`
compares that memory with what the simulators hold.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dealgram.actors import texts
from dealgram.actors.names import GroupConversation, PrivateConversation, mirror_msgid, telegram_msgid
from dealgram.playground import Playground
from dealgram.sandbox.amocrm import FeedItem, SimAccount, SimPipeline
from dealgram.sandbox.amocrm import SimUser as SimManager
from dealgram.sandbox.telegram import SimBot, SimChat, SimUser

AT_ONCE = 5
"""Answers to one chat that the service does not space out to keep Telegram's limits: the test need not wait."""


@dataclass
class Group:
    """A Telegram group. The first people speak from the beginning; ``newcomers`` are still silent."""

    chat: SimChat
    bot: SimBot
    deals: tuple[int, ...]
    speakers: list[SimUser]
    newcomers: list[SimUser]
    group_id: int = 0


@dataclass(frozen=True)
class Word:
    """A person's message: where it must stand. A private one has no deals of its own: amoCRM decides."""

    text: str
    conversations: tuple[str, ...]
    msgids: tuple[str, ...]
    deals: tuple[int, ...]


@dataclass(frozen=True)
class Reply:
    """A manager's answer. ``after``: answers of the same group that had their 200 before this one was written."""

    text: str
    amo_id: str
    conversation: str
    chat_uuid: str
    chat: SimChat
    group: Group | None
    deal: int | None
    after: frozenset[str]


@dataclass
class Cast:
    """Everybody who writes. All choices come from ``rng``."""

    playground: Playground
    rng: random.Random
    account: SimAccount
    bots: tuple[tuple[SimBot, SimPipeline], ...]
    managers: tuple[SimManager, ...]
    groups: tuple[Group, ...]
    private: tuple[tuple[SimUser, SimBot], ...]
    words: list[Word] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    on_word: Callable[[], object] = lambda: None
    _awaited: set[str] = field(default_factory=set)
    _allowance: dict[int, int] = field(default_factory=lambda: defaultdict(lambda: AT_ONCE))

    # People

    def act(self, *, answers: bool) -> None:
        """Somebody does something: mostly in a group, sometimes in private, sometimes a manager answers."""
        kind = self.rng.choices(("group", "private", "answer"), (60, 12, 28 if answers else 0))[0]
        if kind == "group":
            group = self.rng.choice(self.groups)
            self.speak(group, self.rng.choice(group.speakers))
        elif kind == "private":
            self.whisper(*self.rng.choice(self.private))
        else:
            self.answer()

    def speak(self, group: Group, person: SimUser) -> None:
        """A message in a group."""
        text = f"Слово {len(self.words) + 1} в группе «{group.chat.title}»"
        message = self.playground.telegram.write(person, group.chat, text)
        conversations = [GroupConversation(group.group_id, deal, person.id) for deal in group.deals]
        self._said(text, group.bot, group.chat, message["message_id"], conversations, group.deals)

    def whisper(self, person: SimUser, bot: SimBot) -> None:
        """A message in a private chat."""
        text = f"Слово {len(self.words) + 1} наедине с «{bot.name}»"
        message = self.playground.telegram.write(person, bot, text)
        chat = self.playground.telegram.private_chat(person, bot)
        self._said(text, bot, chat, message["message_id"], [PrivateConversation(bot.id, person.id)], ())

    def newcomer(self, *, reserve: int) -> None:
        """Somebody speaks for the first time in a group, unless no more than ``reserve`` are left."""
        silent = [(group, person) for group in self.groups for person in group.newcomers]
        if len(silent) > reserve:
            group, person = self.rng.choice(silent)
            group.newcomers.remove(person)
            group.speakers.append(person)
            self.speak(group, person)

    def answer(self) -> None:
        """A manager answers: a group through its own chat or through a participant's, or a person in private."""
        amo = self.playground.amo
        places: list[tuple[str, Group | None, int | None, SimChat]] = []
        for group in self.groups:
            for deal in group.deals:
                places.append((str(GroupConversation(group.group_id, deal)), group, deal, group.chat))
                person = self.rng.choice(group.speakers)
                places.append((str(GroupConversation(group.group_id, deal, person.id)), group, deal, group.chat))
        for person, bot in self.private:
            chat = self.playground.telegram.private_chat(person, bot)
            places.append((str(PrivateConversation(bot.id, person.id)), None, None, chat))
        self.rng.shuffle(places)
        for conversation, group, deal, place in places:
            chat = amo.chat(self.account, conversation)
            has_room = self._allowance[id(place)] > 0
            if has_room and chat is not None and amo.history(self.account, chat.uuid):  # a card shows no empty chats
                self._allowance[id(place)] -= 1
                text = f"Ответ {len(self.replies) + 1}"
                earlier = frozenset(one.text for one in self.replies if one.group is group and self.is_accepted(one))
                amo_id = amo.answer(self.account, chat.uuid, self.rng.choice(self.managers), text)
                self.replies.append(Reply(text, amo_id, conversation, chat.uuid, place, group, deal, earlier))
                return

    def _said(
        self,
        text: str,
        bot: SimBot,
        chat: SimChat,
        message_id: int,
        conversations: Sequence[GroupConversation | PrivateConversation],
        deals: tuple[int, ...],
    ) -> None:
        msgids = tuple(telegram_msgid(bot.id, chat.id, message_id, each) for each in conversations)
        self.words.append(Word(text, tuple(map(str, conversations)), msgids, deals))
        self.on_word()
        self._awaited.update(msgids)

    def new_life(self) -> None:
        """The service starts with full allowances: from now on each chat gets as many answers as pass at once."""
        self._allowance.clear()
        for reply in self.unsettled():
            self._allowance[id(reply.chat)] -= 1

    # What has arrived

    def all_arrived(self) -> bool:
        """Whether every word stands in every conversation that it belongs to."""
        self._awaited = {msgid for msgid in self._awaited if msgid not in self.account.messages_by_msgid}
        return not self._awaited

    def missing(self) -> list[str]:
        """The ids under which words are still awaited."""
        return [] if self.all_arrived() else sorted(self._awaited)

    def outcome(self, reply: Reply) -> str:
        """What became of the hook that carried an answer."""
        return next(hook.outcome for hook in self.playground.amo.hooks if hook.subject == reply.amo_id)

    def is_accepted(self, reply: Reply) -> bool:
        """Whether the hook got its 200."""
        return self.outcome(reply) == "delivered"

    def status(self, reply: Reply) -> str:
        """What the manager sees beside the answer."""
        item = self.playground.amo.message(self.account, reply.amo_id)
        assert item is not None
        return item.status

    def unsettled(self) -> list[Reply]:
        """Answers of which the manager has not heard yet."""
        return [reply for reply in self.replies if self.status(reply) == "sent"]

    def conversation(self, conversation: str) -> list[FeedItem]:
        """What stands in a conversation, in the order of arrival."""
        chat = self.playground.amo.chat(self.account, conversation)
        return self.playground.amo.history(self.account, chat.uuid) if chat is not None else []

    def sent_by_bots(self, chat: SimChat) -> list[str]:
        """What bots wrote into a chat, in order."""
        return [
            message["text"]
            for message in self.playground.telegram.history(chat)
            if message.get("from", {}).get("is_bot")
        ]

    def unknown(self) -> list[Reply]:
        """Answers that were reported as of unknown outcome."""
        return [reply for reply in self.replies if self.status(reply) == texts.REASON_UNKNOWN_OUTCOME]


def build_cast(playground: Playground, rng: random.Random) -> Cast:
    """Fill two fresh simulators."""
    telegram, amo = playground.telegram, playground.amo
    account = amo.add_account("buran", "Агентство „Буран“")
    pipelines = (account.main_pipeline, amo.add_pipeline(account, "Сервис"))
    managers = (account.owner, amo.add_user(account, "Дмитрий Орлов"), amo.add_user(account, "Вера Сомова"))
    deals = [amo.add_lead(account, f"Сделка {number}", pipelines[number % 2].id) for number in range(7)]
    bots = (telegram.add_bot("Буран Продажи", "buran_sales_bot"), telegram.add_bot("Буран Сервис", "buran_service_bot"))
    names = ("Анна", "Борис", "Вика", "Глеб", "Дина", "Егор", "Жанна", "Захар", "Ирина", "Кира")
    anna, boris, vika, gleb, dina, egor, zhanna, zakhar, irina, kira = map(telegram.add_person, names)

    def group(title: str, bot: SimBot, linked: Sequence[int], speakers: Sequence[SimUser], *later: SimUser) -> Group:
        chat = telegram.create_group(title, speakers[0])
        for person in (*speakers[1:], *later):
            telegram.add_member(chat, person)
        telegram.add_member(chat, bot)
        telegram.promote(chat, bot)
        return Group(chat, bot, tuple(linked), list(speakers), list(later))

    return Cast(
        playground=playground,
        rng=rng,
        account=account,
        bots=tuple(zip(bots, pipelines, strict=True)),
        managers=managers,
        groups=(
            group("Альфа", bots[0], deals[0:1], [anna, boris, vika], gleb),
            group("Бета", bots[0], deals[1:3], [vika, gleb, dina], anna, egor),
            group("Гамма", bots[1], deals[3:6], [dina, egor, anna], boris, zhanna),
            group("Дельта", bots[1], [deals[6], deals[2]], [zhanna, zakhar], boris, vika),
        ),
        private=((irina, bots[0]), (kira, bots[1]), (dina, bots[0])),
    )


def verdict(cast: Cast) -> Iterator[str]:
    """Everything that is wrong, one sentence each. Nothing to say is what a test wants."""
    yield from _words_by_conversation(cast)
    yield from _words_by_deal(cast)
    yield from _lines_of_links(cast)
    for reply in cast.replies:
        yield from _one_reply(cast, reply)
    yield from _order_of_replies(cast)
    for complaint in (*cast.playground.telegram.violations, *cast.playground.amo.violations):
        yield f"a simulator was misused: {complaint}"


def _words_by_conversation(cast: Cast) -> Iterator[str]:
    """Exactly once, and in the order in which they were written."""
    wanted: dict[str, list[str]] = {}
    for word in cast.words:
        for conversation in word.conversations:
            wanted.setdefault(conversation, []).append(word.text)
    for conversation, expected in wanted.items():
        found = [item.text for item in cast.conversation(conversation) if item.direction == "in" and not item.silent]
        if found != expected:
            yield f"conversation {conversation} holds {found} instead of {expected}"


def _words_by_deal(cast: Cast) -> Iterator[str]:
    """Once in each deal that a word belongs to, and in no other; the card shows a conversation in its order."""
    shown: dict[str, Counter[int]] = {}
    for deal in cast.account.leads:
        by_conversation: dict[str, list[int]] = {}
        for item in cast.playground.amo.feed(cast.account, deal):
            shown.setdefault(item.text, Counter())[deal] += 1
            if item.direction == "in":
                by_conversation.setdefault(item.conversation, []).append(item.arrival)
        for conversation, arrivals in by_conversation.items():
            if arrivals != sorted(arrivals):
                yield f"deal {deal} shows conversation {conversation} out of order"
    for word in cast.words:
        deals = shown.get(word.text, Counter())
        if word.deals and deals != Counter(word.deals):
            yield f"«{word.text}» is shown in {dict(deals)} instead of once in each of {word.deals}"
        if not word.deals and deals.total() != 1:
            yield f"«{word.text}» is shown in {dict(deals)} instead of in one deal"


def _lines_of_links(cast: Cast) -> Iterator[str]:
    for group in cast.groups:
        line = texts.group_linked_line(group.chat.title)
        for deal in group.deals:
            items = cast.conversation(str(GroupConversation(group.group_id, deal)))
            if (count := sum(item.text == line for item in items)) != 1:
                yield f"the line of the link of «{group.chat.title}» stands {count} times in deal {deal}"


def _one_reply(cast: Cast, reply: Reply) -> Iterator[str]:
    """In its chat exactly once, or at most once where the manager was told that it is not known."""
    name, status = f"«{reply.text}» (hook {cast.outcome(reply)})", cast.status(reply)
    sent = cast.sent_by_bots(reply.chat).count(reply.text)
    if status == "delivered" and sent != 1:
        yield f"{name} was reported as delivered and stands {sent} times in its chat"
    elif status == texts.REASON_UNKNOWN_OUTCOME and sent > 1:
        yield f"{name} was reported as of unknown outcome and stands {sent} times in its chat"
    elif status == "sent":
        yield f"{name} stands {sent} times in its chat and the manager was told nothing"
    elif status not in ("delivered", "sent", texts.REASON_UNKNOWN_OUTCOME):
        yield f"{name} was refused: {status}"
    text = reply.text if status == "delivered" else f"{texts.UNCONFIRMED_PREFIX}\n{reply.text}"
    others = [deal for deal in reply.group.deals if deal != reply.deal] if reply.group is not None else []
    for deal in others:
        assert reply.group is not None
        items = cast.conversation(str(GroupConversation(reply.group.group_id, deal)))
        mirrored = [item.msgid for item in items if item.text in (reply.text, text) and item.msgid is not None]
        expected = [] if status == "sent" else [mirror_msgid(reply.amo_id, deal)]
        if mirrored != expected or any(item.text != text for item in items if item.msgid in expected):
            yield f"{name} with the status {status} was mirrored into deal {deal} as {mirrored}"


def _order_of_replies(cast: Cast) -> Iterator[str]:
    """Per chat of a card in the order of writing; and across all, never before one that had its 200 earlier. Those
    whose hook got no 200 have no place in it: some had come in all the same, the others come when they are found."""
    place = {
        id(chat): {text: index for index, text in enumerate(cast.sent_by_bots(chat))}
        for chat in {id(reply.chat): reply.chat for reply in cast.replies}.values()
    }
    last: dict[str, tuple[int, str]] = {}
    for reply in cast.replies:
        if not cast.is_accepted(reply):
            continue
        positions = place[id(reply.chat)]
        position = positions.get(reply.text)
        if position is None:
            continue
        before = last.get(reply.chat_uuid, (-1, ""))
        if position < before[0]:
            yield f"«{reply.text}» overtook «{before[1]}» in conversation {reply.conversation}"
        last[reply.chat_uuid] = (position, reply.text)
        for text in reply.after:
            if positions.get(text, -1) > position and reply.group is not None:
                yield f"«{reply.text}» overtook «{text}», which was accepted before it was written"
