"""Any story of texts, files, edits, replies and managers' answers arrives with the same order, text, quotes and files.

Random stories over two groups (an ordinary one with two deals, a supergroup with one) and a private chat, under every
conversation policy. A small model says what must be seen: in each conversation of each linked deal who said what in
which order, with the bytes of every file, and what is quoted; in Telegram what managers answered, in order, in reply to
the right message. It is compared after each few steps, so that a failure shows where it began. What amoCRM leaves open
(how hooks tell of albums, whether imports come back) is played in all positions, and either side fails now and then.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from dealgram.actors import texts
from dealgram.persistence import accounts, groups
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Switches
from dealgram.sandbox.amocrm.attachments import Attachment

POLICIES = ("deal_participant", "deal", "participant")
STEPS = 25
TYPES = {"photo": "picture", "sticker": "picture", "document": "file"}
KINDS = {"picture": "🖼 Изображение", "video": "🎬 Видео", "voice": "🎤 Голосовое сообщение", "file": "📎 Файл"}
ENDINGS = ("", " 😀", "\nи ещё строка", " — «в кавычках»", ", " + "очень длинное слово " * 9 + "и точка")


@dataclass(eq=False)
class Said:
    """One message as it has to be seen. ``words`` are its text or caption; ``whole`` the album's first message."""

    place: Place
    author: Any
    kind: str
    words: str = ""
    data: bytes | None = None
    name: str = ""
    duration: int = 0
    ref: int = 0
    """The id in the chat, as people see it."""
    whole: Said | None = None
    target: Said | None = None
    picked: str = ""
    told: str = ""
    """What the answered message said when this one was written or changed last."""
    origin: str = ""
    """The conversation that a manager's answer was written in."""
    ids: dict[str, str] = field(default_factory=dict)
    """amoCRM's ids of it, by conversation."""

    @property
    def is_answer(self) -> bool:
        return bool(self.origin)

    def described(self) -> str:
        """In words, as a line about what is answered has them."""
        file = {
            "photo": "🖼 Фотография",
            "document": f"📎 Файл: {self.name}",
            "voice": f"🎤 Голосовое сообщение (0:{self.duration:02d})",
            "video": f"🎬 Видео: {self.name} (0:{self.duration:02d})",
            "sticker": "🙂 Стикер",
            "text": "",
        }[self.kind]
        return f"{file}\n{self.in_telegram}"

    @property
    def in_telegram(self) -> str:
        """The words as they stand there: the manager's name before them, if the account wants it."""
        if not (self.is_answer and self.place.names_managers) or self.whole is not None:
            return self.words
        return f"{self.author.name}: {self.words}" if self.words else self.author.name

    def line(self) -> str:
        """«↩️ Анна: Какой цвет?», where amoCRM cannot quote."""
        assert self.target is not None
        is_known = self.is_answer or not self.target.is_answer  # people's words do not say which manager they answer
        author = self.target.author.name if is_known else texts.MANAGER
        told = f"«{self.picked}»" if self.picked else texts.short(self.told, 100)
        return f"↩️ {author}: {told}"


@dataclass(eq=False)
class Place:
    """A group with its deals, or the private chat of its only person (``key`` is the group's id, or None)."""

    chat: Any
    bot: Any
    people: list
    deals: list[int]
    policy: str
    key: int | None = None
    names_managers: bool = False
    said: list[Said] = field(default_factory=list)
    since: int = 0

    def conversations(self, author) -> list[str]:
        """Where a person's message is posted (docs/conversation-policies.md)."""
        if self.key is None:
            return [f"p{self.bot.id}-{author.id}"]
        match self.policy:
            case "deal":
                return self.own
            case "participant":
                return [f"g{self.key}-u{author.id}"]
        return [f"{own}-u{author.id}" for own in self.own]

    @property
    def spot(self):
        """Where people write."""
        return self.chat if self.key is not None else self.bot

    @property
    def own(self) -> list[str]:
        """The group's own conversation of each deal."""
        return [f"g{self.key}-d{deal}" for deal in self.deals] if self.key is not None else []

    def imported_into(self, answer: Said) -> list[str]:
        if self.key is None or answer.origin == f"g{self.key}-u{answer.origin.rpartition('-u')[2]}":
            return []
        deal = answer.origin.partition("-d")[2].partition("-")[0]
        return [own for own in self.own if not own.endswith(f"-d{deal}")]

    @property
    def from_people(self) -> list[Said]:
        return [one for one in self.said if not one.is_answer]

    @property
    def answers(self) -> list[Said]:
        return [one for one in self.said if one.is_answer]


def mark(data: bytes | None) -> str | None:
    """Stands for the bytes of a file where messages are compared."""
    return hashlib.sha256(data).hexdigest()[:8] if data is not None else None


class Story:
    def __init__(self, stage, rng: random.Random, places: list[Place]) -> None:
        self.stage, self.world, self.places = stage, stage.world, places
        self.rng, self.number = rng, 0
        self.last_answer = ("", 0)
        """The conversation of the latest answer, and of how many messages it was."""
        self.known: list[Said] = []
        """What stands on both sides, so that it can be answered."""

    # What people and managers do

    async def step(self) -> None:
        self.number += 1
        place = self.rng.choices(self.places, [5, 3, 2])[0]
        people = [self.write, self.write, self.send, self.album, self.edit, self.edit, self.touch]
        await self.rng.choice([*people, self.answer, self.answer, self.answer, self.fail])(place)

    def words(self, what: str) -> str:
        return f"{what} {self.number}{self.rng.choice(ENDINGS)}"

    def file(self, kinds: tuple[str, ...], number: int = 0) -> dict[str, Any]:
        seed, kind = self.number * 10 + number, self.rng.choice(kinds)
        match kind:
            case "photo":
                return {"kind": kind, "data": samples.jpeg(seed=seed)}
            case "voice":
                length = 1 + seed % 7
                return {"kind": kind, "data": samples.ogg_opus(seconds=length, seed=seed), "duration": length}
            case "video":
                return {"kind": kind, "data": samples.mp4(seed=seed), "duration": 1 + seed % 50, "name": f"{seed}.mp4"}
            case "sticker":
                return {"kind": kind, "data": samples.webp(seed=seed)}
        return {"kind": kind, "data": samples.pdf(seed=seed), "name": f"Смета {seed}.pdf"}

    def reply(self, place: Place) -> dict[str, Any]:
        """What a message answers: sometimes somebody's, sometimes a manager's, sometimes a part of it."""
        there = [one for one in self.known if one.place is place]
        if not there or self.rng.random() < 0.5:
            return {}
        target = self.rng.choice(there)
        picked = target.words.split("\n")[0] if target.words and self.rng.random() < 0.4 else ""
        picked = picked[self.rng.randrange(3) : self.rng.randrange(6, 40)].strip()
        return {"target": target, "picked": picked, "told": target.described()}

    async def write(self, place: Place) -> None:
        one = Said(place, self.rng.choice(place.people), "text", self.words("Слово"), **self.reply(place))
        more = {"reply_to": one.target.ref, "quote": one.picked or None} if one.target else {}
        one.ref = self.stage.telegram.write(one.author, place.spot, one.words, **more)["message_id"]
        place.said.append(one)

    async def send(self, place: Place) -> None:
        file, more = self.file(("photo", "document", "voice", "video", "sticker")), self.reply(place)
        words = self.words("Подпись") if file["kind"] != "sticker" and self.rng.random() < 0.5 else ""
        one = Said(place, self.rng.choice(place.people), words=words, **file, **more)
        self._send(one, caption=words or None)

    def _send(self, one: Said, **more: Any) -> None:
        if one.target is not None:
            more |= {"reply_to": one.target.ref, "quote": one.picked or None}
        more |= {"file_name": one.name} if one.name else {}
        more |= {"duration": one.duration} if one.duration else {}
        message = self.stage.telegram.send_media(one.author, one.place.spot, one.kind, one.data, **more)
        one.ref = message["message_id"]
        one.place.said.append(one)

    async def album(self, place: Place) -> None:
        author, reply, count = self.rng.choice(place.people), self.reply(place), self.rng.randrange(2, 5)
        kind, first = self.rng.choice(("photo", "document")), None
        for number in range(count):
            words = self.words("Альбом") if number == 0 and self.rng.random() < 0.6 else ""
            one = Said(place, author, words=words, **self.file((kind,), number), **reply, whole=first)
            self._send(one, caption=words or None, album=f"album {self.number}")
            first = first or one

    async def edit(self, place: Place) -> None:
        there = [one for one in place.from_people if one.kind != "sticker"]
        if not there:
            return
        one = self.rng.choice(there)
        before = (one.words, one.data)
        if one.kind in ("photo", "document") and self.rng.random() < 0.5:
            one.data = self.file((one.kind,))["data"]
            one.name = "file.bin" if one.kind == "document" else ""  # an exchanged file brings the name of its own
            self.stage.telegram.edit_media(one.author, one.place.spot, one.ref, one.kind, one.data)
        else:
            is_taken_away = one.kind != "text" and one.words and self.rng.random() < 0.3
            one.words = "" if is_taken_away else self.words("Правка")
            self.stage.telegram.edit(one.author, one.place.spot, one.ref, one.words)
        if one.target is not None and (one.words, one.data) != before:
            one.told = one.target.described()

    async def touch(self, place: Place) -> None:
        there = [one for one in place.said if one.ref]
        if there:
            self.stage.telegram.touch(place.chat, self.rng.choice(there).ref)

    async def answer(self, place: Place) -> None:
        """A manager answers from one of the cards: a text, a file, an album; now and then to a certain message."""
        account = self.world.account
        spoken = {one for said in self.known if said.place is place for one in said.ids}
        chats = [one for one in sorted({*place.own, *spoken}) if self.stage.amo.chat(account, one) is not None]
        if not chats:
            return
        origin = self.rng.choice(chats)
        # Hooks of different chats come side by side, and nothing says which was first; and the files of an answer are
        # dated a millisecond apart, so that the next one might be dated among them.
        if (origin, 1) != self.last_answer:
            await self.hooks()
        # Also what is still on its way: a quick second answer quotes the first.
        there = [one for one in place.said if origin in one.ids]
        target = self.rng.choice(there) if there and self.rng.random() < 0.5 else None
        count = self.rng.choice((0, 0, 0, 1, 1, 2, 3))
        kind = self.rng.choice(("photo", "document") if count > 1 else ("photo", "document", "voice"))
        files = [self.file((kind,), number) for number in range(count)]
        self.last_answer = (origin, count or 1)
        words = self.words("Ответ") if not files or self.rng.random() < 0.6 else ""
        uuid = self.stage.amo.chat(account, origin).uuid
        attached = [Attachment(TYPES.get(kind, kind), one["data"], name=one.get("name", "")) for one in files]
        quoted = {"reply_to": target.ids[origin]} if target is not None else {}
        amo_id = self.stage.amo.answer(account, uuid, self.world.olga, words, attachments=attached, **quoted)
        first, quoted_by_amo = None, self.asked(target, origin) if target is not None else ""
        for number, file in enumerate(files or [{"kind": "text"}]):
            one = Said(place, self.world.olga, words="" if number else words, **file, whole=first, target=target)
            one.origin, one.told, one.ids = origin, quoted_by_amo, {} if number else {origin: amo_id}
            place.said.append(one)
            first = first or one

    def asked(self, target: Said, conversation: str) -> str:
        """What amoCRM tells of a message that a manager answers: its words, or what it is."""
        shown = self.stage.amo.message(self.world.account, target.ids[conversation])
        return shown.text or f"{KINDS[shown.type]}: {shown.file_name}"

    async def fail(self, place: Place) -> None:
        """The next call of one sort fails in a way that must not be noticed."""
        faults, refuse = self.stage.amo.faults, self.stage.telegram.refuse
        if self.rng.random() < 0.2:
            refuse("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)
        else:
            self.rng.choice([faults.drop_after, faults.drop_before, partial(faults.answer, status=503)])("amojo.send")

    # What is seen

    async def hooks(self) -> None:
        await self.stage.until(lambda: not self.stage.amo.hooks_pending, "the hooks")

    async def compare(self) -> None:
        """Everything that is done so far is seen on both sides; from now on it can be answered."""
        await self.stage.done()
        for place in self.places:
            self._in_telegram(place)
        for place in self.places:
            for conversation in sorted({one for said in place.from_people for one in place.conversations(said.author)}):
                self._from_people(place, conversation)
            answered = {one.origin for one in place.answers} | {
                one for answer in place.answers for one in place.imported_into(answer)
            }
            for conversation in sorted(answered):
                self._from_managers(place, conversation)
            self._in_cards(place)
        self.known = [one for place in self.places for one in place.said]

    def _in_telegram(self, place: Place) -> None:
        shown = [
            message
            for message in self.stage.telegram.history(place.chat)
            if message["from"]["id"] == place.bot.id and message["message_id"] > place.since
        ]
        seen = [self._content(message) for message in shown]
        assert seen == [(one.kind, one.in_telegram, mark(one.data)) for one in place.answers]
        for one, message in zip(place.answers, shown, strict=True):
            one.ref = message["message_id"]
            if one.whole is None:
                answered = message.get("reply_to_message", {}).get("message_id")
                assert answered == (one.target.ref if one.target is not None else None), one
                assert "quote" not in message, message["quote"]

    def _content(self, message: dict) -> tuple[str, str, str | None]:
        kind = next(one for one in ("text", "photo", "document", "voice") if one in message)
        if kind == "text":
            return kind, message["text"], None
        file = message["photo"][-1] if kind == "photo" else message[kind]
        return kind, message.get("caption", ""), mark(self.stage.telegram.file_bytes(file["file_id"]))

    def _items(self, conversation: str, direction: str) -> list:
        chat = self.stage.amo.chat(self.world.account, conversation)
        assert chat is not None, conversation
        items = self.stage.amo.history(self.world.account, chat.uuid)
        return [item for item in items if item.direction == direction and (direction == "out" or not item.silent)]

    def _from_people(self, place: Place, conversation: str) -> None:
        expected = [one for one in place.from_people if conversation in place.conversations(one.author)]
        items = self._items(conversation, "in")
        for one, item in zip(expected, items, strict=False):
            one.ids[conversation] = item.amo_id
        is_shared = place.key is not None and place.policy == "deal"
        seen = [(item.text, mark(item.data), item.quoted and item.quoted.amo_id) for item in items]
        assert seen == [self._expected(one, conversation, is_shared=is_shared) for one in expected], conversation
        assert [item.author for item in items] == [one.author.name for one in expected]
        for one, item in zip(expected, items, strict=True):
            assert item.type == TYPES.get(one.kind, one.kind)
            assert (item.file_name, item.duration or 0) == (one.name or item.file_name, one.duration)

    def _expected(self, one: Said, conversation: str, *, is_shared: bool) -> tuple[str, str | None, str | None]:
        if one.whole is not None:
            return one.words, mark(one.data), None
        text = f"{one.author.name}: {one.words}".rstrip() if is_shared else one.words
        if one.target is None:
            return text, mark(one.data), None
        quoted = one.target.ids.get(conversation)
        line = one.line() if quoted is None else f"↩️ «{one.picked}»" if one.picked else ""
        return "\n".join(part for part in (line, text) if part), mark(one.data), quoted

    def _from_managers(self, place: Place, conversation: str) -> None:
        """Answers where they were written, with their status; and where they were imported, with what they quote."""
        expected = [
            one for one in place.answers if one.origin == conversation or conversation in place.imported_into(one)
        ]
        items = sorted(self._items(conversation, "out"), key=lambda item: (item.at, item.arrival))
        for one, item in zip(expected, items, strict=False):
            one.ids[conversation] = item.amo_id
        seen = [(item.text, mark(item.data), item.quoted and item.quoted.amo_id) for item in items]
        assert seen == [self._answer(one, conversation) for one in expected], conversation
        assert {item.author for item in items} == {self.world.olga.name}
        statuses = ["delivered" if one.origin == conversation else "imported" for one in expected]
        assert [item.status for item in items] == statuses

    def _answer(self, one: Said, conversation: str) -> tuple[str, str | None, str | None]:
        if one.target is None:
            return self._written(one) if one.origin == conversation else one.words, mark(one.data), None
        quoted = one.target.ids.get(conversation)
        if one.origin == conversation:
            return self._written(one), mark(one.data), quoted
        line = one.line() if quoted is None and one.whole is None else ""
        return "\n".join(part for part in (line, one.words) if part), mark(one.data), quoted

    def _written(self, one: Said) -> str:
        """An answer's words in the card where it was written: there amoCRM may repeat them with each file."""
        is_each = self.stage.amo.switches.album_text == "each"
        return one.whole.words if is_each and one.whole is not None else one.words

    def _in_cards(self, place: Place) -> None:
        for deal in place.deals:
            feed = [item.amo_id for item in self.stage.feed(deal)]
            assert len(feed) == len(set(feed))
            for one in place.said:
                there = [
                    amo_id
                    for conversation, amo_id in one.ids.items()
                    if f"-d{deal}" in conversation or "-d" not in conversation
                ]
                assert len(set(there) & set(feed)) == 1, (deal, one)


async def set_up(stage, play_of, policy: str, *, names: bool) -> list[Place]:
    """The sample group with two deals, «Монтаж» with one (the other bot is in it), Anna in private."""
    world, telegram = stage.world, stage.telegram
    choices = {"policy": policy, "manager_names": names}
    await accounts.change_settings(stage.service.services.db, stage.account.account_id, choices)
    await stage.service.refresh()
    mounting = telegram.create_group("Монтаж", world.anna)
    for party in (world.igor, world.service_bot):
        telegram.add_member(mounting, party, by=world.anna)
    telegram.promote(mounting, world.service_bot)
    found = []
    for chat, bot, people, deals in (
        (world.group, world.sales_bot, list(world.people), [world.cafe, world.office]),
        (mounting, world.service_bot, [world.anna, world.igor], [world.repair]),
    ):
        play = play_of(stage, chat, bot)
        await play.says("Здравствуйте!")
        for deal in deals:
            await play.link(deal)
        row = await groups.by_chat(stage.service.services.db, stage.account.account_id, bot.id, chat.id)
        found.append(Place(chat, bot, people, deals, policy, row.group_id, names, since=play.last_id))
    private = telegram.private_chat(world.anna, world.sales_bot)
    return [*found, Place(private, world.sales_bot, [world.anna], [], policy)]


def open_points(rng: random.Random, policy: str) -> Switches:
    """What amoCRM's documentation leaves open. A chat of a person's for all deals needs to be shown in all."""
    order, text = rng.choice([("kept", "first"), ("shuffled", "first"), ("kept", "each")])
    return Switches(
        rest_rate_per_s=None,
        chat_lead="every_lead" if policy == "participant" else "latest_lead",
        album_order=order,
        album_text=text,
        media_group=rng.choice(["message", "beside"]),
        media_first=rng.choice(["get", "head", "range"]),
        message_ids=rng.choice(["uuid", "ours"]),
        user_import_hook=rng.random() < 0.5,
    )


@pytest.mark.parametrize("seed", range(9))
async def test_any_sequence_arrives_with_its_order_its_words_its_quotes_and_its_files(
    stage_with, connected, play_of, seed
):
    rng, policy = random.Random(seed), POLICIES[seed % 3]
    async with stage_with(open_points(rng, policy)) as stage, connected(stage):
        await stage.settled()
        story = Story(stage, rng, await set_up(stage, play_of, policy, names=rng.random() < 0.3))
        for number in range(1, STEPS + 1):
            await story.step()
            if number % 4 == 0 or number == STEPS:
                await story.compare()
        stage.assert_clean()
        await stage.assert_undisturbed()
