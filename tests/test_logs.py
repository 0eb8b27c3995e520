"""Logs: readable on a terminal, JSON otherwise, and no secret in either, whoever writes the line."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings

import pytest
import structlog

from dealgram.logs import QUIET, configure, redact

BOT_TOKEN = "700123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
CHANNEL_SECRET = "0123456789abcdef-channel"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore_logging(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in QUIET}
    yield
    configure()  # forgets the known secrets
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    configure(stream=stream)
    structlog.get_logger("dealgram.test").info("group linked", group=12, name="Сделка")
    logging.getLogger("dealgram.runtime").warning("slow handler: %s", "group:12", extra={"seconds": 31})
    first, second = lines(stream)
    assert first["message"] == "group linked"
    assert (first["level"], first["logger"], first["group"], first["name"]) == ("info", "dealgram.test", 12, "Сделка")
    assert str(first["timestamp"]).endswith("Z")
    assert list(first)[:4] == ["timestamp", "level", "logger", "message"]
    assert (second["message"], second["level"], second["seconds"]) == ("slow handler: group:12", "warning", 31)
    assert "Сделка" in stream.getvalue()


def test_readable_and_coloured_on_a_terminal(monkeypatch):
    stream = Terminal()
    configure(stream=stream)
    structlog.get_logger("dealgram.test").info("group linked", group=12)
    assert "group linked" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    configure(stream=plain)
    structlog.get_logger("dealgram.test").info("group linked", group=12)
    assert "\x1b[" not in plain.getvalue()
    assert stream.getvalue().count("group linked") == 1


def test_the_format_can_be_chosen():
    stream = Terminal()
    configure(stream=stream, log_format="json")
    logging.getLogger("dealgram").info("one")
    assert lines(stream)[0]["message"] == "one"
    stream = io.StringIO()
    configure(stream=stream, log_format="console")
    logging.getLogger("dealgram").info("two")
    assert "two" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_the_level_holds_for_both_kinds_of_loggers():
    stream = io.StringIO()
    configure(stream=stream, level="warning")
    structlog.get_logger("dealgram.test").info("quiet")
    logging.getLogger("dealgram.test").info("quiet")
    structlog.get_logger("dealgram.test").warning("loud")
    assert [line["message"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "write",
    [
        lambda: structlog.get_logger("t").error(f"call to /bot{BOT_TOKEN}/getMe failed"),
        lambda: structlog.get_logger("t").error("call failed", url=f"https://api.telegram.org/bot{BOT_TOKEN}/getMe"),
        lambda: structlog.get_logger("t").error("nested", data={"calls": [{"path": f"/bot{BOT_TOKEN}"}]}),
        lambda: structlog.get_logger("t").error("key", **{f"/bot{BOT_TOKEN}": 1, "nested": {BOT_TOKEN: 1}}),
        lambda: structlog.get_logger("t").error("an object", thing=ValueError(BOT_TOKEN)),
        lambda: structlog.get_logger("t").error("bytes", raw=BOT_TOKEN.encode()),
        lambda: structlog.get_logger("t").error("%s failed", BOT_TOKEN),
        lambda: logging.getLogger("t").error("%s failed", f"/bot{BOT_TOKEN}/getMe"),
        lambda: logging.getLogger("t").error("extra", extra={"url": f"/bot{BOT_TOKEN}"}),
        lambda: logging.getLogger("t").error("stack", stack_info=True, extra={"stack_of": BOT_TOKEN}),
        lambda: structlog.get_logger("t").error("configured", text=f"signed with {CHANNEL_SECRET}"),
        lambda: structlog.get_logger("t").error("named", amojo_secret="a", access_token="b", Authorization="c"),
        lambda: structlog.get_logger("t").error("nested name", headers={"authorization": "a", "X-Token": "b"}),
        lambda: structlog.get_logger("t").error("header Authorization: Bearer abc.def-ghi123"),
        lambda: structlog.get_logger("t").error("form client_secret=hunter2hunter2&grant_type=refresh_token"),
        lambda: structlog.get_logger("t").error('json {"refresh_token": "hunter2hunter2"}'),
        lambda: structlog.get_logger("t").error("repr Tokens(refresh_token='hunter2hunter2')"),
        lambda: structlog.get_logger("t").error("connect postgresql://dealgram:hunter2hunter2@db/x"),
    ],
)
def test_secrets_are_never_written(log_format, write):
    stream = io.StringIO()
    configure(stream=stream, log_format=log_format, secrets=[CHANNEL_SECRET, "", "ab"])
    write()
    text = stream.getvalue()
    assert "***" in text
    for secret in (BOT_TOKEN.partition(":")[2], CHANNEL_SECRET, "abc.def-ghi123", "hunter2hunter2"):
        assert secret not in text
    for value in ("'a'", "'b'", '"a"', '"b"', "=a ", "=b "):
        assert value not in text


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("kind", ["structlog", "stdlib"])
def test_tracebacks_are_written_without_secrets_and_without_local_variables(log_format, kind):
    stream = io.StringIO()
    configure(stream=stream, log_format=log_format, secrets=[CHANNEL_SECRET])

    def fail() -> None:
        local_variable = "only-in-the-frame" + str(len(CHANNEL_SECRET))
        raise ValueError(f"POST /bot{BOT_TOKEN}/sendMessage with {CHANNEL_SECRET}" + local_variable[:0])

    try:
        fail()
    except ValueError as error:
        group = ExceptionGroup("deliveries", [error])
        if kind == "structlog":
            structlog.get_logger("t").error("failed", exc_info=group)
        else:
            logging.getLogger("t").error("failed", exc_info=group)
    text = stream.getvalue()
    assert "Traceback" in text
    assert "sendMessage" in text
    assert BOT_TOKEN.partition(":")[2] not in text
    assert CHANNEL_SECRET not in text
    assert f"only-in-the-frame{len(CHANNEL_SECRET)}" not in text


def test_what_is_no_secret_stays_readable():
    for text in (
        "token refresh failed: status 401",
        "lead 42:17 at 12:30:45",
        "https://example.org:8080/path",
        "passwords are never logged",
        "the bearer of news",
        "sha256:0f",
    ):
        assert redact(text) == text
    assert redact(f"/bot{BOT_TOKEN}/x") == "/bot700123456:***/x"


def test_libraries_that_write_a_line_per_request_are_quiet():
    stream = io.StringIO()
    configure(stream=stream, level="debug")
    for name in ("httpx", "httpcore.connection", "hypercorn.error", "hypercorn.access"):
        logging.getLogger(name).info("HTTP Request: POST https://example.org")
        logging.getLogger(name).warning("trouble")
    assert [line["message"] for line in lines(stream)] == ["trouble"] * 4


def test_warnings_become_log_lines():
    stream = io.StringIO()
    configure(stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old way", stacklevel=1)
    assert "old way" in str(lines(stream)[0]["message"])


def test_a_broken_surrogate_does_not_lose_the_line(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")  # as stderr is opened
    monkeypatch.setattr(sys, "stderr", stream)
    configure()
    structlog.get_logger("t").info("name", value="a\ud800b", number=float("inf"))
    stream.flush()
    assert b"ud800" in stream.buffer.getvalue()
