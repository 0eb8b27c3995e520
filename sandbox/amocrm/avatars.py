"""Pictures of participants, as amoCRM fetches them from the addresses that integrations give.

When and how often amoCRM fetches is not documented (amoCRM contract §7, §20.18): with the switch `fetch_avatars` each
new address is fetched once, soon after it was given; without it addresses are only recorded. A picture that cannot be
fetched, or is none, is a violation.
"""

from __future__ import annotations

from functools import partial

from dealgram.sandbox.amocrm.conversations import Participant
from dealgram.sandbox.amocrm.downloads import Download
from dealgram.sandbox.amocrm.world import World


def seen(world: World, person: Participant) -> None:
    """A participant was described, perhaps with a picture."""
    url = person.avatar
    if world.switches.fetch_avatars and url and world.pictures.first_time(url):
        world.downloads.ask(url, partial(_came, world, person.client_id), first=world.switches.media_first)


def _came(world: World, client_id: str, found: Download) -> None:
    world.pictures.keep(found.url, found)
    if found.trouble:
        world.violate(f"the picture of {client_id}: {found.trouble}")
    elif not found.content_type.startswith("image/"):
        world.violate(f"the picture of {client_id} has the type {found.content_type!r}")
