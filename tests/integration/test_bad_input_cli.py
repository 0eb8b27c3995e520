"""Operators' typing mistakes: one clear sentence, a code other than 0, and not a row changed."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import pytest
import structlog
import trio

from dealgram import cli, logs
from dealgram.persistence import Database, generate_key
from dealgram.persistence.records import Account, upsert

TOKEN = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
CODE = "def50200" + "c0" * 60
HUGE, NEGATIVE = "9" * 30, "-5"
ACCOUNT = "4242"


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def dealgram(monkeypatch, capsys, tmp_path, database_url) -> Callable[..., Ended]:
    """Run a command in this process, as `python -m dealgram` does, over a database with one account."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    for name, value in {
        "DEALGRAM_DATABASE_URL": database_url,
        "DEALGRAM_SECRET_KEYS": generate_key(),
        "DEALGRAM_DATA_DIR": str(tmp_path),
        "DEALGRAM_SANDBOX": "off",
        "DEALGRAM_AMOJO_CHANNEL_ID": "5a9db0c5-0000-4000-8000-00000000c4a7",
        "DEALGRAM_AMOJO_CHANNEL_SECRET": "0123456789abcdef0123456789abcdef01234567",
        "DEALGRAM_AMOCRM_CLIENT_ID": "5a9db0c5-0000-4000-8000-00000000c11e",
        "DEALGRAM_AMOCRM_CLIENT_SECRET": "a-client-secret-of-ours",
        "DEALGRAM_AMOCRM_REDIRECT_URI": "https://us.example/oauth/callback",
        "DEALGRAM_TELEGRAM_API_URL": "http://127.0.0.1:9",
        "DEALGRAM_AMOJO_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)

    async def fill() -> None:
        async with Database.open(database_url) as db:
            await upsert(db, Account(account_id=int(ACCOUNT), host="https://sub.amocrm.ru", subdomain="sub", name="А"))

    trio.run(fill)

    def run(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.setattr("sys.argv", ["dealgram", *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = 0
        try:
            cli.main()
        except SystemExit as error:
            code = int(error.code or 0)
        return Ended(code, *capsys.readouterr())

    yield run
    logs.configure()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


@pytest.fixture
def digest(database_url) -> Callable[[], str]:
    """What all tables hold."""

    async def read() -> str:
        async with Database.open(database_url, min_size=1, max_size=1) as db:
            seen = hashlib.sha256()

            async def every(connection: asyncpg.Connection) -> None:
                for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
                    for line in await connection.fetch(f'SELECT t::text FROM "{row[0]}" AS t ORDER BY 1'):
                        seen.update(f"{row[0]} {line[0]}\n".encode())

            await db.run(every)
            return seen.hexdigest()

    return lambda: trio.run(read)


MISTAKES: list[tuple[str, ...]] = [
    ("account", "set", HUGE, "--policy", "deal"),
    ("account", "set", NEGATIVE, "--policy", "deal"),
    ("account", "set", "0", "--policy", "deal"),
    ("account", "set", "1.5", "--policy", "deal"),
    ("account", "set", "", "--policy", "deal"),
    ("account", "set", "١٢x", "--policy", "deal"),
    ("account", "set", "777", "--policy", "deal"),
    ("account", "set", ACCOUNT),
    ("account", "set", ACCOUNT, "--policy", "everything"),
    ("account", "set", ACCOUNT, "--notes", "maybe"),
    ("account", "set", ACCOUNT, "--import-last-messages", "101"),
    ("account", "set", ACCOUNT, "--import-last-messages", "-1"),
    ("account", "set", ACCOUNT, "--contact-tag", "т" * 65),
    ("account", "set", ACCOUNT, "--contact-tag", "\udcff"),
    ("account", "set", ACCOUNT, "--on-deal-closed", "forget"),
    ("account", "show", "777"),
    ("account", "show", HUGE),
    ("account", "setup", "777"),
    ("account", "connect", "evil.example", CODE),
    ("account", "connect", "https://amocrm.ru.evil.example", CODE),
    ("account", "connect", "https://sub.amocrm.ru@evil.example", CODE),
    ("account", "connect", "http://127.0.0.1:9", CODE),
    ("account", "connect", "", CODE),
    ("account", "connect", "\x1b[31m", CODE),
    ("account", "repair", "777"),
    ("account", "repair", HUGE),
    ("account", "repair", ACCOUNT, "--since", ""),
    ("account", "repair", ACCOUNT, "--since", "2"),
    ("account", "repair", ACCOUNT, "--since", "yesterday"),
    ("account", "repair", ACCOUNT, "--since", "-2h"),
    ("account", "repair", ACCOUNT, "--since", "0s"),
    ("account", "repair", ACCOUNT, "--since", "٢h"),
    ("account", "repair", ACCOUNT, "--since", f"{HUGE}h"),
    ("doctor", "--account", "777"),
    ("doctor", "--account", HUGE),
    ("doctor",),
    ("bot", "add", "777"),
    ("bot", "add", HUGE),
    ("bot", "add", ACCOUNT, "--pipeline", HUGE),
    ("bot", "set", "777", "--unsorted", "on"),
    ("bot", "set", "777", "--token"),
    ("bot", "set", "777", "--token", TOKEN),
    ("bot", "set", HUGE, "--unsorted", "on"),
    ("bot", "set", "777", "--unsorted", "perhaps"),
    ("bot", "set", "777", "--deal-title", "{имя}"),
    ("bot", "set", "777", "--deal-title", "{name"),
    ("bot", "set", "777", "--deal-title", " "),
    ("bot", "set", "777", "--deal-title", "x" * 201),
    ("bot", "set", "777", "--deal-tag", "т" * 65),
    ("bot", "set", "777"),
    ("bot", "remove", "777"),
    ("bot", "remove", HUGE),
    ("employee", "add", "777", "1", "--user", "1"),
    ("employee", "add", ACCOUNT, "1", "--user", HUGE),
    ("employee", "add", ACCOUNT, "1", "--user", "777"),
    ("employee", "remove", ACCOUNT, "9" * 5000),
    ("employee", "remove", ACCOUNT, "9" * 16),
    ("employee", "remove", ACCOUNT, "0"),
    ("employee", "remove", ACCOUNT, "@"),
    ("employee", "remove", ACCOUNT, "@nobody"),
    ("employee", "remove", ACCOUNT, "somebody"),
    ("link", "add", "777", "1"),
    ("link", "add", HUGE, "1"),
    ("link", "add", "1", HUGE),
    ("link", "add", "1", "0"),
    ("link", "add", "1", "1", "--topic", "0"),
    ("group", "topics", "777"),
    ("link", "remove", "777", "1"),
    ("deadletters", "show", "777"),
    ("deadletters", "show", HUGE),
    ("deadletters", "retry", "777"),
    ("deadletters", "discard", HUGE),
    ("deadletters", "list", "--limit", "0"),
    ("deadletters", "list", "--limit", "1001"),
]


def test_every_mistake_is_one_sentence_and_changes_nothing(dealgram, digest):
    before = digest()
    for arguments in MISTAKES:
        ended = dealgram(*arguments, stdin=f"{TOKEN}\n")
        assert ended.code in (1, 2), (arguments, ended)
        assert ended.out == "", (arguments, ended)
        assert "Traceback" not in ended.err, arguments
        *usage, sentence = ended.err.strip().split("\n")
        assert sentence.startswith(("Error: ", "dealgram: ")), (arguments, ended)
        assert all(line.startswith(("Usage: ", "Try ")) or not line for line in usage), (arguments, ended)
        assert len(sentence) < 300, arguments
        assert "DEALGRAM_SECRET" not in sentence  # the settings of this test are right
        for secret in (TOKEN, CODE, "a-client-secret-of-ours", "0123456789abcdef"):
            assert secret not in ended.err
    assert digest() == before


@pytest.mark.parametrize("token", ["", "not a token", "1:2", TOKEN + " " + TOKEN.replace("1", "2"), "\x00", "Т" * 50])
def test_a_bad_token_is_refused_without_being_shown(dealgram, digest, token):
    before = digest()
    ended = dealgram("bot", "add", ACCOUNT, stdin=f"{token}\n")
    assert ended.code == 1
    assert ended.err.startswith("dealgram: ")
    assert len(token) < 5 or token not in ended.err
    assert digest() == before
