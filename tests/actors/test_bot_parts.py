"""The pure parts of bots' connections: tokens in pasted texts, whose webhook it is, names of deals, texts' limits."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_connection import BotRefusedError, read_token
from dealgram.actors.bots.bot_webhook import foreign_host, is_ours, webhook_url
from dealgram.actors.cards.deal_title import PLACEHOLDERS, TitleError, check_title, fill_title

TOKENS = st.builds(
    lambda number, secret: f"{number}:{secret}",
    st.integers(min_value=10**5, max_value=10**12),
    st.text(alphabet=string.ascii_letters + string.digits + "_-", min_size=30, max_size=40),
)
WORDS = st.text(alphabet="абвгд .,!?\n\"'()", max_size=40)


@given(TOKENS, WORDS, WORDS)
def test_a_token_is_found_among_words(token, before, after):
    assert read_token(f"{before} {token}\n{after}") == token
    assert read_token(f"{token} {token}") == token


@given(TOKENS, TOKENS)
def test_of_two_tokens_none_is_guessed(one, other):
    if one != other:
        with pytest.raises(BotRefusedError) as refused:
            read_token(f"{one} {other}")
        assert one not in str(refused.value)
        assert other not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", None),
        ("https://here.example/telegram/key", None),
        ("https://before.example:8443/telegram/older", None),
        ("https://here.example/telegram/another", "here.example"),
        ("https://user:password@there.example/telegram/key/more?token=secret", "there.example"),
        ("nonsense", "?"),
    ],
)
def test_a_webhook_is_ours_by_its_key_alone(url, host):
    assert foreign_host(url, ("key", "older")) == host


@given(st.text(alphabet=string.ascii_letters + string.digits + "_-", min_size=20, max_size=40))
def test_the_address_that_is_set_is_known_as_ours(key):
    assert is_ours(webhook_url("https://here.example/", key), (key,))
    assert not is_ours(webhook_url("https://here.example", f"x{key}"), (key,))
    assert not is_ours(webhook_url("https://here.example", ""), ("",))


@pytest.mark.parametrize(
    "template", ["", "  ", "{имя}", "{name", "name}", "{}", "{name!r}", "{name.__class__}", "{{name}}"]
)
def test_a_title_with_anything_unknown_is_refused(template):
    with pytest.raises(TitleError):
        check_title(template)


@given(
    st.lists(st.sampled_from([*(f"{{{name}}}" for name in PLACEHOLDERS), "Сделка", "из", "(", ")", "—"]), min_size=1)
)
def test_a_title_that_is_accepted_leaves_no_brace(parts):
    template = check_title(" ".join(parts))
    assert check_title(template) == template
    filled = fill_title(template, name="Анна", username="anna", bot="Север", pipeline="Продажи")
    assert not set("{}") & set(filled)


def test_what_is_not_known_leaves_nothing_behind():
    assert fill_title("{name} ({username}), {bot}", name="Анна", bot="Север") == "Анна, Север"
    assert fill_title("{name} ({bot})", name="Анна", bot="Север") == "Анна (Север)"
    assert fill_title("{username}", name="Анна") == "Анна"
    assert fill_title("{name}", name="{bot}", bot="Север") == "{bot}"


def test_what_a_bot_says_of_itself_fits_into_telegrams_limits():
    assert len(bot_texts.DESCRIPTION) <= 512
    assert len(bot_texts.SHORT_DESCRIPTION) <= 120
    for command, description in (
        *bot_texts.PRIVATE_COMMANDS,
        *bot_texts.GROUP_COMMANDS,
        *bot_texts.ADMINISTRATOR_COMMANDS,
    ):
        assert 1 <= len(command) <= 32
        assert 1 <= len(description) <= 256


def test_troubles_are_read_with_what_stops_the_bot_first():
    troubles = {
        bot_troubles.PRIVACY_MODE: {"since": "2026-01-01", "detail": "приватность"},
        bot_troubles.TOKEN_REVOKED: {"since": "2026-01-02", "detail": "токен"},
        "of_a_newer_version": {},
    }
    assert bot_troubles.sentences(troubles) == ["of_a_newer_version", "токен", "приватность"]
    assert bot_troubles.WARNINGS < bot_troubles.OF_CHECKUP | bot_troubles.OF_SOURCES
    assert not bot_troubles.OF_CHECKUP & bot_troubles.OF_SOURCES
