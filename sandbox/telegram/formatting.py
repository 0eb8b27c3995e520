"""`parse_mode`: HTML and MarkdownV2 (Bot API: formatting options), with the errors that the real server gives.

Promises: the result is the text without its markup and the entities in UTF-16 units; broken markup raises the 400
that a client gets in real life ("can't parse entities: …"). Custom emoji and dates of the newest versions are not
parsed.
"""

from __future__ import annotations

import html
import re

from dealgram.sandbox.telegram.errors import ApiError, bad_request
from dealgram.sandbox.telegram.text import utf16_length
from dealgram.sandbox.telegram.world import Json

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "span": "spoiler",
}
_TAG = re.compile(r"<(/?)([a-zA-Z-]+)((?:\s+[a-zA-Z-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*)\s*>")
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
_MARKS = (("||", "spoiler"), ("__", "underline"), ("*", "bold"), ("_", "italic"), ("~", "strikethrough"))
_RESERVED = "_*[]()~`>#+-=|{}.!"


class _Builder:
    """Collects text and counts its UTF-16 units."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.position = 0
        self.entities: list[Json] = []

    def add(self, text: str) -> None:
        self._parts.append(text)
        self.position += utf16_length(text)

    def mark(self, kind: str, start: int, **more: str) -> None:
        if self.position > start:
            self.entities.append({"type": kind, "offset": start, "length": self.position - start, **more})

    @property
    def text(self) -> str:
        return "".join(self._parts)


def parse(text: str, mode: str) -> tuple[str, list[Json]]:
    """The text and entities of a marked-up text; raises the server's 400 for broken markup and unknown modes."""
    match mode.lower():
        case "":
            return text, []
        case "html":
            return _parse_html(text)
        case "markdownv2":
            return _parse_markdown(text)
        case _:
            raise bad_request("unsupported parse_mode")


def _broken(text: str) -> ApiError:
    return bad_request(f"can't parse entities: {text}")


def _at(text: str, index: int) -> int:
    return len(text[:index].encode())


def _parse_html(source: str) -> tuple[str, list[Json]]:
    out = _Builder()
    open_tags: list[tuple[str, int, dict[str, str]]] = []
    index = 0
    while index < len(source):
        character = source[index]
        if character == "&":
            match = _ENTITY.match(source, index)
            out.add(html.unescape(match[0]) if match else "&")
            index = match.end() if match else index + 1
        elif character == "<":
            tag = _TAG.match(source, index)
            if tag is None:
                raise _broken(f"Unclosed start tag at byte offset {_at(source, index)}")
            _html_tag(out, open_tags, tag, source)
            index = tag.end()
        else:
            out.add(character)
            index += 1
    if open_tags:
        raise _broken(f"Can't find end tag corresponding to start tag {open_tags[-1][0]}")
    return out.text, out.entities


def _html_tag(out: _Builder, open_tags: list[tuple[str, int, dict[str, str]]], tag: re.Match[str], source: str) -> None:
    name = tag[2].lower()
    if name not in _TAGS:
        raise _broken(f'Unsupported start tag "{name}" at byte offset {_at(source, tag.start())}')
    if not tag[1]:
        attributes = {found[0].lower(): found[1] or found[2] or found[3] for found in _ATTRIBUTE.findall(tag[3])}
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise _broken(f'Tag "span" must have class "tg-spoiler" at byte offset {_at(source, tag.start())}')
        open_tags.append((name, out.position, attributes))
        return
    if not open_tags:
        raise _broken(f"Unexpected end tag at byte offset {_at(source, tag.start())}")
    opened, start, attributes = open_tags.pop()
    if opened != name:
        offset = _at(source, tag.start())
        raise _broken(f'Unmatched end tag at byte offset {offset}, expected "</{opened}>", found "</{name}>"')
    if name == "a":
        if attributes.get("href"):
            out.mark("text_link", start, url=html.unescape(attributes["href"]))
    elif name == "code" and open_tags and open_tags[-1][0] == "pre":
        open_tags[-1][2].setdefault("language", attributes.get("class", "").removeprefix("language-"))
    elif name == "pre" and attributes.get("language"):
        out.mark("pre", start, language=attributes["language"])
    elif name == "blockquote" and "expandable" in attributes:
        out.mark("expandable_blockquote", start)
    else:
        out.mark(_TAGS[name], start)


def _parse_markdown(source: str) -> tuple[str, list[Json]]:
    out = _Builder()
    open_marks: list[tuple[str, int]] = []
    quote_start: int | None = None
    index = 0
    while index < len(source):
        if quote_start is None and source[index] == ">" and source[index - 1 : index] in ("", "\n"):
            quote_start, index = out.position, index + 1
            continue
        if source[index] == "\n" and quote_start is not None:
            if source[index + 1 : index + 2] == ">":
                out.add("\n")
                index += 2
                continue
            out.mark("blockquote", quote_start)
            quote_start = None
        index = _markdown_step(out, open_marks, source, index)
    if open_marks:
        mark, start = open_marks[-1]
        name = dict(_MARKS).get(mark, "text_link")
        raise _broken(f"Can't find end of {name.title().replace('_', '')} entity at byte offset {start}")
    if quote_start is not None:
        out.mark("blockquote", quote_start)
    return out.text, out.entities


def _markdown_step(out: _Builder, open_marks: list[tuple[str, int]], source: str, index: int) -> int:
    """Handles what stands at `index` and returns where to go on."""
    character = source[index]
    if character == "\\" and index + 1 < len(source) and 0 < ord(source[index + 1]) < 127:
        out.add(source[index + 1])
        return index + 2
    if character == "`":
        return _markdown_code(out, source, index)
    if character == "[":
        open_marks.append(("[", out.position))
        return index + 1
    if character == "]" and open_marks and open_marks[-1][0] == "[":
        _, start = open_marks.pop()
        link = re.compile(r"\]\(((?:\\.|[^\\)])*)\)").match(source, index)
        if link is None:
            return index + 1
        out.mark("text_link", start, url=re.sub(r"\\(.)", r"\1", link[1]))
        return link.end()
    for mark, kind in _MARKS:
        if source.startswith(mark, index):
            if open_marks and open_marks[-1][0] == mark:
                out.mark(kind, open_marks.pop()[1])
            else:
                open_marks.append((mark, out.position))
            return index + len(mark)
    if character in _RESERVED:
        raise _broken(f"Character '{character}' is reserved and must be escaped with the preceding '\\'")
    out.add(character)
    return index + 1


def _markdown_code(out: _Builder, source: str, index: int) -> int:
    fence = "```" if source.startswith("```", index) else "`"
    end = source.find(fence, index + len(fence))
    if end < 0:
        raise _broken(f"Can't find end of {'Pre' if fence == '```' else 'Code'} entity at byte offset {index}")
    inner = source[index + len(fence) : end]
    start = out.position
    language = re.match(r"([^\s`]+)\n", inner) if fence == "```" else None
    inner = inner[language.end() :] if language else inner.removeprefix("\n") if fence == "```" else inner
    out.add(re.sub(r"\\([\\`])", r"\1", inner))
    if language:
        out.mark("pre", start, language=language[1])
    else:
        out.mark("pre" if fence == "```" else "code", start)
    return end + len(fence)
