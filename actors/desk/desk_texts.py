"""What the settings page says about bots and groups, in Russian: badges, what they stand for, and what to do.

The troubles themselves are told where they are found (`actors.bots.bot_texts`); this adds what a page needs besides.
"""

from __future__ import annotations

from dealgram.persistence.subscriptions import KEPT_DAYS

CONNECTED = "Подключён"
ATTENTION = "Требуется внимание"

BOT_TITLES = {
    "token_revoked": "Токен не действует",
    "foreign_webhook": "Бота забрал другой сервис",
    "other_poller": "Часть сообщений теряется",
    "webhook_unset": "Сообщения не приходят",
    "pipeline_archived": "Нужна другая воронка",
    "source_limit": "Нет источника в amoCRM",
    "source_refused": "Нет источника в amoCRM",
    "connecting": "Подключается",
    "lapsed": "Приостановлен: нет оплаты",
    "reauthorise": "Ждёт доступа к amoCRM",
    "amocrm_trouble": "Ждёт amoCRM",
    "privacy_mode": "Видит не всё в группах",
    "cannot_join_groups": "Нельзя добавить в группы",
    "profile": "Донастраивается",
    "many_sources": "Слишком много ботов",
}
"""The badge of a bot by the worst that is known of it; among equals, by what comes first here. A code that is missing
has `ATTENTION`."""

ADVICE = {
    "webhook_unset": "Нажмите «Проверить ещё раз»; если не поможет, напишите в поддержку.",
    "source_limit": "Отключите бота, который больше не нужен, и нажмите «Проверить ещё раз».",
    "source_refused": "Проверьте, что интеграция не отключена, и нажмите «Проверить ещё раз».",
    "many_sources": "Отключите ботов, которые больше не нужны.",
}
"""What to do, for troubles whose own sentence leaves it open."""
UNKNOWN_ADVICE = "Нажмите «Проверить ещё раз»; если не поможет, напишите в поддержку."

CONNECTING = (
    "Бота подключают прямо сейчас. Если через две минуты ничего не изменится, подключение прервалось: "
    "добавьте бота ещё раз."
)
LAPSED = (
    f"Оплаченный период закончился: сообщения не передаются. Новые сообщения сохраняются {KEPT_DAYS} дней и придут "
    "в amoCRM, когда подписка будет продлена."
)
REAUTHORISE = (
    "amoCRM больше не принимает выданный доступ. Администратору нужно разрешить его снова: сообщения сохраняются "
    "и придут в карточки после этого."
)
AMOCRM_TROUBLE = (
    "amoCRM сейчас не принимает запросы этого аккаунта. Сообщения сохраняются и придут в карточки, когда она ответит."
)

GROUP_LINKED = "Связана"
GROUP_FREE = "Не связана"
GROUP_TITLES = {
    "bot_down": "Бот не работает",
    "left": "Бота нет в группе",
    "sees_little": "Бот видит не всё",
    "deal_deleted": "Сделка удалена",
}
NOT_LINKED = (
    "Группа не связана ни с одной сделкой, её сообщения в amoCRM не попадают. Свяжите её здесь или напишите в группе "
    "/menu и нажмите «Связать группу со Сделкой»."
)


def bot_down(username: str, title: str) -> str:
    """The group's bot gets nothing at all."""
    return f"Бот @{username} не получает сообщения («{title}»). Что делать, написано у бота."


def left(username: str) -> str:
    """The bot is not in the group, which is still linked."""
    return (
        f"Бота @{username} нет в группе, её сообщения в сделки не попадают. Добавьте бота в группу снова "
        "или отвяжите сделки."
    )


def sees_little(username: str) -> str:
    """Privacy mode is on and the bot is no administrator."""
    return (
        f"Бот @{username} видит в группе только команды и ответы на свои сообщения. Сделайте его администратором "
        "группы или выключите режим приватности у @BotFather (/setprivacy → Disable), а затем удалите бота из группы "
        "и добавьте снова."
    )


def deal_deleted(names: str) -> str:
    """The group is linked to a deal that is in the bin."""
    return f"Удалены в amoCRM: {names}. Восстановите сделку или отвяжите от неё группу."


# Refusals

DEAL_UNREADABLE = "Введите номер сделки или ссылку на её карточку, например 12345678."
DEAL_OUT_OF_RANGE = "Такого номера сделки не бывает. Скопируйте ссылку на карточку сделки из адресной строки."
DEAL_LINK_UNREADABLE = "Ссылка ведёт не на карточку сделки. Откройте сделку и скопируйте адрес страницы целиком."
DEAL_FOREIGN = "Это сделка другого аккаунта amoCRM. Нужна сделка этого аккаунта."
LINK_FAILED = "amoCRM не дала связать группу с этой сделкой. Попробуйте ещё раз или напишите в поддержку."
NO_GROUP = "Такой группы здесь нет. Возможно, её бота отключили: обновите страницу."


def bot_away(username: str) -> str:
    """A group cannot be linked while its bot is elsewhere."""
    return f"Бота @{username} нет в этой группе. Сначала добавьте его в группу, затем свяжите её со сделкой."
