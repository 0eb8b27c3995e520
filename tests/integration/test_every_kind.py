"""Updates made from the published description of the Bot API: every kind there is, in a private chat and in a group.

The captured updates show what came once; this shows that nothing that may come disturbs the service, and that whatever
somebody sends leaves a line unless the document of kinds says otherwise.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from dealgram.actors.reading.describe import SILENT_EVENTS
from dealgram.gateways.telegram import message as gateway
from dealgram.sandbox.schema import _default_path

DESCRIPTION = _default_path()

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.is_file(), reason="no description of the Bot API beside the repository (shared/data)"
)

GROUP_ONLY = {"migrate_to_chat_id", "migrate_from_chat_id"}


class Maker:
    """Makes objects of the Bot API's types: required fields always, optional ones now and then."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.types = json.loads(path.read_text(encoding="utf-8"))["types"]
        self._rng = rng

    def value(self, kind: str, depth: int = 0) -> object:
        if kind.startswith("Array of "):
            return [self.value(kind.removeprefix("Array of "), depth + 1) for _ in range(self._rng.randint(1, 2))]
        match kind:
            case "Integer":
                return self._rng.choice([0, 1, 7, 2**31, 1_700_000_000])
            case "Float":
                return 55.5
            case "String":
                return self._rng.choice(["", "текст", "x" * 50])
            case "Boolean" | "True":
                return True
        described = self.types[kind]
        if "subtypes" in described:
            return self.value(self._rng.choice(described["subtypes"]), depth + 1)
        return {
            field["name"]: self.value(field["types"][0], depth + 1)
            for field in described.get("fields", ())
            if field["required"] or (depth < 2 and self._rng.random() < 0.3)
        }

    def field(self, of: str, name: str) -> object:
        found = next(field for field in self.types[of]["fields"] if field["name"] == name)
        return self.value(found["types"][0], 1)

    def names(self, of: str) -> list[str]:
        return [field["name"] for field in self.types[of]["fields"]]


@pytest.mark.parametrize("seed", range(2))
async def test_every_kind_of_message_is_seen_or_ignored_by_rule(stage, seed):
    world, make = stage.world, Maker(DESCRIPTION, random.Random(seed))
    await stage.link(world.cafe)
    kinds = [name for name in make.names("Message") if name not in gateway._ABOUT and name not in GROUP_ONLY]
    places = (
        {"id": world.igor.id, "type": "private", "first_name": "Игорь"},
        {"id": world.group.id, "type": "group", "title": world.group.title},
    )
    for number, kind in enumerate(kinds):
        for chat in places:
            content = {kind: "обычный текст" if kind == "text" else make.field("Message", kind)}
            body = {"message_id": 5000 + number, "date": 1_700_000_000, "chat": chat, "from": world.igor.as_user()}
            stage.telegram.inject(world.sales_bot, {"message": body | content})
    await stage.until(lambda: not stage.telegram.pending(world.sales_bot), "all fetched")
    await stage.quiet()
    await stage.assert_undisturbed()

    shown = [kind for kind in kinds if kind not in SILENT_EVENTS]
    prefix = f"tg-{world.sales_bot.id}-"
    private = {item.msgid for item in stage.card(world.igor)}
    assert private == {f"{prefix}{world.igor.id}-{5000 + kinds.index(kind)}" for kind in shown}
    everywhere = {message.msgid for message in world.account.messages.values() if message.msgid}
    group = {f"{prefix}{world.group.id}-{5000 + kinds.index(kind)}-d{world.cafe}" for kind in shown}
    assert {msgid for msgid in everywhere if msgid.startswith(f"{prefix}{world.group.id}-5")} == group
    assert all(item.text.strip() or item.media or item.location or item.contact for item in stage.card(world.igor))


@pytest.mark.parametrize("seed", range(2))
async def test_every_kind_of_update_is_taken_in(stage, seed):
    world, make = stage.world, Maker(DESCRIPTION, random.Random(seed))
    kinds = [name for name in make.names("Update") if name != "update_id"]
    for kind in kinds:
        for _ in range(3):
            stage.telegram.inject(world.sales_bot, {kind: make.field("Update", kind)})
        stage.telegram.inject(world.sales_bot, {kind: {}})
        stage.telegram.inject(world.sales_bot, {kind: None})
    stage.telegram.inject(world.sales_bot, {})
    stage.telegram.write(world.anna, world.sales_bot, "После всего")
    await stage.in_card(world.anna, "После всего")
    assert await stage.count("SELECT count(*) FROM inbox WHERE source LIKE 'telegram%'") >= 5 * len(kinds) + 2
    # Made-up people have impossible ids (0), for which amoCRM has no chat: those end as letters of the outbox.
    assert stage.service.system.snapshot().counters.restarts == 0
    assert await stage.count("SELECT count(*) FROM dead_letters WHERE origin = 'inbox'") == 0
