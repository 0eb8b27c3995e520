"""Reading the deal that a person names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.groups.deal_reference import MAX_DEAL_ID, DealReference, Unreadable, looks_like_deal, read_deal

HOST = "https://sever.amocrm.ru"


@pytest.mark.parametrize(
    "text",
    [
        "12345",
        " 12345\n",
        "№12345",
        "№ 12345",
        "#12345",
        "12 345",
        "12\u00a0345",
        "ID 12345",
        "id: 12345",
        "Сделка № 12345",
        "сделка 12345.",
        "«12345»",
        "https://sever.amocrm.ru/leads/detail/12345",
        "https://sever.amocrm.ru/leads/detail/12345/",
        "https://SEVER.amocrm.ru/leads/detail/12345?tab_id=2#notes",
        "sever.amocrm.ru/leads/detail/12345",
        "http://sever.amocrm.ru/leads/detail/12345",
        "(https://sever.amocrm.ru/leads/detail/12345)",
    ],
)
def test_usual_forms_are_understood(text):
    assert read_deal(text, HOST) == DealReference(12345)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Unreadable.NOT_A_NUMBER),
        ("не знаю", Unreadable.NOT_A_NUMBER),
        ("12345 и 6", Unreadable.NOT_A_NUMBER),
        ("-12", Unreadable.NOT_A_NUMBER),
        ("12.5", Unreadable.NOT_A_NUMBER),
        ("0", Unreadable.OUT_OF_RANGE),
        ("000", Unreadable.OUT_OF_RANGE),
        ("2147483648", Unreadable.OUT_OF_RANGE),
        ("9" * 400, Unreadable.OUT_OF_RANGE),
        ("https://sever.amocrm.ru/contacts/detail/12345", Unreadable.NOT_A_DEAL_LINK),
        ("https://sever.amocrm.ru/leads/pipeline/12345", Unreadable.NOT_A_DEAL_LINK),
        ("https://sever.amocrm.ru/leads/detail/", Unreadable.NOT_A_DEAL_LINK),
        ("https://sever.amocrm.ru/leads/detail/12a", Unreadable.NOT_A_DEAL_LINK),
        ("https://[x/leads/detail/1", Unreadable.NOT_A_DEAL_LINK),
        ("1/2", Unreadable.NOT_A_DEAL_LINK),
        ("https://sever.amocrm.ru/leads/detail/99999999999", Unreadable.OUT_OF_RANGE),
        ("https://yug.amocrm.ru/leads/detail/12345", Unreadable.FOREIGN_ACCOUNT),
        ("https://sever.amocrm.ru.evil.example/leads/detail/12345", Unreadable.FOREIGN_ACCOUNT),
        ("https://sever.amocrm.ru@evil.example/leads/detail/12345", Unreadable.FOREIGN_ACCOUNT),
        ("https://sever.amocrm.ru:444/leads/detail/12345", Unreadable.FOREIGN_ACCOUNT),
    ],
)
def test_the_rest_has_a_reason(text, reason):
    assert read_deal(text, HOST) is reason


def test_a_bare_host_and_a_url_of_the_account_are_the_same():
    link = "https://127.0.0.1:8092/leads/detail/7"
    assert read_deal(link, "127.0.0.1:8092") == read_deal(link, "http://127.0.0.1:8092") == DealReference(7)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    match read_deal(text, HOST):
        case DealReference(deal_id=deal_id):
            assert 0 < deal_id <= MAX_DEAL_ID
        case reason:
            assert isinstance(reason, Unreadable)


@given(st.integers(1, MAX_DEAL_ID))
def test_what_looks_like_a_deal_is_read_as_that_deal(deal_id):
    for text in (str(deal_id), f"№ {deal_id}", f"{HOST}/leads/detail/{deal_id}"):
        assert looks_like_deal(text)
        assert read_deal(text, HOST) == DealReference(deal_id)


@pytest.mark.parametrize("text", ["", "привет", "12 345", "перезвоню в 12", "12345678901", "+79991234567"])
def test_words_of_the_group_are_not_taken_for_a_deal(text):
    assert not looks_like_deal(text)
