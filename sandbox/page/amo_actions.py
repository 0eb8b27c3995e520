"""What a manager does in the amoCRM pane.

Owns `ACTIONS`: name → function of the simulator and the JSON body. Raises `Refusal` and changes nothing where the
account, deal, chat or user is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount
from dealgram.sandbox.page.refusal import Refusal, decode, text_of

TEXT_LIMIT = 20_000
NAME_LIMIT = 255

Json = dict[str, Any]
Action = Callable[[AmoSimulator, bytes], Json]


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    deal: int
    chat: str
    user: int
    text: str
    reply_to: str | None = None


class _NewDeal(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    pipeline: int
    name: str


class _Unsorted(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    uid: str
    accept: bool


def _answer(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Answer)
    account = account_of(amo, wanted.account)
    if account.lead(wanted.deal) is None:
        raise Refusal("Такой Сделки в аккаунте нет.", 404)
    chat = account.chats.get(wanted.chat)
    if chat is None:
        raise Refusal("Такого чата в аккаунте нет.", 404)
    user = account.users.get(wanted.user)
    if user is None or not user.is_active:
        raise Refusal("Такого менеджера в аккаунте нет.", 404)
    if wanted.reply_to is not None:
        quoted = account.messages.get(wanted.reply_to)
        if quoted is None or quoted.chat is not chat:
            raise Refusal("В этом чате нет сообщения, на которое вы отвечаете.", 409)
    text = text_of(wanted.text, limit=TEXT_LIMIT, empty="Напишите ответ: пустое сообщение не отправить.")
    message = amo.answer(account, chat.uuid, user, text, reply_to=wanted.reply_to, lead_id=wanted.deal)
    return {"message": message}


def _new_deal(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _NewDeal)
    account = account_of(amo, wanted.account)
    if wanted.pipeline not in account.pipelines:
        raise Refusal("Такой воронки в аккаунте нет.", 404)
    name = text_of(wanted.name, limit=NAME_LIMIT, empty="Назовите Сделку.")
    return {"deal": amo.add_lead(account, name, wanted.pipeline)}


def _settle(amo: AmoSimulator, body: bytes) -> Json:
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
}


def account_of(amo: AmoSimulator, account_id: int) -> SimAccount:
    """The account, or a refusal."""
    account = next((one for one in amo.accounts if one.id == account_id), None)
    if account is None:
        raise Refusal("Такого аккаунта в песочнице нет.", 404)
    return account
