"""What can stand between an account and amoCRM for a while, in words for the account's administrators.

Owns the list of troubles and their sentences. A trouble is a state, not a failed call: `gateways.gate` enters and
leaves it, health shows it, and `accounts.trouble` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TroubleKind(StrEnum):
    """The troubles, the one that matters most first: of several, the first is shown."""

    UNPAID = "unpaid"
    BLOCKED = "blocked"
    IP_BLOCKED = "ip_blocked"
    BAD_SIGNATURE = "bad_signature"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    NO_RIGHTS = "no_rights"


SENTENCES = {
    TroubleKind.UNPAID: (
        "Аккаунт amoCRM не оплачен: новые сообщения ждут оплаты и придут после неё. Проверяем раз в сутки;"
        " чтобы не ждать, запустите проверку подключения."
    ),
    TroubleKind.BLOCKED: (
        "amoCRM временно заблокировала обращения к этому аккаунту. Сообщения не теряются: попробуем снова после паузы."
    ),
    TroubleKind.IP_BLOCKED: (
        "В настройках безопасности amoCRM включён список разрешённых IP-адресов, и сервиса в нём нет."
        " Добавьте адрес сервиса в этот список или отключите ограничение."
    ),
    TroubleKind.BAD_SIGNATURE: (
        "amoCRM не принимает подпись канала чатов. Это неполадка сервиса, от вас ничего не требуется;"
        " сообщения придут, когда она будет устранена."
    ),
    TroubleKind.UNAVAILABLE: (
        "amoCRM сейчас не отвечает. Сообщения не теряются: придут, как только связь восстановится."
    ),
    TroubleKind.RATE_LIMITED: (
        "amoCRM попросила обращаться к ней реже: исчерпан лимит запросов этого аккаунта. Сообщения придут с задержкой."
    ),
    TroubleKind.NO_RIGHTS: (
        "Прав пользователя, который подключил интеграцию, не хватает для части действий."
        " Подключите её заново от имени администратора аккаунта."
    ),
}
"""What an administrator reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One trouble of one account.

    Attributes:
        since: when it began.
        until: when the next attempt is due; in the past, once it is due.
    """

    kind: TroubleKind
    since: datetime
    until: datetime

    @property
    def sentence(self) -> str:
        """What it means and what to do, in Russian."""
        return SENTENCES[self.kind]


def worst(kinds: frozenset[TroubleKind]) -> TroubleKind | None:
    """The trouble to show; None if there is none."""
    return next((kind for kind in TroubleKind if kind in kinds), None)
