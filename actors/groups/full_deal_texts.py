"""What dealgram says when amoCRM attaches no more contacts to a deal (its error 330): a group finds no room there.

Strings named ``*_html`` are Telegram HTML; the others are plain text.
"""

from __future__ import annotations

from dealgram.actors.texts import deal_link_html, quoted


def no_room_html(name: str, link: str, deal_id: int) -> str:
    """The group is not linked to a deal in which it could have no chat."""
    return (
        f"К сделке {deal_link_html(name, link, deal_id)} уже прикреплено так много контактов, что amoCRM не добавляет "
        "новых. Чат группы в ней не появится, поэтому связи нет. Открепите в сделке лишние контакты и пришлите её ID "
        "ещё раз или выберите другую сделку."
    )


def no_room_note(title: str, contact: str, contact_link: str) -> str:
    """The group was linked, and its chat does not fit into the deal (any more)."""
    return (
        f"⚠️ amoCRM не прикрепляет к этой сделке чат Telegram-группы {quoted(title)}: в сделке слишком много контактов. "
        "Пока это так, то, для чего здесь нет своего чата, сохраняется в карточке контакта "
        f"{quoted(contact)}: {contact_link} — оттуда можно и ответить. Открепите лишние контакты, и со следующим "
        "сообщением группы чат вернётся в сделку вместе с перепиской."
    )


def no_room_for_people_note(title: str) -> str:
    """Under the policy of one chat per person: not everybody's contact fits into the deal."""
    return (
        f"⚠️ amoCRM не прикрепляет к этой сделке контакты новых участников Telegram-группы {quoted(title)}: в сделке "
        "слишком много контактов. Переписка этих участников видна в карточках их контактов и в других сделках группы. "
        "Открепите лишние контакты, чтобы здесь нашлось место."
    )
