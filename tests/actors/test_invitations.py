"""Invitations: what they say, and which texts are read as one."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from dealgram.actors.groups.invitations import invitation, invited_deal


def test_an_invitation_opens_the_choice_of_a_group_and_asks_for_rights():
    address = urlsplit(invitation("sever_bot", 20001))
    assert (address.scheme, address.netloc, address.path) == ("https", "t.me", "/sever_bot")
    query = parse_qs(address.query, keep_blank_values=True)
    assert query == {"startgroup": ["d20001"], "admin": ["manage_chat"]}
    assert invitation("sever_bot") == "https://t.me/sever_bot?startgroup&admin=manage_chat"


@pytest.mark.parametrize(
    ("text", "deal"),
    [
        ("/start@sever_bot d20001", 20001),
        ("/START@Sever_Bot  d20001 ", 20001),
        ("/start d7", 7),
        ("/start@other_bot d20001", None),
        ("/start@sever_bot", None),
        ("/start@sever_bot promo", None),
        ("/start@sever_bot d0", None),
        ("/start@sever_bot d20001x", None),
        ("/start@sever_bot d99999999999999999999", None),
        ("/menu d20001", None),
        ("d20001", None),
    ],
)
def test_only_our_own_payload_names_a_deal(text, deal):
    assert invited_deal(text, "sever_bot") == deal
