"""What a person does in the Telegram pane.

Owns `ACTIONS`: name → function of the simulator and the JSON body. Each checks that the people, chats and messages that
it names exist, then calls one control method of the simulator. Raises `Refusal` and changes nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from dealgram.sandbox.page.refusal import Refusal, decode, text_of
from dealgram.sandbox.page.telegram_view import TelegramView, group_key, private_key
from dealgram.sandbox.telegram import SimBot, SimChat, SimUser

TEXT_LIMIT = 4096
TITLE_LIMIT = 128

Json = dict[str, Any]
Action = Callable[[TelegramView, bytes], Json]


class _Write(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    chat: str
    text: str
    reply_to: int | None = None
    thread: int | None = None


class _Press(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    chat: str
    message: int
    data: str


class _Block(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    bot: int
    blocked: bool


class _NewGroup(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    title: str
    supergroup: bool = False
    members: list[int] = []


class _Member(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    group: int
    member: int


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    group: int


def _write(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _Write)
    person = find_person(view, wanted.person)
    place = find_place(view, wanted.chat, person)
    text = text_of(wanted.text, limit=TEXT_LIMIT, empty="Напишите что-нибудь: пустое сообщение не отправить.")
    with possible("Отправить не получилось: сообщение или тема удалены, или писать здесь нельзя."):
        message = view.telegram.write(person, place, text, reply_to=wanted.reply_to, thread=wanted.thread)
    return {"message": message["message_id"]}


def _press(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _Press)
    person = find_person(view, wanted.person)
    place = find_place(view, wanted.chat, person)
    with possible("Этой кнопки у сообщения больше нет."):
        return {"callback": view.telegram.press(person, place, wanted.message, wanted.data)}


def _block(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _Block)
    person, bot = find_person(view, wanted.person), find_bot(view, wanted.bot)
    if wanted.blocked:
        view.telegram.block(person, bot)
    else:
        view.telegram.unblock(person, bot)
    return {}


def _new_group(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _NewGroup)
    owner = find_person(view, wanted.person)
    title = text_of(wanted.title, limit=TITLE_LIMIT, empty="Назовите группу.")
    members = [_party(view, member) for member in dict.fromkeys(wanted.members) if member != owner.id]
    chat = view.telegram.create_group(title, owner, kind="supergroup" if wanted.supergroup else "group")
    for member in members:
        view.telegram.add_member(chat, member, by=owner)
    return {"chat": group_key(chat)}


def _add(view: TelegramView, body: bytes) -> Json:
    person, chat, member = _membership(view, body)
    if chat.is_present(member):
        raise Refusal(f"{member.name} уже в группе.")
    view.telegram.add_member(chat, member, by=person)
    return {}


def _remove(view: TelegramView, body: bytes) -> Json:
    person, chat, member = _membership(view, body)
    _must_be_in(chat, member)
    if chat.status_of(member) == "creator":
        raise Refusal("Владельца из группы не убрать.")
    if member is not person:
        _must_be_admin(chat, person)
    view.telegram.remove_member(chat, member, by=person)
    return {}


def _promote(view: TelegramView, body: bytes) -> Json:
    person, chat, member = _membership(view, body)
    _must_be_in(chat, member)
    _must_be_admin(chat, person)
    view.telegram.promote(chat, member, by=person)
    return {}


def _demote(view: TelegramView, body: bytes) -> Json:
    person, chat, member = _membership(view, body)
    _must_be_in(chat, member)
    _must_be_admin(chat, person)
    with possible(f"{member.name} — не администратор."):
        view.telegram.demote(chat, member, by=person)
    return {}


def _upgrade(view: TelegramView, body: bytes) -> Json:
    wanted = decode(body, _Group)
    person, chat = find_person(view, wanted.person), find_group(view, wanted.group)
    if chat.kind != "group":
        raise Refusal("Это уже супергруппа.")
    _must_be_admin(chat, person)
    return {"chat": group_key(view.telegram.upgrade_to_supergroup(chat, by=person))}


ACTIONS: dict[str, Action] = {
    "write": _write,
    "press": _press,
    "block": _block,
    "groups": _new_group,
    "members/add": _add,
    "members/remove": _remove,
    "promote": _promote,
    "demote": _demote,
    "upgrade": _upgrade,
}


@contextmanager
def possible(otherwise: str) -> Iterator[None]:
    """What the simulator calls impossible becomes the sentence `otherwise`."""
    try:
        yield
    except ValueError as error:
        raise Refusal(otherwise, 409) from error


def find_person(view: TelegramView, person_id: int) -> SimUser:
    """Somebody of the sandbox, or a refusal."""
    person = next((one for one in view.telegram.people if one.id == person_id), None)
    if person is None:
        raise Refusal("Такого человека в песочнице нет.", 404)
    return person


def find_bot(view: TelegramView, bot_id: int) -> SimBot:
    """A bot of the sandbox, or a refusal."""
    bot = next((one for one in view.telegram.bots if one.id == bot_id), None)
    if bot is None:
        raise Refusal("Такого бота в песочнице нет.", 404)
    return bot


def _party(view: TelegramView, party_id: int) -> SimUser | SimBot:
    return next((one for one in view.telegram.bots if one.id == party_id), None) or find_person(view, party_id)


def find_group(view: TelegramView, chat_id: int) -> SimChat:
    """A living group, or a refusal."""
    chat = next((one for one in view.groups() if one.id == chat_id), None)
    if chat is None:
        raise Refusal("Такой группы в песочнице нет (или она стала супергруппой).", 404)
    return chat


def find_place(view: TelegramView, key: str, person: SimUser) -> SimChat | SimBot:
    """The chat behind a key of the page: a group, or the bot of a private chat."""
    bot = next((one for one in view.telegram.bots if key == private_key(one, person)), None)
    if bot is not None:
        private = view.private_chats().get(key)
        if private is not None and private.blocked:
            raise Refusal("Вы заблокировали этого бота. Сначала разблокируйте его.", 403)
        return bot
    chat = next((one for one in view.groups() if key == group_key(one)), None)
    if chat is None:
        raise Refusal("Такого чата в песочнице нет.", 404)
    return _joined(chat, person)


def _membership(view: TelegramView, body: bytes) -> tuple[SimUser, SimChat, SimUser | SimBot]:
    wanted = decode(body, _Member)
    person = find_person(view, wanted.person)
    return person, _joined(find_group(view, wanted.group), person), _party(view, wanted.member)


def _joined(chat: SimChat, person: SimUser) -> SimChat:
    if not chat.is_present(person):
        raise Refusal("Вы не состоите в этой группе.", 403)
    return chat


def _must_be_in(chat: SimChat, member: SimUser | SimBot) -> None:
    if not chat.is_present(member):
        raise Refusal(f"{member.name} уже не в группе.", 409)


def _must_be_admin(chat: SimChat, person: SimUser) -> None:
    if not chat.is_admin(person):
        raise Refusal("Это могут только администраторы группы.", 403)
