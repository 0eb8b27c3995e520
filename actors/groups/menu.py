"""The group menu: its pages, buttons and callback data. Pure.

Telegram gives callback data 64 bytes (Bot API: InlineKeyboardButton), so presses are short words with numbers. A press
that cannot be read is an old menu of an older version, not an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.actors import texts
from dealgram.actors.body_parts import Button
from dealgram.actors.cards import deal_texts
from dealgram.actors.groups import topic_texts

PAGE_SIZE = 5


@dataclass(frozen=True, slots=True)
class LinkedDeal:
    """A deal as the menu shows it."""

    deal_id: int
    name: str
    link: str
    marks: tuple[str, ...] = ()
    """What is to be known of it besides: that it is closed, that others became part of it."""
    topic: str | None = None
    """The forum topic that alone is linked to it."""


@dataclass(frozen=True, slots=True)
class EndedDeal:
    """A deal that the group was unlinked from because of what happened to it, and what that was."""

    deal_id: int
    name: str
    link: str
    cause: str


@dataclass(frozen=True, slots=True)
class TopicHere:
    """The forum topic in which a menu stands, and to how many deals it is linked by itself. ``is_offered``: it can be
    linked to (more) deals."""

    thread: int
    name: str
    linked: int = 0
    is_offered: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A menu message: Telegram HTML and the keyboard under it."""

    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class OpenMenu:
    """Back to the first page."""


@dataclass(frozen=True, slots=True)
class AskForDeal:
    """«Связать группу со Сделкой»; with a ``topic``, «Связать тему со Сделкой»."""

    topic: int | None = None


@dataclass(frozen=True, slots=True)
class ShowDeals:
    """«Список связанных Сделок», a page of it (from 0)."""

    page: int


@dataclass(frozen=True, slots=True)
class ConfirmUnlink:
    """«Отвязать» was pressed under a deal."""

    deal_id: int
    page: int


@dataclass(frozen=True, slots=True)
class Unlink:
    """«Да, отвязать» was pressed."""

    deal_id: int
    page: int


@dataclass(frozen=True, slots=True)
class CloseMenu:
    """«Закрыть»."""


Press = OpenMenu | AskForDeal | ShowDeals | ConfirmUnlink | Unlink | CloseMenu

_PRESS = re.compile(r"(menu|link|close)|(list):(\d{1,6})|(ask|off):(\d{1,19}):(\d{1,6})|topic:([1-9]\d{0,9})")


def read_press(data: str) -> Press | None:
    """Read callback data; ``None`` for anything this version does not issue."""
    match = _PRESS.fullmatch(data)
    if match is None:
        return None
    if match[7]:
        return AskForDeal(int(match[7]))
    word = match[1] or match[2] or match[4]
    if word == "menu":
        return OpenMenu()
    if word == "link":
        return AskForDeal()
    if word == "close":
        return CloseMenu()
    if word == "list":
        return ShowDeals(int(match[3]))
    deal_id, page = int(match[5]), int(match[6])
    return ConfirmUnlink(deal_id, page) if word == "ask" else Unlink(deal_id, page)


def main_page(title: str, linked: int, topic: TopicHere | None = None) -> Page:
    """The menu itself. ``linked``: how many deals in all; ``topic``: where it stands, if topics are told apart."""
    about = topic_texts.menu_line(topic.name, topic.linked) if topic is not None else ""
    return Page(texts.menu_html(title, linked, about), main_buttons(linked, topic))


def main_buttons(linked: int, topic: TopicHere | None = None) -> tuple[tuple[Button, ...], ...]:
    """The menu's buttons, also used under the greeting."""
    count = f" ({linked})" if linked else ""
    return (
        *_link_buttons(topic),
        (Button(text=texts.LIST_BUTTON + count, data="list:0"),),
        (Button(text=texts.CLOSE_BUTTON, data="close"),),
    )


def _link_buttons(topic: TopicHere | None) -> tuple[tuple[Button, ...], ...]:
    whole = (Button(text=texts.LINK_BUTTON, data="link"),)
    if topic is None or not topic.is_offered:
        return (whole,)
    return (whole, (Button(text=topic_texts.LINK_TOPIC_BUTTON, data=f"topic:{topic.thread}"),))


def deals_page(
    title: str,
    deals: Sequence[LinkedDeal],
    page: int,
    ended: Sequence[EndedDeal] = (),
    topic: TopicHere | None = None,
) -> Page:
    """A page of the numbered list of linked deals, with «Отвязать» for each. A page past the end shows the last, and
    below it the deals that are linked no more."""
    back = (Button(text=texts.BACK_BUTTON, data="menu"),)
    past = _ended_lines(ended)
    if not deals:
        none = f"<b>{texts.esc(title)}</b>\nГруппа пока не связана ни с одной сделкой."
        return Page(
            "\n".join((none, *past)),
            (*_link_buttons(topic), back),
        )
    last = (len(deals) - 1) // PAGE_SIZE
    page = min(page, last)
    first = page * PAGE_SIZE
    shown = list(enumerate(deals, 1))[first : first + PAGE_SIZE]
    header = f"<b>{texts.esc(title)}</b>\nСвязанные сделки: {len(deals)}"
    if last:
        header += f" · страница {page + 1} из {last + 1}"
    lines = [line for number, deal in shown for line in _deal_lines(number, deal)]
    if page == last:
        lines += past
    rows: list[tuple[Button, ...]] = [
        (Button(text=f"{texts.UNLINK_BUTTON} {number}. {texts.short(deal.name)}", data=f"ask:{deal.deal_id}:{page}"),)
        for number, deal in shown
    ]
    turning = []
    if page:
        turning.append(Button(text=texts.EARLIER_BUTTON, data=f"list:{page - 1}"))
    if page < last:
        turning.append(Button(text=texts.LATER_BUTTON, data=f"list:{page + 1}"))
    if turning:
        rows.append(tuple(turning))
    return Page("\n".join((header, "", *lines)), (*rows, back))


def confirm_page(deal: LinkedDeal, page: int) -> Page:
    """The question before a deal is unlinked."""
    return Page(
        topic_texts.confirm_unlink_html(deal.name, deal.link, deal.deal_id, deal.topic),
        (
            (Button(text=texts.CONFIRM_UNLINK_BUTTON, data=f"off:{deal.deal_id}:{page}"),),
            (Button(text=texts.BACK_BUTTON, data=f"list:{page}"),),
        ),
    )


def _deal_lines(number: int, deal: LinkedDeal) -> list[str]:
    place = (topic_texts.topic_mark(deal.topic),) if deal.topic is not None else ()
    marks = [f"    {texts.esc(mark)}" for mark in (*place, *deal.marks)]
    return [f"{number}. {texts.deal_link_html(deal.name, deal.link, deal.deal_id)}", *marks]


def _ended_lines(ended: Sequence[EndedDeal]) -> list[str]:
    if not ended:
        return []
    shown = [
        f"• {texts.deal_link_html(deal.name, deal.link, deal.deal_id)}: {texts.esc(deal.cause)}"
        for deal in ended[-PAGE_SIZE:]
    ]
    return ["", deal_texts.ENDED_HEADER, *shown]
