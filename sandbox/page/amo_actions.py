"""What a manager does in the amoCRM pane.

Owns `ACTIONS`: name → function of the simulator and the JSON body. Raises `Refusal` and changes nothing where the
account, deal, chat or user is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount
from dealgram.sandbox.amocrm.attachments import Attachment, FileType
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.page.files import Chosen, PageFile, PageFiles
from dealgram.sandbox.page.refusal import Refusal, decode, text_of

TEXT_LIMIT = 20_000
NAME_LIMIT = 255
FILES_LIMIT = 10

_BY_SAMPLE: dict[str, FileType] = {
    "photo": "picture",
    "video": "video",
    "voice": "voice",
    "audio": "audio",
    "sticker": "sticker",
    "document": "file",
    "big": "file",
}

Json = dict[str, Any]
Action = Callable[[AmoSimulator, PageFiles, bytes], Json]


class _File(Chosen):
    type: FileType | None = None


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    deal: int
    chat: str
    user: int
    text: str
    reply_to: str | None = None
    files: list[_File] = []


class _React(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    message: str
    user: int
    emoji: str | None = None


class _Typing(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    chat: str
    user: int


class _NewDeal(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    pipeline: int
    name: str


class _Unsorted(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    uid: str
    accept: bool


def _answer(amo: AmoSimulator, files: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Answer)
    account = account_of(amo, wanted.account)
    if account.lead(wanted.deal) is None:
        raise Refusal("Такой Сделки в аккаунте нет.", 404)
    chat = account.chats.get(wanted.chat)
    if chat is None:
        raise Refusal("Такого чата в аккаунте нет.", 404)
    user = _user(account, wanted.user)
    if wanted.reply_to is not None:
        quoted = account.messages.get(wanted.reply_to)
        if quoted is None or quoted.chat is not chat:
            raise Refusal("В этом чате нет сообщения, на которое вы отвечаете.", 409)
    if len(wanted.files) > FILES_LIMIT:
        raise Refusal(f"К одному ответу можно приложить не больше {FILES_LIMIT} файлов.")
    attachments = [_attachment(one, files.chosen(one)) for one in wanted.files]
    if attachments and not wanted.text.strip():
        text = ""
    else:
        text = text_of(wanted.text, limit=TEXT_LIMIT, empty="Напишите ответ: пустое сообщение не отправить.")
    message = amo.answer(
        account, chat.uuid, user, text, reply_to=wanted.reply_to, attachments=attachments, lead_id=wanted.deal
    )
    return {"message": message}


def _attachment(wanted: _File, file: PageFile) -> Attachment:
    """A file as amoCRM takes it: as it is asked for, else as its own page would send it."""
    kind = wanted.type or _BY_SAMPLE.get(wanted.sample or "") or _by_content(file.content_type)
    return Attachment(kind, b"" if file.size else file.data, file.name, size=file.size)


def _by_content(content_type: str) -> FileType:
    main = content_type.partition("/")[0]
    return {"image": "picture", "video": "video", "audio": "audio"}.get(main, "file")  # type: ignore[return-value]


def _react(amo: AmoSimulator, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _React)
    account = account_of(amo, wanted.account)
    if wanted.message not in account.messages:
        raise Refusal("Такого сообщения в аккаунте нет.", 404)
    user = _user(account, wanted.user)
    try:
        amo.react(account, wanted.message, user, wanted.emoji)
    except ValueError as error:
        raise Refusal("Такой реакции в amoCRM нет.", 409) from error
    return {}


def _typing(amo: AmoSimulator, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Typing)
    account = account_of(amo, wanted.account)
    if wanted.chat not in account.chats:
        raise Refusal("Такого чата в аккаунте нет.", 404)
    amo.show_typing(account, wanted.chat, _user(account, wanted.user))
    return {}


def _user(account: SimAccount, user_id: int) -> SimUser:
    user = account.users.get(user_id)
    if user is None or not user.is_active:
        raise Refusal("Такого менеджера в аккаунте нет.", 404)
    return user


def _new_deal(amo: AmoSimulator, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _NewDeal)
    account = account_of(amo, wanted.account)
    if wanted.pipeline not in account.pipelines:
        raise Refusal("Такой воронки в аккаунте нет.", 404)
    name = text_of(wanted.name, limit=NAME_LIMIT, empty="Назовите Сделку.")
    return {"deal": amo.add_lead(account, name, wanted.pipeline)}


def _settle(amo: AmoSimulator, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Unsorted)
    account = account_of(amo, wanted.account)
    if wanted.uid not in account.unsorted:
        raise Refusal("Эта заявка уже разобрана.", 409)
    if wanted.accept:
        return {"deal": amo.accept_unsorted(account, wanted.uid)}
    amo.decline_unsorted(account, wanted.uid)
    return {}


ACTIONS: dict[str, Action] = {
    "answer": _answer,
    "deals": _new_deal,
    "unsorted": _settle,
    "react": _react,
    "typing": _typing,
}


def account_of(amo: AmoSimulator, account_id: int) -> SimAccount:
    """The account, or a refusal."""
    account = next((one for one in amo.accounts if one.id == account_id), None)
    if account is None:
        raise Refusal("Такого аккаунта в песочнице нет.", 404)
    return account
