"""What dealgram says in Telegram groups, private chats and deal cards: all its Russian sentences in one place.

Strings named ``*_html`` or built with :func:`esc` are Telegram HTML; the others are plain text.
"""

from __future__ import annotations

import re
from html import escape, unescape

from dealgram.actors.groups.deal_reference import Unreadable

LINK_BUTTON = "Связать группу со Сделкой"
LIST_BUTTON = "Список связанных Сделок"
UNLINK_BUTTON = "Отвязать"
CONFIRM_UNLINK_BUTTON = "Да, отвязать"
BACK_BUTTON = "← Назад"
CLOSE_BUTTON = "Закрыть"
EARLIER_BUTTON = "←"
LATER_BUTTON = "→"

DEAL_PLACEHOLDER = "Например, 12345"

ONLY_ADMINISTRATORS = "Связывать группу со сделками могут только администраторы группы."
PRESS_FAILED = "Не получилось. Попробуйте ещё раз чуть позже."
PRESS_STALE = "Это меню устарело. Откройте новое командой /menu."
BUTTON_STALE = "Эта кнопка больше не действует. Напишите ответ обычным сообщением."
BUTTON_UNLINKED = "Кнопка больше не действует: группа отвязана от этой переписки. Напишите ответ обычным сообщением."
CHOOSE = "Выберите вариант:"
ALREADY_UNLINKED = "Эта сделка уже отвязана."
UNLINKED_TOAST = "Сделка отвязана."
MENU_CLOSED = "Меню закрыто. Открыть снова: /menu"

GREETING = "Здравствуйте! Напишите ваш вопрос, и мы ответим здесь же, в этом чате."

EMPLOYEE_IN_PRIVATE = (
    "Вы отмечены как сотрудник, поэтому переписка с вами в этом чате в amoCRM не попадает: ни контакт, ни сделка не "
    "создаются. Клиентам отвечайте в группах или в карточке сделки."
)

EMPLOYEE_PRESS = "Вы отмечены как сотрудник: ваше нажатие клиентским ответом не считается."

STARTED_BOT = "▶️ Клиент запустил бота"
BLOCKED_BOT = "⛔ Клиент остановил бота: сообщения до него не дойдут, пока он не напишет сам"
UNBLOCKED_BOT = "▶️ Клиент снова включил бота"
ADMINISTRATOR_OF_GROUP = "Администратор группы"
MANAGER = "Менеджер"
DEAL_IS_FULL_LINE = (
    "⚠️ amoCRM больше не добавляет контакты в эту сделку: не все участники группы стали её контактами. Сообщения тех, "
    "кого она не вместила, приходят сюда, в чат группы, с именем перед текстом."
)
UNCONFIRMED_PREFIX = "⚠️ Доставка в группу не подтверждена"

REASON_UNKNOWN_OUTCOME = (
    "Связь с Telegram прервалась во время отправки. Сообщение могло дойти: проверьте в чате, прежде чем повторять"
)
REASON_BLOCKED = (
    "Клиент остановил бота или удалил переписку с ним. Сообщения не дойдут, пока он сам не запустит бота снова"
)
REASON_DEACTIVATED = "Аккаунт клиента в Telegram удалён. Свяжитесь с клиентом другим способом"
REASON_KICKED = "Бота удалили из группы. Верните его в группу и отправьте сообщение снова"
REASON_NO_RIGHTS = "У бота нет права писать в эту группу. Попросите администратора группы разрешить боту писать"
REASON_CHAT_GONE = "Чат в Telegram не найден: группа удалена или клиент никогда не писал этому боту"
REASON_BOT_REFUSED = "Telegram не принимает токен бота: бот удалён или токен заменён. Подключите бота заново"
REASON_NOT_LINKED = "Группа отвязана от этой сделки: сообщение не отправлено"
REASON_UNKNOWN_CHAT = "dealgram не знает этот чат: сообщение не отправлено"
REASON_BOT_REMOVED = "Бот отключён от dealgram: сообщение не отправлено"
REASON_TOO_LATE = (
    "Сообщение не отправлено: dealgram долго был недоступен, и оно могло устареть. "
    "Если оно ещё нужно, отправьте его снова"
)
REASON_EMPTY = "Сообщение пустое: отправлять нечего"
REASON_REFUSED = "Telegram не принял сообщение"


def esc(text: str) -> str:
    """Escape text for Telegram HTML."""
    return escape(text, quote=False)


def quoted(name: str) -> str:
    """A name in Russian quotation marks; its own become the inner kind."""
    return f"«{name.replace('«', '„').replace('»', '“')}»"


def plain(html: str) -> str:
    """Telegram HTML as plain text, for those who read it elsewhere."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def pressed_toast(text: str) -> str:
    """What a person is shown after pressing a button of an answer; 200 characters at most (Bot API)."""
    return f"Принято: {short(text, 150)}"


def plural(count: int, one: str, few: str, many: str) -> str:
    """A Russian noun after a number: 1 сделка, 2 сделки, 5 сделок."""
    tail, tens = count % 10, count % 100
    if tail == 1 and tens != 11:
        return f"{count} {one}"
    if 2 <= tail <= 4 and not 12 <= tens <= 14:
        return f"{count} {few}"
    return f"{count} {many}"


def deals(count: int) -> str:
    """«3 сделки»."""
    return plural(count, "сделка", "сделки", "сделок")


def short(text: str, limit: int = 40) -> str:
    """Cut a name for a button."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def quoted_line(author: str, text: str) -> str:
    """What is answered, where amoCRM cannot show it as a quotation; either part may be unknown."""
    return "↩️ " + ": ".join(part for part in (short(author), short(text, 100)) if part)


def menu_html(title: str, linked: int, topic_line: str = "") -> str:
    """The group menu; ``topic_line`` is about the forum topic in which it stands."""
    state = f"Связано: {deals(linked)}." if linked else "Группа пока не связана ни с одной сделкой."
    return "\n".join((f"<b>{esc(title)}</b>", state, *([esc(topic_line)] if topic_line else []), "", "Что сделать?"))


def added_html(title: str, *, sees_everything: bool) -> str:
    """The greeting when the bot comes into a group."""
    hint = (
        ""
        if sees_everything
        else "\n\nЧтобы бот видел все сообщения, сделайте его администратором группы: без этого Telegram показывает "
        "ему только команды и ответы на его сообщения."
    )
    return (
        f"Здравствуйте! Я передаю сообщения группы <b>{esc(title)}</b> в сделки amoCRM, а ответы менеджеров — сюда."
        f"{hint}\n\nНачните с кнопки «{LINK_BUTTON}»."
    )


def ask_deal_html(user_id: int, user_name: str) -> str:
    """The question for a deal."""
    mention = f'<a href="tg://user?id={user_id}">{esc(user_name)}</a>'
    return (
        f"{mention}, пришлите ID сделки ответом на это сообщение.\n"
        "Подойдёт номер или ссылка на карточку сделки из amoCRM."
    )


def unreadable_html(reason: Unreadable, account_host: str) -> str:
    """Why the answer names no deal, and what to send instead."""
    match reason:
        case Unreadable.NOT_A_NUMBER:
            return "Не вижу здесь номера сделки. Пришлите число, например <code>12345</code>, или ссылку на карточку."
        case Unreadable.OUT_OF_RANGE:
            return "Такого номера сделки не бывает. Скопируйте ID из карточки сделки: он указан рядом с названием."
        case Unreadable.NOT_A_DEAL_LINK:
            return (
                "Эта ссылка ведёт не на сделку. Нужна ссылка из адресной строки карточки, "
                f"например <code>{esc(account_host)}/leads/detail/12345</code>."
            )
        case Unreadable.FOREIGN_ACCOUNT:
            return (
                "Эта сделка из другого аккаунта amoCRM. "
                f"Группу можно связать только со сделками аккаунта <code>{esc(account_host)}</code>."
            )


def deal_not_found_html(deal_id: int) -> str:
    """The account has no such deal."""
    return (
        f"Сделки № {deal_id} нет в вашем аккаунте amoCRM. "
        "Проверьте номер: он указан в карточке сделки рядом с названием."
    )


def deal_deleted_html(deal_id: int) -> str:
    """The deal is in the bin."""
    return f"Сделка № {deal_id} удалена. Восстановите её в amoCRM или пришлите номер другой сделки."


def already_linked_html(name: str, link: str, deal_id: int) -> str:
    """The group has this deal already."""
    return f"Группа уже связана со сделкой {deal_link_html(name, link, deal_id)}."


def linked_by_other_bot_html(deal_id: int, bot_username: str) -> str:
    """Another of our bots in the same group serves this deal."""
    return (
        f"Эта группа уже связана со сделкой № {deal_id} через бота @{esc(bot_username)}: "
        "второй раз связывать не нужно, иначе сообщения удвоятся."
    )


def linked_html(name: str, link: str, deal_id: int) -> str:
    """Done: the group is linked."""
    return (
        f"Готово: группа связана со сделкой {deal_link_html(name, link, deal_id)}. "
        "Сообщения группы появятся в карточке, а ответы менеджеров — здесь."
    )


def unlinked_html(name: str, link: str, deal_id: int) -> str:
    """Done: the group is unlinked."""
    return f"Группа отвязана от сделки {deal_link_html(name, link, deal_id)}."


def confirm_unlink_html(name: str, link: str, deal_id: int) -> str:
    """The question before unlinking."""
    return (
        f"Отвязать сделку {deal_link_html(name, link, deal_id)}?\n"
        "Новые сообщения группы перестанут попадать в неё. Прежняя переписка в карточке останется."
    )


def amocrm_unavailable_html() -> str:
    """amoCRM does not answer; the request is kept."""
    return "amoCRM сейчас не отвечает. Я свяжу группу, как только связь восстановится."


def deal_link_html(name: str, link: str, deal_id: int) -> str:
    """A deal as a link with its number."""
    return f'<a href="{escape(link)}">{esc(short(name, 80))}</a> (№ {deal_id})'


def group_linked_line(title: str) -> str:
    """The first line in the group's own conversation of a deal."""
    return f"🔗 Группа {quoted(title)} связана с этой сделкой. Напишите здесь, и сообщение увидит вся группа."


def group_unlinked_line(title: str) -> str:
    """The last line in the group's own conversation of a deal."""
    return f"✂️ Группа {quoted(title)} отвязана от этой сделки."


def bot_removed_line(title: str) -> str:
    """The bot is no longer in the group."""
    return f"⛔ Бота удалили из группы {quoted(title)}: сообщения больше не передаются."


def bot_returned_line(title: str) -> str:
    """The bot is in the group again."""
    return f"▶️ Бот снова в группе {quoted(title)}."


def bot_promoted_line(title: str, *, administrator: bool) -> str:
    """The bot's rights in the group changed."""
    return (
        f"🛡 Бот стал администратором группы {quoted(title)} и видит все сообщения."
        if administrator
        else f"⚠️ Бот больше не администратор группы {quoted(title)} и может видеть не все сообщения."
    )


def bot_disconnected_line(title: str) -> str:
    """The bot of a group was disconnected from the account."""
    return f"⛔ Бот группы {quoted(title)} отключён от amoCRM: связь с группой завершена."


def group_upgraded_line(title: str) -> str:
    """The group became a supergroup."""
    return f"🔁 Группа {quoted(title)} стала супергруппой. Связь со сделкой сохранена."


def twin_contact_note(link: str) -> str:
    """The note in a contact whose person has another contact already."""
    return (
        f"Этот человек уже есть среди контактов: {link}. В группе Telegram он появился раньше, чем был принят его "
        "личный чат. Объедините контакты, чтобы переписка была в одной карточке."
    )
