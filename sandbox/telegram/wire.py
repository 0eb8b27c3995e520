"""How a call of the Bot API comes over the wire, and how it is answered.

Owns decoding: GET and POST; query, form, multipart and JSON bodies; values that are JSON inside a string, as clients
send nested objects; files that other parameters name with `attach://`. Parameters mean the same in every method, so one
table of names is enough, and it works without the published description too; a test holds the table against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from quart import Request, Response

from dealgram.sandbox.schema import Upload
from dealgram.sandbox.telegram.errors import ApiError, bad_request
from dealgram.sandbox.telegram.methods import Described
from dealgram.sandbox.telegram.world import Json

INTEGERS = frozenset(
    {
        "message_id",
        "message_thread_id",
        "direct_messages_topic_id",
        "user_id",
        "offset",
        "limit",
        "duration",
        "width",
        "height",
        "length",
        "start_timestamp",
        "live_period",
        "heading",
        "proximity_alert_radius",
        "timeout",
        "max_connections",
        "cache_time",
    }
)
BOOLEANS = frozenset(
    {
        "disable_notification",
        "protect_content",
        "allow_paid_broadcast",
        "show_alert",
        "drop_pending_updates",
        "return_bots",
        "has_spoiler",
        "show_caption_above_media",
        "supports_streaming",
        "disable_content_type_detection",
        "is_big",
    }
)
STRUCTURES = frozenset(
    {
        "entities",
        "link_preview_options",
        "suggested_post_parameters",
        "reply_parameters",
        "reply_markup",
        "allowed_updates",
        "commands",
        "scope",
        "rich_message",
        "caption_entities",
        "media",
        "reaction",
        "custom_emoji_ids",
    }
)
FLOATS = frozenset({"latitude", "longitude", "horizontal_accuracy"})
_ATTACH = "attach://"
_TRUE = frozenset({"true", "1", "yes", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "f", "n"})


async def parameters(request: Request) -> Json:
    """The parameters of a call, decoded. Raises 400 for a body or a value that cannot be read."""
    raw: Json = dict(request.args.items())
    if request.method == "POST":
        if request.mimetype == "application/json":
            raw |= _object(await request.get_data(as_text=False))
        else:
            raw |= dict((await request.form).items())
            for name, file in (await request.files).items():
                data = file.read()
                raw[name] = Upload(file.filename or name, len(data), data, file.mimetype or "")
    return decoded(raw)


def decoded(raw: Mapping[str, Any]) -> Json:
    return {name: _value(name, value) for name, value in raw.items() if value is not None}


def attached(params: Mapping[str, Any]) -> tuple[Json, Json]:
    """The parameters without the files that others name, and those files by name (Bot API: Sending files)."""
    names = set(_references(params))
    files = {name: value for name, value in params.items() if isinstance(value, Upload) and name in names}
    return {name: value for name, value in params.items() if name not in files}, files


def with_files(value: Any, files: Mapping[str, Upload]) -> Any:
    """The value with every `attach://name` exchanged for its file; a name without a file stays as it is."""
    if isinstance(value, dict):
        return {name: with_files(one, files) for name, one in value.items()}
    if isinstance(value, list):
        return [with_files(one, files) for one in value]
    if isinstance(value, str) and value.startswith(_ATTACH):
        return files.get(value.removeprefix(_ATTACH), value)
    return value


def loggable(params: Mapping[str, Any]) -> Json:
    """The parameters without the bytes of files, which would fill a log."""
    return {name: value.without_data() if isinstance(value, Upload) else value for name, value in params.items()}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    elif isinstance(value, str) and value.startswith(_ATTACH):
        yield value.removeprefix(_ATTACH)


def answer(result: object) -> Response:
    """`{"ok": true, "result": …}`."""
    body: Json = {"ok": True, "result": result}
    if isinstance(result, Described):
        body = {"ok": True, "result": result.result, "description": result.description}
    return _response(body, 200)


def refusal(error: ApiError) -> Response:
    """`{"ok": false, …}` with the code as HTTP status, and `Retry-After` where the error names a time."""
    response = _response(error.body(), error.code)
    if "retry_after" in error.parameters:
        response.headers["Retry-After"] = str(error.parameters["retry_after"])
    return response


def _response(body: Json, status: int) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")


def _object(body: bytes | str) -> Json:
    if not body:
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(parsed, dict):
        raise bad_request("can't parse JSON object")
    return parsed


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "chat_id" or name in INTEGERS:
        try:
            return int(value)
        except ValueError:
            return value
    if name in FLOATS:
        try:
            return float(value)
        except ValueError:
            return value
    if name in BOOLEANS:
        lowered = value.lower()
        return True if lowered in _TRUE else False if lowered in _FALSE else value
    if name in STRUCTURES:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None
    return value
