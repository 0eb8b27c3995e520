"""Entities and markup: UTF-16 offsets, what Telegram finds by itself, what is broken markup."""

from __future__ import annotations

import pytest

from dealgram.sandbox.telegram.errors import ApiError
from dealgram.sandbox.telegram.formatting import parse
from dealgram.sandbox.telegram.text import finish


def marked(text, mode):
    plain, entities = parse(text, mode)
    units = plain.encode("utf-16-le")
    found = []
    for entity in sorted(entities, key=lambda entity: (entity["offset"], -entity["length"])):
        span = units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
        rest = {name: value for name, value in entity.items() if name not in ("type", "offset", "length")}
        found.append((entity["type"], span, *rest.values()))
    return plain, found


def test_found_entities_count_utf16_units():
    formatted = finish("😀 @anna_b /menu@bridge_bot и https://ya.ru/путь, a@b.ru #стройка /x/y @ab", [])
    units = formatted.text.encode("utf-16-le")
    assert [
        (entity["type"], units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le"))
        for entity in formatted.entities
    ] == [
        ("mention", "@anna_b"),
        ("bot_command", "/menu@bridge_bot"),
        ("url", "https://ya.ru/путь"),
        ("email", "a@b.ru"),
        ("hashtag", "#стройка"),
    ]


def test_trimming_moves_and_cuts_given_entities():
    formatted = finish(
        "  😀ab  ", [{"type": "bold", "offset": 0, "length": 5}, {"type": "italic", "offset": 6, "length": 2}]
    )
    assert formatted.content() == {"text": "😀ab", "entities": [{"type": "bold", "offset": 0, "length": 3}]}


def test_nothing_is_found_inside_code():
    text = "@anna_b /menu"
    formatted = finish(text, [{"type": "code", "offset": 0, "length": 7}])
    assert [entity["type"] for entity in formatted.entities] == ["code", "bot_command"]


@pytest.mark.parametrize(
    ("source", "plain", "entities"),
    [
        (
            "😀<b>жирный <i>и</i></b> &lt;x&gt; &amp; &#33; & прочее",
            "😀жирный и <x> & ! & прочее",
            [("bold", "жирный и"), ("italic", "и")],
        ),
        (
            '<a href="https://a.example/?a=1&amp;b=2">тут</a>',
            "тут",
            [("text_link", "тут", "https://a.example/?a=1&b=2")],
        ),
        ('<pre><code class="language-python">x</code></pre>', "x", [("pre", "x", "python")]),
        ('<span class="tg-spoiler">т</span><tg-spoiler>с</tg-spoiler>', "тс", [("spoiler", "т"), ("spoiler", "с")]),
        ("<blockquote expandable>ц</blockquote><u></u>", "ц", [("expandable_blockquote", "ц")]),
    ],
)
def test_html(source, plain, entities):
    assert marked(source, "HTML") == (plain, entities)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("<b>a", "Can't find end tag corresponding to start tag b"),
        ("я<font>a</font>", 'Unsupported start tag "font" at byte offset 2'),
        ("<b>a</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("a < b", "Unclosed start tag at byte offset 2"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_broken_html(source, problem):
    with pytest.raises(ApiError, match="can't parse entities: ") as refused:
        parse(source, "HTML")
    assert problem in refused.value.description


@pytest.mark.parametrize(
    ("source", "plain", "entities"),
    [
        (
            "*ж _и_* __п__ ~з~ ||с||",
            "ж и п з с",
            [("bold", "ж и"), ("italic", "и"), ("underline", "п"), ("strikethrough", "з"), ("spoiler", "с")],
        ),
        (r"1\. a\*b\\", r"1. a*b" + "\\", []),
        ("[тут](https://a.example/\\))", "тут", [("text_link", "тут", "https://a.example/)")]),
        ("`a*b` ```py\nx=1\n```", "a*b x=1\n", [("code", "a*b"), ("pre", "x=1\n", "py")]),
        (">раз\n>два\nтри", "раз\nдва\nтри", [("blockquote", "раз\nдва")]),
    ],
)
def test_markdown(source, plain, entities):
    assert marked(source, "MarkdownV2") == (plain, entities)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("Цена 1.5", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("*жирный", "Can't find end of Bold entity at byte offset 0"),
        ("`код", "Can't find end of Code entity at byte offset 0"),
        ("a-b", "Character '-' is reserved"),
    ],
)
def test_broken_markdown(source, problem):
    with pytest.raises(ApiError, match="can't parse entities: ") as refused:
        parse(source, "MarkdownV2")
    assert problem in refused.value.description
