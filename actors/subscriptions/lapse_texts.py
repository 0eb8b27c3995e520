"""What people read about the paid life of their account. In Russian; pure."""

from __future__ import annotations

import datetime as dt

from dealgram.actors.local_time import moment

REASON_LAPSED = (
    "Не отправлено: срок действия dealgram истёк, подключение к Telegram приостановлено. Попросите администратора"
    " amoCRM продлить доступ и отправьте сообщение ещё раз"
)
"""To a manager, as the error of an answer."""
MENU_PAUSED = "Подключение к amoCRM приостановлено: срок действия истёк. Продлить доступ может администратор amoCRM."
"""To an administrator of a group."""
LINKING_PAUSED = "Связать группу со сделкой сейчас нельзя: подключение к amoCRM приостановлено, срок действия истёк."
SETTINGS_PATH = "Настройки → Telegram: боты и группы"
"""Where the settings page stands in amoCRM: `advanced.title` of the widget's texts."""


def ending_task(until: dt.datetime, now: dt.datetime, where: dt.tzinfo, *, is_trial: bool, kept_days: int) -> str:
    """The task before the end."""
    what = "пробный период dealgram" if is_trial else "оплаченный период dealgram"
    return (
        f"{moment(until, now, where)} закончится {what}: сообщения из Telegram перестанут приходить в сделки, а ответы"
        f" менеджеров отправляться. Написанное клиентами сохранится {kept_days} дней. Чтобы ничего не прервалось,"
        f" продлите доступ: {SETTINGS_PATH}."
    )


def lapsed_task(until: dt.datetime, now: dt.datetime, where: dt.tzinfo, *, is_trial: bool, kept_days: int) -> str:
    """The task after the end."""
    what = "пробный период dealgram" if is_trial else "оплаченный период dealgram"
    return (
        f"{moment(until, now, where)} закончился {what}, подключение приостановлено. Ответы менеджеров не отправляются;"
        f" то, что клиенты пишут в Telegram, хранится {kept_days} дней и появится в сделках после продления."
        f" Продлить доступ: {SETTINGS_PATH}."
    )


def dropped_line(count: int, kept_days: int) -> str:
    """How much a lapse has cost: «Не попало в карточки сообщений: 12. …»"""
    return (
        f"Не попало в карточки сообщений: {count}. Они ждали продления дольше {kept_days} дней; смотрите их в Telegram."
    )
