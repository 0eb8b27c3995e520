"""What dealgram says about forum topics: in the group, in its menu and in the deal's card.

A topic that is linked by itself is called by its name wherever the group would be named. Each function takes ``topic``,
the topic's name, or None for the whole group. Strings named ``*_html`` are Telegram HTML; the others are plain text.
"""

from __future__ import annotations

from dealgram.actors import texts
from dealgram.actors.texts import deal_link_html, deals, esc, quoted, short

LINK_TOPIC_BUTTON = "Связать тему со Сделкой"
TOPIC_LINKS_OFF = "Связывать отдельные темы со сделками сейчас нельзя: это выключено в настройках dealgram."
TOPIC_UNKNOWN = "Бот не знает такой темы в этой группе: он слышит о теме, когда в ней что-нибудь пишут."
LINKED_TOPIC_GONE = (
    "Темы, с которой связана эта сделка, больше нет: её удалили, и сообщение не отправлено. "
    "Отвяжите сделку в меню группы и свяжите её с группой или с другой темой"
)


# The subject of a sentence: the group, or the topic


def sentence(subject: str) -> str:
    """A subject as the first words of a sentence."""
    return subject[:1].upper() + subject[1:]


def subject_html(topic: str | None) -> str:
    """Who is linked, as the group itself is told."""
    return "группа" if topic is None else f"тема {_html(topic)}"


def subject_in_card(title: str, topic: str | None) -> str:
    """Who is linked, as the deal's card says it."""
    return f"группа {quoted(title)}" if topic is None else f"тема {_name(topic)} группы {quoted(title)}"


def subject_in_note(title: str, topic: str | None) -> str:
    """Who is linked, as a note says it."""
    whole = quoted(title)
    return f"Telegram-группа {whole}" if topic is None else f"тема {_name(topic)} Telegram-группы {whole}"


def reach(topic: str | None) -> str:
    """Who sees what is written into the group's own conversation."""
    whither = "сообщение увидит вся группа" if topic is None else "сообщение появится в этой теме"
    return f"Напишите здесь, и {whither}."


# The menu


def menu_line(topic: str, linked: int) -> str:
    """What the menu says about the topic that it stands in."""
    if linked:
        return f"Тема {_name(topic)} связана отдельно: {deals(linked)}. Её сообщения попадают только туда."
    return f"Тема {_name(topic)} отдельно не связана: её сообщения попадают в сделки группы."


def topic_mark(topic: str) -> str:
    """What the menu says under a deal that a topic is linked to."""
    return f"Только тема {_name(topic)}"


def ask_deal_html(user_id: int, user_name: str, topic: str | None) -> str:
    """The question for a deal."""
    question = texts.ask_deal_html(user_id, user_name)
    return question if topic is None else f"{question}\nС этой сделкой я свяжу тему {_html(topic)}."


def already_linked_html(name: str, link: str, deal_id: int, *, linked: str | None, wanted: str | None) -> str:
    """The deal is linked already, to the whole group or to a topic; perhaps not to what was ``wanted``."""
    if linked == wanted:
        return f"{sentence(subject_html(linked))} уже связана со сделкой {deal_link_html(name, link, deal_id)}."
    place = "со всей группой" if linked is None else f"с темой {_html(linked)}"
    wish = "со всей группой" if wanted is None else f"с темой {_html(wanted)}"
    return (
        f"Сделка {deal_link_html(name, link, deal_id)} уже связана {place}, а связать её можно только с чем-то одним. "
        f"Чтобы связать её {wish}, сначала отвяжите: «{texts.LIST_BUTTON}»."
    )


def linked_html(name: str, link: str, deal_id: int, topic: str | None) -> str:
    """Done: linked."""
    if topic is None:
        return texts.linked_html(name, link, deal_id)
    return (
        f"Готово: тема {_html(topic)} связана со сделкой {deal_link_html(name, link, deal_id)}. "
        "Теперь её сообщения попадают только в сделки этой темы, а ответы менеджеров оттуда приходят сюда."
    )


def unlinked_html(name: str, link: str, deal_id: int, topic: str | None) -> str:
    """Done: unlinked."""
    return f"{sentence(subject_html(topic))} отвязана от сделки {deal_link_html(name, link, deal_id)}."


def confirm_unlink_html(name: str, link: str, deal_id: int, topic: str | None) -> str:
    """The question before unlinking."""
    if topic is None:
        return texts.confirm_unlink_html(name, link, deal_id)
    return (
        f"Отвязать сделку {deal_link_html(name, link, deal_id)} от темы {_html(topic)}?\n"
        "Новые сообщения темы перестанут попадать в неё; если других сделок у темы нет, они пойдут в сделки группы. "
        "Прежняя переписка в карточке останется."
    )


# The deal's card


def linked_line(title: str, topic: str | None) -> str:
    """The first line in the group's own conversation of a deal."""
    return f"🔗 {sentence(subject_in_card(title, topic))} связана с этой сделкой. {reach(topic)}"


def unlinked_line(title: str, topic: str | None) -> str:
    """The last line there."""
    return f"✂️ {sentence(subject_in_card(title, topic))} отвязана от этой сделки."


# Answers


def gone_line(topic: str) -> str:
    """What stands above an answer that goes to the General topic, since its own is no more."""
    return f"🗂 Темы {_name(topic)} больше нет"


def _name(topic: str) -> str:
    return quoted(short(topic, 80))


def _html(topic: str) -> str:
    return esc(_name(topic))
