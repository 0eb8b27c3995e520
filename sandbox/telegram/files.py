"""Files of the simulated Telegram as bots fetch them, and the pictures of people and groups.

Owns `getUserProfilePhotos`, `getFile` and `/file/bot<token>/<path>`. As in real life a file id is good for one bot
only and names the same file for ever (a group's picture: until it is changed), getFile gives a path that lives for an
hour, a person may hide their pictures from bots, a bot has one picture at most and sees it under its own id, and
nothing above 20 MB is served. A server of one's own in local mode (`Switches.local_files`) names absolute paths on its
disk instead, of files of any size, and serves nothing (Bot API: Using a Local Bot API Server).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec
from quart import Response

from dealgram.sandbox.telegram.errors import NO_SUCH_METHOD, UNAUTHORIZED, ApiError, bad_request
from dealgram.sandbox.telegram.file_store import FileStore, SimFile
from dealgram.sandbox.telegram.methods import Method
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat, SimUser, World

BIGGEST = 20 * 1024 * 1024
PATH_LIFE_S = 3600.0
SIDES = (160, 320, 640)
_PATHS_KEPT = 10_000
_WRONG_ID = "wrong file_id or the file is temporarily unavailable"


class GetFile(msgspec.Struct, kw_only=True):
    file_id: str


class GetUserProfilePhotos(msgspec.Struct, kw_only=True):
    user_id: int
    offset: int = 0
    limit: int = 100


class Files:
    """The methods about files. `store` holds the bytes."""

    def __init__(self, world: World, store: FileStore, switches: Switches, now: Callable[[], float]) -> None:
        self._world = world
        self._store = store
        self._switches = switches
        self._now = now
        self._people: dict[int, list[SimFile]] = {}
        self._hidden: set[int] = set()
        self._chats: dict[int, SimFile] = {}
        self._paths: OrderedDict[tuple[int, str], tuple[SimFile, float]] = OrderedDict()

    def methods(self) -> dict[str, Method]:
        return {
            "getFile": Method(GetFile, self.get_file),
            "getUserProfilePhotos": Method(GetUserProfilePhotos, self.get_photos),
        }

    def add(self, data: bytes, *, extension: str = "jpg", size: int | None = None) -> SimFile:
        """Keeps a file for ever."""
        return self._store.add(data, extension=extension, size=size)

    def set_photo(self, party: SimUser | SimChat | SimBot, data: bytes | None, *, size: int | None = None) -> None:
        """A new picture, in front of a person's older ones, instead of a bot's; None takes all away."""
        old = self._chats.pop(party.id, None)
        if old is not None:
            self._store.forget(old)  # a group's picture can be fetched only as long as it is the group's
        if data is None:
            self._people.pop(party.id, None)
        elif isinstance(party, SimBot):
            self._people[party.id] = [self.add(data, size=size)]
        elif isinstance(party, SimUser):
            self._people.setdefault(party.id, []).insert(0, self.add(data, size=size))
        else:
            self._chats[party.id] = self.add(data, size=size)

    def hide_photos(self, person: SimUser, *, hidden: bool = True) -> None:
        """The person's privacy settings show bots no picture."""
        (self._hidden.add if hidden else self._hidden.discard)(person.id)

    def forget_paths(self) -> None:
        """All paths that getFile gave out end now."""
        self._paths.clear()

    def photo_of(self, chat: SimChat, bot: SimBot) -> Json | None:
        """ChatPhoto of a group."""
        file = self._chats.get(chat.id)
        if file is None:
            return None
        names = {"file_id": file.id_for(bot), "file_unique_id": file.unique_id}
        return {f"{size}_{name}": value for size in ("small", "big") for name, value in names.items()}

    def get_photos(self, bot: SimBot, call: GetUserProfilePhotos) -> Json:
        if call.user_id not in self._world.people and call.user_id not in self._world.bots:
            raise bad_request("user not found")
        files = [] if call.user_id in self._hidden else self._people.get(call.user_id, [])
        shown = files[call.offset : call.offset + min(call.limit, 100)]
        return {"total_count": len(files), "photos": [self._sizes(bot, file) for file in shown]}

    def get_file(self, bot: SimBot, call: GetFile) -> Json:
        file = self._store.named(bot, call.file_id)
        if file is None:
            raise bad_request(_WRONG_ID)
        found = {"file_id": call.file_id, "file_unique_id": file.unique_id, "file_size": file.size}
        folder = self._switches.local_files
        if folder is not None:
            return found | {"file_path": str(_on_disk(folder / str(bot.id), file))}
        if file.size > BIGGEST:
            raise bad_request("file is too big")
        self._paths[bot.id, file.path] = (file, self._now() + PATH_LIFE_S)
        if len(self._paths) > _PATHS_KEPT:
            self._paths.popitem(last=False)
        return found | {"file_path": file.path}

    def serve(self, token: str, path: str) -> Response:
        """GET /file/bot<token>/<path>. The real server calls every file an octet stream."""
        bot = self._world.bot_by_token(token)
        if bot is None:
            raise ApiError(*UNAUTHORIZED)
        found = self._paths.get((bot.id, path))
        if found is None or found[1] <= self._now():
            raise ApiError(NO_SUCH_METHOD[0], "Not Found")
        return Response(found[0].data, content_type="application/octet-stream")

    def _sizes(self, bot: SimBot, file: SimFile) -> list[Json]:
        # One picture in three sizes; the sandbox keeps its bytes once, so all have one id.
        return [
            {
                "file_id": file.id_for(bot),
                "file_unique_id": file.unique_id,
                "width": side,
                "height": side,
                "file_size": file.size,
            }
            for side in SIDES
        ]


def _on_disk(folder: Path, file: SimFile) -> Path:
    """The file where a server in local mode would have put it; what `size` claims beyond the bytes is a hole."""
    path = (folder / file.path).absolute()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as written:
            written.write(file.data)
            written.truncate(file.size)
    return path
