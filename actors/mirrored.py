"""A manager's answer as the group's other deals show it: with its file, or in words where amoCRM does not take that.

The file is amoCRM's own: it is given the address that it gave us. amoCRM wants to know how large a file is (amoCRM
contract §7); one whose size nobody knows, since it never was fetched, is a line.
"""

from __future__ import annotations

from collections.abc import Callable

from dealgram.actors.attachment_texts import link_line
from dealgram.actors.bodies import MirrorAnswer
from dealgram.actors.body_parts import AmoFile
from dealgram.actors.contents import Way
from dealgram.actors.file_kinds import name_in
from dealgram.gateways import amojo


def mirror_ways(body: MirrorAnswer, said: Callable[[str], str]) -> tuple[Way, ...]:
    """The ways to import an answer, the best first. ``said`` puts a name before the words, where amoCRM shows none."""
    file = body.media
    if file is None:
        return (Way(amojo.text(said(body.text))),)
    words = "\n\n".join(part for part in (body.text, link_line(file)) if part)
    content = _content(file, said(body.text))
    return (*((Way(content),) if content is not None else ()), Way(amojo.text(said(words))))


def _content(file: AmoFile, text: str) -> amojo.Content | None:
    if not file.size:
        return None
    return amojo.Content(
        type=amojo.ContentType(file.type),
        text=text or None,
        media=file.url,
        file_name=file.name or name_in(file.url) or "file",
        file_size=file.size,
    )
