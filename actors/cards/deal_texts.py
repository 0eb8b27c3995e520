"""What dealgram says about the life of linked deals: in the group, in its menu, in the deal's card and as notes.

Strings named ``*_html`` are Telegram HTML; the others are plain text. The sentences about people are written so that
they fit a man, a woman and an operator alike. ``topic``: the name of the forum topic that is linked by itself, None for
the whole group.
"""

from __future__ import annotations

from dealgram.actors.groups.topic_texts import reach, sentence, subject_html, subject_in_card, subject_in_note
from dealgram.actors.texts import deal_link_html, quoted

OPERATOR = "оператор dealgram"
ENDED_HEADER = "Отвязаны автоматически:"

_CAUSES = {
    "deal_closed": "сделка закрыта",
    "deal_deleted": "сделка удалена",
    "deal_merged": "сделка объединена с другой",
    "deal_moved": "сделка перенесена в другую воронку",
    "bot_removed": "бот был отключён от amoCRM",
    "other_bot": "её ведёт другой бот этой группы",
}
_RETURNS = {
    "deal_restored": "сделка восстановлена",
    "deal_reopened": "сделка снова открыта",
}
_STATES = {
    "won": "Сделка закрыта: успешно реализована",
    "lost": "Сделка закрыта: не реализована",
    "deleted": "Сделка удалена",
}


def state_mark(deal_state: str) -> str | None:
    """What the menu says under a linked deal that is not simply open."""
    return _STATES.get(deal_state)


def return_mark(reason: str | None) -> str | None:
    """What the menu says under a deal that was linked again without anybody's doing."""
    said = _RETURNS.get(reason or "")
    return said.capitalize() if said else None


def merged_mark(deals: tuple[int, ...]) -> str | None:
    """What the menu says under a deal that others became part of."""
    if not deals:
        return None
    numbers = ", ".join(f"№ {deal_id}" for deal_id in deals)
    return f"С ней объединена сделка {numbers}" if len(deals) == 1 else f"С ней объединены сделки {numbers}"


def ended_line(reason: str, merged_into: int | None) -> str:
    """What the menu says beside a deal whose link ended without anybody's doing."""
    if reason == "deal_merged" and merged_into is not None:
        return f"объединена со сделкой № {merged_into}"
    return _CAUSES.get(reason, "связь закончилась").removeprefix("сделка ")


def ended_html(name: str, link: str, deal_id: int, reason: str, topic: str | None = None) -> str:
    """The group hears that it was unlinked by the account's policy."""
    return (
        f"{sentence(subject_html(topic))} отвязана от сделки {deal_link_html(name, link, deal_id)}: {_CAUSES[reason]}."
    )


def relinked_html(name: str, link: str, deal_id: int, reason: str, topic: str | None = None) -> str:
    """The group hears that it is linked again."""
    said = _RETURNS[reason].capitalize()
    return f"{said}, {subject_html(topic)} опять связана с ней: {deal_link_html(name, link, deal_id)}."


def followed_html(
    old_id: int, name: str, link: str, deal_id: int, *, was_linked: bool, topic: str | None = None
) -> str:
    """The group hears that its deal became part of another, to which it (or that ``topic``) is linked."""
    subject = subject_html(topic)
    then = f"{sentence(subject)} уже связана с ней." if was_linked else f"Теперь {subject} связана с ней."
    return f"Сделка № {old_id} объединена со сделкой {deal_link_html(name, link, deal_id)}. {then}"


def ended_card_line(title: str, reason: str, topic: str | None = None) -> str:
    """The last line in the group's own conversation of a deal that the policy unlinked."""
    return f"✂️ {sentence(subject_in_card(title, topic))} отвязана от этой сделки: {_CAUSES[reason]}."


def relinked_card_line(title: str, reason: str, topic: str | None = None) -> str:
    """The first line after a deal came back."""
    return f"🔗 {_RETURNS[reason].capitalize()}: {subject_in_card(title, topic)} опять связана с ней. {reach(topic)}"


def followed_card_line(title: str, old_id: int, topic: str | None = None) -> str:
    """The first line in the deal that another one became part of."""
    return (
        f"🔗 Сделка № {old_id} объединена с этой, {subject_in_card(title, topic)} теперь связана с ней. {reach(topic)}"
    )


# Notes


def linked_note(title: str, bot: str, who: str, topic: str | None = None) -> str:
    """A person linked the group."""
    return f"🔗 С этой сделкой связана {subject_in_note(title, topic)} (бот @{bot}). Кто связал: {who}."


def unlinked_note(title: str, bot: str, who: str, topic: str | None = None) -> str:
    """A person unlinked the group."""
    subject = sentence(subject_in_note(title, topic))
    return f"✂️ {subject} (бот @{bot}) отвязана от этой сделки. Кто отвязал: {who}."


def ended_note(title: str, bot: str, reason: str, topic: str | None = None) -> str:
    """The policy unlinked the group."""
    subject = sentence(subject_in_note(title, topic))
    return (
        f"✂️ {subject} (бот @{bot}) отвязана от этой сделки автоматически: {_CAUSES[reason]}. "
        "Связать снова можно в меню группы."
    )


def ended_in_survivor_note(title: str, bot: str, old_id: int, topic: str | None = None) -> str:
    """The deal that another one became part of does not get that one's group."""
    subject = sentence(subject_in_note(title, topic))
    return (
        f"✂️ Сделка № {old_id} объединена с этой. {subject} (бот @{bot}) была связана с ней и отвязана. "
        "Связать с этой сделкой можно в меню группы."
    )


def relinked_note(title: str, bot: str, reason: str, topic: str | None = None) -> str:
    """The policy linked the group again."""
    return f"🔗 {_RETURNS[reason].capitalize()}: {subject_in_note(title, topic)} (бот @{bot}) опять связана с ней."


def stayed_note(title: str, bot: str, topic: str | None = None) -> str:
    """The deal came back, the link did not."""
    return (
        f"{sentence(subject_in_note(title, topic))} (бот @{bot}) была связана с этой сделкой и осталась отвязанной. "
        "Связать снова можно в меню группы."
    )


def followed_note(title: str, bot: str, old_id: int, topic: str | None = None) -> str:
    """The link went over to this deal."""
    subject = sentence(subject_in_note(title, topic))
    return (
        f"🔗 Сделка № {old_id} объединена с этой. {subject} (бот @{bot}) теперь связана с этой сделкой; "
        "прежняя переписка осталась в её прежних чатах."
    )


def bot_removed_note(title: str, bot: str) -> str:
    """The bot is no longer in the group."""
    return (
        f"⛔ Бота @{bot} удалили из Telegram-группы {quoted(title)}: сообщения больше не передаются. "
        "Верните бота в группу, и связь продолжит работать."
    )


def bot_disconnected_note(title: str, bot: str) -> str:
    """The bot was disconnected from the account, and the link ended."""
    return (
        f"⛔ Бот @{bot} отключён от amoCRM: связь этой сделки с Telegram-группой {quoted(title)} завершена. "
        "Если бота подключат снова, группу нужно связать заново."
    )


def bot_returned_note(title: str, bot: str) -> str:
    """The bot is in the group again."""
    return f"▶️ Бот @{bot} снова в Telegram-группе {quoted(title)}: сообщения опять передаются."


def upgraded_note(title: str) -> str:
    """The group became a supergroup."""
    return f"🔁 Telegram-группа {quoted(title)} стала супергруппой. Связь со сделкой сохранена."


# Contacts


def twin_note(link: str) -> str:
    """A contact that came back gives its «Telegram ID» up to the one that took its place."""
    return (
        f"Пока этот контакт был удалён, человек написал снова, и его переписка ведётся в другом контакте: {link}. "
        "Поле «Telegram ID» здесь очищено; контакты можно объединить."
    )
