"""The pages and buttons of the group menu, and reading their presses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.groups import menu

DEALS = st.lists(
    st.builds(
        menu.LinkedDeal, st.integers(1, 2**31 - 1), st.text(min_size=1, max_size=60), st.just("https://a.amocrm.ru/1")
    ),
    max_size=23,
    unique_by=lambda deal: deal.deal_id,
)


def buttons(page: menu.Page) -> list:
    return [button for row in page.buttons for button in row]


@given(DEALS, st.integers(0, 10))
def test_every_button_of_every_page_is_understood_and_fits_telegram(deals, page):
    shown = menu.deals_page("Группа <&>", deals, page)
    for button in buttons(shown):
        assert 1 <= len(button.data.encode()) <= 64
        assert 0 < len(button.text) <= 64
        assert menu.read_press(button.data) is not None
    assert len(re.sub(r"<[^>]*>", "", shown.html)) <= 4096


@given(DEALS)
def test_the_pages_show_every_deal_once_numbered_in_order(deals):
    seen = []
    page = 0
    while True:
        shown = menu.deals_page("Группа", deals, page)
        presses = [menu.read_press(button.data) for button in buttons(shown)]
        seen += [press.deal_id for press in presses if isinstance(press, menu.ConfirmUnlink)]
        numbers = re.findall(
            rf"(?m)^{texts.UNLINK_BUTTON} (\d+)\.", "\n".join(button.text for button in buttons(shown))
        )
        first = page * menu.PAGE_SIZE + 1
        assert numbers == [str(number) for number in range(first, first + len(numbers))]
        later = [press.page for press in presses if isinstance(press, menu.ShowDeals) and press.page > page]
        if not later:
            break
        page = later[0]
    assert seen == [deal.deal_id for deal in deals]


def test_a_page_past_the_end_shows_the_last():
    deals = [menu.LinkedDeal(number, f"Сделка {number}", "x") for number in range(1, 7)]
    assert menu.deals_page("Группа", deals, 9) == menu.deals_page("Группа", deals, 1)
    assert menu.deals_page("Группа", deals[:5], 1) == menu.deals_page("Группа", deals[:5], 0)


def test_without_links_the_list_offers_to_link():
    page = menu.deals_page("Группа", [], 0)
    assert [button.text for button in buttons(page)] == [texts.LINK_BUTTON, texts.BACK_BUTTON]


def test_the_confirmation_returns_to_its_page():
    page = menu.confirm_page(menu.LinkedDeal(5, "Сайт", "x"), 3)
    assert [menu.read_press(button.data) for button in buttons(page)] == [menu.Unlink(5, 3), menu.ShowDeals(3)]


@pytest.mark.parametrize(
    ("data", "press"),
    [
        ("menu", menu.OpenMenu()),
        ("link", menu.AskForDeal()),
        ("close", menu.CloseMenu()),
        ("list:2", menu.ShowDeals(2)),
        ("ask:12:0", menu.ConfirmUnlink(12, 0)),
        ("off:12:4", menu.Unlink(12, 4)),
        ("", None),
        ("list", None),
        ("list:-1", None),
        ("off:12", None),
        ("off:12:4:1", None),
        ("menu ", None),
    ],
)
def test_presses_are_read(data, press):
    assert menu.read_press(data) == press


@given(st.text(max_size=64))
def test_no_press_breaks_the_reader(data):
    menu.read_press(data)
