"""Media of the messages that an integration posts: amoCRM fetches each from its address and keeps it.

The documentation asks for an address that can be downloaded from, and for the true size of pictures, videos and files
(amoCRM contract §7). When and how often amoCRM fetches, and by which requests, is open (§20.18): switches
`media_fetch`, `media_late_s`, `media_first`. Promises: answers never wait for a fetch; what came is shown with the
message; what cannot be fetched, has another size than was said, or is of another kind is a violation, without the
address, which is the integration's secret.
"""

from __future__ import annotations

from functools import partial

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import SimMessage
from dealgram.sandbox.amocrm.downloads import Download
from dealgram.sandbox.amocrm.world import World

_FITTING: dict[str, tuple[str, ...]] = {
    "picture": ("image/",),
    "video": ("video/",),
    "voice": ("audio/", "application/ogg"),
    "audio": ("audio/", "application/ogg"),
    "sticker": ("image/",),
}


def posted(world: World, account: SimAccount, message: SimMessage) -> None:
    """A message was accepted, or edited to have another file."""
    url = message.content.get("media")
    late = world.switches.media_late_s
    delays = {"at_once": (0.0,), "late": (late,), "twice": (0.0, late), "never": ()}[world.switches.media_fetch]
    if url:
        for delay in delays:
            done = partial(_came, world, account, message)
            world.downloads.ask(url, done, first=world.switches.media_first, after_s=delay)


def fetched(world: World, message: SimMessage) -> Download | None:
    """What came for the file that the message has now."""
    found = world.media.get(message.id)
    return found if found is not None and found.url == message.content.get("media") else None


def _came(world: World, account: SimAccount, message: SimMessage, found: Download) -> None:
    if account.messages.get(message.id) is not message or message.content.get("media") != found.url:
        return  # forgotten, or edited meanwhile: nobody waits for this file any more
    earlier = fetched(world, message)
    content = message.content
    for text in _problems(content["type"], content.get("file_size"), earlier, found):
        world.violate(f"media of {message.msgid or message.id} ({content['type']}): {text}")
    if earlier is None or earlier.trouble or not found.trouble:
        world.media.keep(message.id, found)
    world.changed(account, message)


def _problems(kind: str, told_size: int | None, earlier: Download | None, found: Download) -> list[str]:
    if found.trouble:
        return [found.trouble]
    problems: list[str] = []
    if told_size is not None and told_size != found.size:
        problems.append(f"file_size is {told_size}, the file has {found.size} bytes")
    fitting = _FITTING.get(kind)
    if fitting is not None and not found.content_type.startswith(fitting):
        problems.append(f"the content type {found.content_type!r} does not fit")
    if earlier is not None and not earlier.trouble and earlier.sha256 != found.sha256:
        problems.append("the address gives another file than before")
    return problems
