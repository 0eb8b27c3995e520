"""Which webhooks of an account are certainly former ones of ours."""

from __future__ import annotations

import pytest

from dealgram.actors.accounts.crm_webhook import hook_address, is_former

KEY = "Q29tZSBvbiBpbiwgdGhlIHdhdGVy"
NOW = f"https://dealgram.example/amocrm/hooks/{KEY}"


def test_the_address():
    assert hook_address("https://dealgram.example", KEY) == NOW
    assert hook_address("https://dealgram.example/", KEY) == NOW


@pytest.mark.parametrize(
    "destination",
    [
        f"https://old.example/amocrm/hooks/{KEY}",
        f"https://old.example/amocrm/hooks/{KEY}/",
        f"http://dealgram.example/amocrm/hooks/{KEY}",
        f"https://dealgram.example:8443/amocrm/hooks/{KEY}",
        f"https://old.example/behind/a/proxy/amocrm/hooks/{KEY}",
    ],
)
def test_a_former_one(destination):
    assert is_former(destination, KEY, NOW)


@pytest.mark.parametrize(
    "destination",
    [
        NOW,
        NOW + "/",
        "https://old.example/amocrm/hooks/",
        "https://old.example/amocrm/hooks/another-accounts-key",
        f"https://old.example/amocrm/hooks/{KEY}2",
        f"https://old.example/amocrm/hooks/2{KEY}",
        f"https://old.example/amocrm/hooks/{KEY}/more",
        f"https://old.example/hooks/{KEY}",
        f"https://old.example/?next=/amocrm/hooks/{KEY}",
        f"https://old.example/amocrm/hooks/{KEY}?for=somebody",
        f"https://old.example/#/amocrm/hooks/{KEY}",
        "https://[broken/amocrm/hooks/",
        "",
    ],
)
def test_anything_else_is_left_alone(destination):
    assert not is_former(destination, KEY, NOW)


def test_an_account_without_a_key_has_none():
    assert not is_former("https://old.example/amocrm/hooks/", "", NOW)
