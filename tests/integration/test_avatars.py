"""Pictures of people and groups: looked up once, fetched by amoCRM from us, never worth a message."""

from __future__ import annotations

import socket

import httpx
import pytest
import trio

from dealgram.sandbox.amocrm import Switches as AmoSwitches

PICTURE = b"\xff\xd8\xff\xe0 a picture of Anna " + bytes(range(256)) * 300


@pytest.fixture
def amo_switches() -> AmoSwitches:
    return AmoSwitches(rest_rate_per_s=None, fetch_avatars=True)


@pytest.fixture
async def shown(empty_stage, connected):
    """A stage that amoCRM can reach from outside."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    update = {"port": port, "public_url": f"http://127.0.0.1:{port}"}
    empty_stage.settings = empty_stage.settings.model_copy(update=update)
    async with connected(empty_stage):
        await empty_stage.settled()
        yield empty_stage


def participant(stage, person):
    return stage.world.account.participants.get(f"tgu-{person.id}")


async def fetched(stage, url):
    with trio.fail_after(10):
        while url not in stage.amo.world.pictures.fetched:  # noqa: ASYNC110 - nobody announces a fetch
            await trio.sleep(0.01)
    return stage.amo.world.pictures.fetched[url]


def calls(stage, method):
    return [call for call in stage.telegram.requests if call.method == method]


def looked_for(stage, person):
    """The look-ups of a person's picture; the bots look for their own when they are connected."""
    return [call for call in calls(stage, "getUserProfilePhotos") if call.params["user_id"] == person.id]


async def test_amocrm_gets_a_persons_picture_from_us_and_never_a_token(shown):
    stage, world = shown, shown.world
    stage.telegram.files.set_photo(world.anna, PICTURE)
    stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
    await stage.in_card(world.anna, "Добрый день")
    stage.telegram.write(world.anna, world.sales_bot, "И ещё")
    await stage.in_card(world.anna, "И ещё")

    url = participant(stage, world.anna).avatar
    assert url.startswith(f"{stage.settings.public_url}/media/")
    picture = await fetched(stage, url)
    assert (picture.status, picture.content_type, picture.body) == (200, "image/jpeg", PICTURE)
    assert len(looked_for(stage, world.anna)) == 1

    token = world.sales_bot.token
    assert token.partition(":")[2] not in url
    assert not any(token.partition(":")[2].encode() in request.body for request in stage.amo.requests)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_group_shows_its_own_picture(shown):
    stage, world = shown, shown.world
    stage.telegram.files.set_photo(world.group, PICTURE)
    await stage.link(world.cafe)
    people = stage.world.account.participants
    (group,) = [one for key, one in people.items() if key.startswith("tgg-")]
    assert (await fetched(stage, group.avatar)).body == PICTURE

    stage.telegram.files.set_photo(world.group, None)
    async with httpx.AsyncClient(trust_env=False) as client:
        gone = await client.get(group.avatar)
    assert gone.status_code in (200, 404)  # Telegram's path is good for up to an hour
    stage.assert_clean()


async def test_hidden_pictures_and_failing_look_ups_cost_no_message(shown):
    stage, world = shown, shown.world
    stage.telegram.files.set_photo(world.anna, PICTURE)
    stage.telegram.files.hide_photos(world.anna)
    stage.telegram.write(world.anna, world.sales_bot, "Без портрета")
    await stage.in_card(world.anna, "Без портрета")
    assert participant(stage, world.anna).avatar == ""

    order = stage.telegram.faults.answer("getUserProfilePhotos", status=502, times=None)
    stage.telegram.write(world.igor, world.sales_bot, "Телеграм болеет")
    await stage.in_card(world.igor, "Телеграм болеет")
    stage.telegram.write(world.maria, world.sales_bot, "И я")
    await stage.in_card(world.maria, "И я")
    assert order.hits == 1, "after a failure the others' look-ups wait"
    await stage.assert_undisturbed()


async def test_without_a_public_address_no_picture_is_looked_up(stage):
    world = stage.world
    stage.service.services.place.public_url = None
    stage.telegram.files.set_photo(world.anna, PICTURE)
    stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
    await stage.in_card(world.anna, "Добрый день")
    assert participant(stage, world.anna).avatar == ""
    assert [looked_for(stage, person) for person in world.people] == [[], [], []]
    stage.assert_clean()


async def test_a_link_serves_ranges_and_heads_and_dies_with_its_bot(shown):
    stage, world = shown, shown.world
    stage.telegram.files.set_photo(world.anna, PICTURE)
    stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
    await stage.in_card(world.anna, "Добрый день")
    url = participant(stage, world.anna).avatar
    async with httpx.AsyncClient(trust_env=False) as client:
        head = await client.head(url)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(PICTURE)), b"")
        part = await client.get(url, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, PICTURE[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(PICTURE)}"
        tail = await client.get(url, headers={"Range": "bytes=-50"})
        assert tail.content == PICTURE[-50:]
        beyond = await client.get(url, headers={"Range": f"bytes={len(PICTURE)}-"})
        assert beyond.status_code == 416
        known = await client.get(url, headers={"If-None-Match": head.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")

        stage.telegram.files.forget_paths()  # the hour is over: the path is asked for anew
        assert (await client.get(url)).content == PICTURE

        forged = await client.get(url[:-3] + ("AAA" if not url.endswith("AAA") else "BBB"))
        assert forged.status_code == 403
        assert (await client.get(f"{stage.settings.public_url}/media/nonsense")).status_code == 404

        services = stage.service.services
        await services.db.execute("UPDATE bots SET status = 'removed' WHERE bot_id = $1", world.sales_bot.id)
        await services.registry.refresh()
        gone = await client.get(url)
        assert gone.status_code == 410
        assert gone.json()["error"]["code"] == "gone"
    stage.assert_clean()
