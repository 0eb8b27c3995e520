"""Every kind of message on the sandbox page, both ways: files, albums, voice, stickers, edits, reactions, topics.

With ``DEALGRAM_SCREENSHOTS`` set to a folder, the pictures of the documentation are taken anew.
"""

from __future__ import annotations

from typing import Any

import pytest
from page_play import Play, Visitor, open_play, take_picture, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PICTURE = "() => [...document.querySelectorAll('img')].every((one) => one.complete && one.naturalWidth > 0)"


@pytest.fixture
async def play(tmp_path):
    async with open_play(tmp_path) as play:
        yield play


def media(visitor: Visitor, item: str, kind: str) -> Any:
    """The files of a kind in messages (``message``) or in the card (``feed-item``)."""
    return visitor.page.locator(f'[data-testid="{item}"] [data-testid="media"][data-kind="{kind}"]')


def linked(browser: Any, play: Play) -> Visitor:
    visitor = visit(browser, play)
    visitor.links_group(play.world.group.title, play.world.cafe)
    visitor.opens_deal("Сайт для кофейни")
    visitor.waits_for("feed-item", "связана с этой сделкой")
    return visitor


def files_to_the_card(browser: Any, play: Play, tmp_file: Any) -> list[str]:
    visitor = linked(browser, play)
    visitor.attaches("telegram", "photo")
    visitor.writes("Вот фото зала")
    visitor.waits_for("feed-item", "Вот фото зала")
    visitor.attaches("telegram", "album")
    visitor.see("telegram-send").click()
    media(visitor, "feed-item", "picture").nth(3).wait_for()
    visitor.attaches("telegram", "voice", "sticker")
    media(visitor, "feed-item", "voice").wait_for()
    media(visitor, "feed-item", "picture").nth(4).wait_for()
    visitor.see("telegram-file").set_input_files(str(tmp_file))
    visitor.see("telegram-chosen", "Смета.pdf").wait_for()
    visitor.see("telegram-send").click()
    visitor.page.locator('[data-testid="feed-item"] [data-name="Смета.pdf"]').wait_for()
    visitor.attaches("telegram", "big")
    visitor.see("telegram-send").click()
    visitor.waits_for("feed-item", "25 МБ")
    visitor.attaches("telegram", "venue", "contact", "poll")
    visitor.waits_for("feed-item", "Когда удобнее встретиться?")
    visitor.page.wait_for_function(PICTURE)
    return visitor.complaints


def files_to_telegram(browser: Any, play: Play) -> list[str]:
    visitor = linked(browser, play)
    visitor.writes("Покажете варианты?")
    visitor.waits_for("feed-item", "Покажете варианты?")
    visitor.attaches("amo", "album")
    visitor.see("amo-input").fill("Три варианта на выбор")
    visitor.see("amo-send").click()
    visitor.waits_for("message", "Три варианта на выбор")
    media(visitor, "message", "photo").nth(2).wait_for()
    for sample, kind in (("voice", "voice"), ("sticker", "sticker"), ("document", "document")):
        visitor.attaches("amo", sample)
        visitor.see("amo-send").click()
        media(visitor, "message", kind).wait_for()
    visitor.page.locator('[data-testid="feed-item"][data-status="delivered"] [data-kind="file"]').wait_for()
    visitor.page.wait_for_function(PICTURE)
    take_picture(visitor.page, "media.png")
    return visitor.complaints


def edits_and_reactions(browser: Any, play: Play) -> list[str]:
    visitor = linked(browser, play)
    visitor.writes("Берём превый")
    visitor.waits_for("feed-item", "Берём превый")
    own = visitor.page.locator('[data-testid="message"][data-own="true"]').last
    own.hover()
    own.get_by_test_id("edit").click()
    visitor.writes("Берём первый")
    visitor.waits_for("feed-item", "Берём первый")
    visitor.see("feed-edited").wait_for()

    item = visitor.see("feed-item", "Берём первый")
    item.get_by_test_id("react").click()
    item.locator('[data-testid="pick-reaction"][data-emoji="👍"]').click()
    visitor.page.locator('[data-testid="message"] [data-testid="reaction"][data-emoji="👍"]').wait_for()
    item.get_by_test_id("feed-reply").click()
    visitor.see("amo-input").fill("Записал")
    visitor.see("typing").wait_for()
    visitor.see("amo-send").click()
    answer = visitor.see("message", "Записал")
    answer.wait_for()
    answer.hover()
    answer.get_by_test_id("react").click()
    answer.locator('[data-testid="pick-reaction"][data-emoji="🔥"]').click()
    visitor.page.locator('[data-testid="feed-item"] [data-testid="reaction"][data-emoji="🔥"]').wait_for()
    answer.get_by_test_id("reaction").click()
    visitor.page.locator('[data-testid="feed-item"] [data-testid="reaction"][data-emoji="🔥"]').wait_for(
        state="detached"
    )
    return visitor.complaints


def topics(browser: Any, play: Play) -> list[str]:
    visitor = linked(browser, play)
    visitor.see("manage-group").click()
    visitor.see("make-forum").click()
    visitor.see("new-topic-name").fill("Доставка")
    visitor.see("new-topic-create").click()
    visitor.see("dialog-close").click()
    visitor.opens_chat(play.world.group.title)
    visitor.see("topic-select").select_option(label="Доставка")
    visitor.writes("Когда привезёте?")
    visitor.waits_for("feed-item", "Когда привезёте?")
    visitor.waits_for("feed-item", "Доставка")
    visitor.see("amo-input").fill("Завтра до обеда")
    visitor.see("amo-send").click()
    answer = visitor.see("message", "Завтра до обеда")
    answer.wait_for()
    answer.get_by_test_id("message-topic").filter(has_text="Доставка").wait_for()
    return visitor.complaints


async def test_files_of_every_kind_reach_the_card(play, in_browser, tmp_path):
    chosen = tmp_path / "Смета.pdf"
    chosen.write_bytes(b"%PDF-1.4\n%%EOF\n")
    assert await in_browser(lambda browser: files_to_the_card(browser, play, chosen)) == []


async def test_files_of_every_kind_reach_telegram(play, in_browser):
    assert await in_browser(lambda browser: files_to_telegram(browser, play)) == []


async def test_edits_reactions_and_typing_are_seen_on_both_sides(play, in_browser):
    assert await in_browser(lambda browser: edits_and_reactions(browser, play)) == []


async def test_an_answer_goes_to_the_topic_of_the_question(play, in_browser):
    assert await in_browser(lambda browser: topics(browser, play)) == []
