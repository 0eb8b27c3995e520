"""What a call of the API can come to instead of an answer: one shape, stable codes, Russian words.

`{"error": {"code", "message", "request_id", "field"?, "authorise_url"?}}`. Programs go by `code`, people by `message`.
Owns the table of all codes with their statuses and usual words, and the translation of the service's own failures into
them. Nothing here repeats what was sent: it may hold a token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dealgram.actors.bots.bot_connection import BotRefusedError
from dealgram.actors.services import AccountGone
from dealgram.gateways.errors import Forbidden, GateClosed, GatewayError, PaymentRequired, Unauthorised
from dealgram.gateways.trouble import SENTENCES, TroubleKind
from dealgram.runtime import Transient

RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A code's status and usual words."""

    status: int
    message: str


KINDS = {
    "token_missing": Kind(401, "Запрос пришёл без токена amoCRM. Откройте страницу настроек виджета в amoCRM."),
    "token_invalid": Kind(401, "Токен amoCRM не подходит. Обновите страницу."),
    "token_expired": Kind(401, "Токен amoCRM устарел. Обновите страницу."),
    "token_used": Kind(401, "Токен amoCRM уже использован. Обновите страницу."),
    "lapsed": Kind(402, "Оплаченный период закончился. Продлите подписку, чтобы продолжить."),
    "not_admin": Kind(403, "Менять настройки может только администратор аккаунта amoCRM."),
    "foreign_origin": Kind(403, "Запрос пришёл не со страницы этого аккаунта amoCRM."),
    "not_found": Kind(404, "Такого здесь нет."),
    "not_connected": Kind(404, "Этот бот не подключён к аккаунту."),
    "method_not_allowed": Kind(405, "Этот адрес не поддерживает такой запрос."),
    "account_unknown": Kind(409, "Аккаунт ещё не подключён. Администратору нужно разрешить доступ к amoCRM."),
    "reauthorise": Kind(409, "amoCRM больше не принимает выданный доступ. Администратору нужно разрешить его снова."),
    "in_progress": Kind(409, "Этот запрос уже выполняется. Подождите несколько секунд."),
    "connected_here": Kind(409, "Этот бот уже подключён к аккаунту."),
    "connected_elsewhere": Kind(409, "Этот бот подключён к другому аккаунту amoCRM."),
    "being_connected": Kind(409, "Этого бота сейчас подключают."),
    "foreign_webhook": Kind(409, "Сообщения бота получает другой сервис."),
    "linked_by_other_bot": Kind(409, "С этой сделкой группу уже связал другой бот."),
    "invalid": Kind(422, "Проверьте заполнение."),
    "request_id_reused": Kind(422, "Этот номер запроса уже занят другим запросом."),
    "too_many": Kind(429, "Слишком много запросов. Подождите немного."),
    "internal": Kind(500, "На нашей стороне произошла ошибка. Попробуйте ещё раз или напишите в поддержку."),
    "amocrm_unavailable": Kind(502, "amoCRM сейчас не отвечает. Попробуйте ещё раз через минуту."),
    "telegram_unavailable": Kind(502, "Telegram сейчас не отвечает. Попробуйте ещё раз через минуту."),
    "unavailable": Kind(503, "Сервис сейчас не может ответить. Попробуйте ещё раз через несколько секунд."),
}
"""Every code of the frame. Routes may have codes of their own besides (see `ApiProblem`), with a status of 4xx."""


class ApiProblem(Exception):  # noqa: N818 - an answer, not a failure of ours
    """A call is answered with this. ``message`` is a Russian sentence for whoever made the call.

    Args:
        status: 4xx or 5xx.
        code: stable, for programs.
        field: the field of the body or the query that it is about.
        authorise_url: where an administrator allows access.
        retry_after_s: when to come again.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        *,
        authorise_url: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.authorise_url = authorise_url
        self.retry_after_s = retry_after_s

    def body(self, request_id: str) -> dict[str, object]:
        """The answer's body."""
        error: dict[str, object] = {"code": self.code, "message": self.message, "request_id": request_id}
        if self.field is not None:
            error["field"] = self.field
        if self.authorise_url is not None:
            error["authorise_url"] = self.authorise_url
        return {"error": error}

    @property
    def is_final(self) -> bool:
        """Whether the very same call would be refused again: it is not about a moment."""
        return self.status < 500 and self.code not in ("too_many", "in_progress", "reauthorise", "account_unknown")

    def headers(self) -> dict[str, str]:
        """The answer's headers beside the usual."""
        if self.retry_after_s is None:
            return {}
        return {"Retry-After": str(min(max(math.ceil(self.retry_after_s), 1), 3600))}


def problem(
    code: str,
    message: str | None = None,
    field: str | None = None,
    *,
    authorise_url: str | None = None,
    retry_after_s: float | None = None,
) -> ApiProblem:
    """The problem of a code in the table, in its usual words or in better ones."""
    kind = KINDS[code]
    return ApiProblem(
        kind.status,
        code,
        message or kind.message,
        field,
        authorise_url=authorise_url,
        retry_after_s=retry_after_s,
    )


def invalid(field: str | None, message: str) -> ApiProblem:
    """Refuse what was entered."""
    return problem("invalid", message, field)


def not_found(message: str | None = None) -> ApiProblem:
    """There is no such thing, or it is not this account's: which of both is nobody's business."""
    return problem("not_found", message)


def problem_of(error: Exception) -> ApiProblem | None:
    """What the service's own failures mean to whoever calls; None for one that nobody has foreseen."""
    match error:
        case ApiProblem():
            return error
        case ExceptionGroup(exceptions=(single,)):  # out of a nursery
            return problem_of(single)
        case BotRefusedError():
            kind = KINDS.get(error.code)
            return ApiProblem(422 if kind is None else kind.status, error.code, str(error))
        case AccountGone():
            return problem("reauthorise")
        case PaymentRequired() | GateClosed(kind=TroubleKind.UNPAID):
            return problem("amocrm_unavailable", "Аккаунт amoCRM не оплачен, поэтому amoCRM не отвечает.")
        case GateClosed(kind=TroubleKind.IP_BLOCKED) | Forbidden(code=113):
            return problem("amocrm_unavailable", SENTENCES[TroubleKind.IP_BLOCKED])
        case Unauthorised() | Forbidden() if not _is_telegram(error):
            return problem("reauthorise")
        case GatewayError():
            wait_s = error.retry_after_s if isinstance(error, Transient) else None
            code = "telegram_unavailable" if _is_telegram(error) else "amocrm_unavailable"
            return problem(code, retry_after_s=wait_s or RETRY_S)
        case Transient():
            return problem("unavailable", retry_after_s=error.retry_after_s or RETRY_S)
        case _:
            return None


def _is_telegram(error: GatewayError) -> bool:
    return error.service.startswith("telegram")
