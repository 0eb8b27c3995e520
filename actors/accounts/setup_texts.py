"""What administrators read about installations and the setup of their account: all these Russian sentences.

`explain` turns a failure into a sentence; technical details stay in the log.
"""

from __future__ import annotations

from dealgram.gateways.errors import (
    Forbidden,
    GatewayError,
    PaymentRequired,
    RateLimited,
    Refused,
    Unauthorised,
)

CODE_EXPIRED = "amoCRM не отвечал, пока действовал код установки (20 минут). Подключите аккаунт ещё раз."
CODE_REFUSED = "amoCRM не принял код установки: он устарел или уже использован. Подключите аккаунт ещё раз."
INSTALLATION_BROKEN = "Не получилось завершить подключение из-за внутренней ошибки. Подключите аккаунт ещё раз."

STEP_TITLES = {
    "channel": "Канал чатов",
    "field": "Поля контакта",
    "webhooks": "Уведомления об изменениях сделок",
    "users": "Пользователи",
    "sources": "Источники",
    "bots": "Боты",
    "deals": "Связанные сделки",
}

NO_PUBLIC_URL = (
    "У dealgram нет публичного адреса, поэтому amoCRM не может сообщать об изменениях сразу: закрытые, удалённые и"
    " объединённые сделки будут замечены только при плановой проверке."
)
HOOKS_DISABLED = (
    "amoCRM отключил уведомления из-за ошибок доставки, и включить их снова не удалось. Включите webhook dealgram в"
    " настройках amoCRM; до этого изменения сделок заметны только при плановой проверке."
)
HOOKS_FORBIDDEN = (
    "amoCRM не разрешает уведомления: нужен тариф «Расширенный» или «Профессиональный» и доступ администратора. До"
    " этого изменения сделок заметны только при плановой проверке."
)
TOO_MANY_HOOKS = (
    "В аккаунте amoCRM уже 100 webhook-уведомлений, больше amoCRM не разрешает. Удалите ненужные в настройках amoCRM,"
    " и dealgram подпишется при следующей проверке. До этого изменения сделок заметны только при плановой проверке."
)
AUTHORISATION_NEEDED = "Ждём повторной авторизации."
NO_CHAT_ID = "У аккаунта нет идентификатора чатов. Подключите аккаунт ещё раз."
STEP_BROKEN = "Внутренняя ошибка. Шаг повторится при следующей проверке."
CHANNEL_FORBIDDEN = "amoCRM не принимает запросы канала чатов: проверьте, что канал включён для этого аккаунта."

ACCOUNT_STATES = {
    "new": "Аккаунт подключается",
    "active": "Аккаунт подключён",
    "reauthorise": "Нужна повторная авторизация: amoCRM больше не принимает выданный доступ. Сообщения клиентов"
    " сохраняются и появятся в сделках после авторизации.",
    "uninstalled": "Виджет удалён из аккаунта. Связи и настройки хранятся до окончания срока и вернутся, если"
    " установить виджет снова.",
}


def explain(error: BaseException) -> str:
    """Why something with amoCRM does not go on, for administrators."""
    match error:
        case PaymentRequired():
            return "Аккаунт amoCRM не оплачен. Продолжим сами, когда он будет оплачен."
        case RateLimited():
            return "amoCRM просит подождать. Продолжим сами."
        case Forbidden(is_html=True):
            return "amoCRM временно не принимает наши запросы. Продолжим сами."
        case Forbidden(code=113):
            return "Доступ к аккаунту amoCRM ограничен списком IP-адресов. Добавьте адрес dealgram в этот список."
        case Forbidden():
            return "У dealgram нет на это прав в amoCRM. Администратор должен разрешить доступ ещё раз."
        case Unauthorised():
            return AUTHORISATION_NEEDED
        case Refused():
            return f"amoCRM отклонил запрос: {error.detail}" if error.detail else "amoCRM отклонил запрос."
        case GatewayError():
            return "amoCRM сейчас не отвечает. Попробуем ещё раз."
        case _:
            return "Ждём своей очереди. Попробуем ещё раз."
