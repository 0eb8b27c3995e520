"""The command line as an operator uses it: real processes, one sandbox service for all of them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DEADLINE_S = 90


class WarmCommands:
    """Commands that need not import anything: most of them need no more than that they are processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_commands.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: tuple[str, ...], environment: dict[str, str], stdin: str, cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        files = {name: self._folder / name for name in ("stdin", "stdout", "stderr")}
        files["stdin"].write_text(stdin, encoding="utf-8")
        for name in ("stdout", "stderr"):
            files[name].write_bytes(b"")
        order = {"arguments": arguments, "environment": environment, "folder": str(cwd)}
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(order | {name: str(path) for name, path in files.items()}) + "\n")
        self._program.stdin.flush()
        code = int(self._program.stdout.readline())
        printed, errors = (files[name].read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, code, printed, errors)

    def close(self) -> None:
        self._program.communicate(timeout=DEADLINE_S)
        assert self._program.returncode == 0


@dataclass
class Desk:
    """A terminal whose environment names one data folder."""

    folder: Path
    warm: WarmCommands | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith("DEALGRAM_")}
        return own | {
            "DEALGRAM_DATA_DIR": str(self.folder),
            "DEALGRAM_PORT": "0",
            "DEALGRAM_SANDBOX_PAGE_PORT": "0",
            "DEALGRAM_SANDBOX_TELEGRAM_PORT": "0",
            "DEALGRAM_SANDBOX_AMOCRM_PORT": "0",
            "DEALGRAM_SANDBOX_CONTROLLER_PORT": "0",
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
        }

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        if self.warm is None:
            return self.start_and_run(*arguments, stdin=stdin, **environment)
        return self.warm.run(arguments, self.environment | environment, stdin, self.folder)

    def start_and_run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in an interpreter that has imported nothing yet, as everybody else does."""
        return subprocess.run(
            [sys.executable, "-m", "dealgram", *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            check=False,
            text=True,
            timeout=DEADLINE_S,
            cwd=self.folder,
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[Desk]:
    warm = WarmCommands(tmp_path_factory.mktemp("warm"))
    yield Desk(tmp_path_factory.mktemp("desk"), warm)
    warm.close()


@pytest.fixture(scope="module")
def service(desk: Desk) -> Iterator[dict[str, str]]:
    """`dealgram serve` with its sandbox, as `make run` starts it; gives the addresses that it prints, and the port of
    its Telegram, which it does not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        telegram = str(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "dealgram", "serve"],
        env=desk.environment | {"DEALGRAM_SANDBOX_TELEGRAM_PORT": telegram},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=desk.folder,
    )
    assert process.stdout is not None
    printed: list[str] = []
    addresses: dict[str, str] = {}
    for line in process.stdout:
        printed.append(line)
        for label, name in (("Open this", "page"), ("Service", "health")):
            if match := re.search(label + r"\s+(http://\S+)", line):
                addresses[name] = match[1]
        if len(addresses) == 2:
            break
    assert len(addresses) == 2, "".join(printed)
    yield addresses | {"telegram": telegram}
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "stopped" in rest


def test_a_wrong_setting_ends_the_start_with_one_sentence(desk):
    done = desk.start_and_run("serve", DEALGRAM_LOG_LEVEL="loud")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "DEALGRAM_LOG_LEVEL" in done.stderr


def test_help_names_every_command(desk):
    text = desk.start_and_run("--help").stdout
    for command in (
        "serve",
        "sandbox",
        "demo",
        "account",
        "bot",
        "employee",
        "group",
        "link",
        "deadletters",
        "doctor",
        "secrets",
    ):
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), command


def test_the_demo_tells_the_whole_story_and_everything_is_right(desk):
    done = desk.start_and_run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "всё сошлось" in done.stdout
    assert "✗" not in done.stdout


def test_new_keys_are_keys(desk):
    one, other = (desk.run("secrets", "new-key").stdout.strip() for _ in range(2))
    assert one != other
    assert len(one) == len(other) == 44


def test_the_page_and_the_health_of_a_served_sandbox_answer(service):
    for address in (service["page"], service["health"]):
        with urllib.request.urlopen(address, timeout=DEADLINE_S) as answer:
            assert answer.status == 200


def test_what_is_connected_is_listed(desk, service):
    assert "Агентство" in desk.start_and_run("account", "list").stdout
    bots = desk.run("bot", "list").stdout
    assert "@sever_sales_bot" in bots
    assert "@sever_service_bot" in bots
    assert "Кофейня" in desk.run("group", "list").stdout


def test_the_doctor_looks_an_account_over(desk, service):
    account = re.search(r"│\s*(\d+)\s*│\s*Агентство", desk.run("account", "list").stdout)
    assert account is not None
    done = desk.run("doctor", "--account", account[1], "--json")
    report = json.loads(done.stdout)
    seen = {finding["subject"]: finding["verdict"] for finding in report["findings"]}
    assert seen["token"] == "ok"
    assert seen["users"] in ("ok", "warning")
    # This command knows only the configured port of the simulated Chats API, and here that is "any".
    assert seen["channel"] == "failed"
    assert done.returncode == 1
    assert "token" in desk.run("doctor", "--account", account[1]).stdout
    refused = desk.run("doctor", "--account", account[1], "--probe")
    assert "no technical account" in refused.stderr
    assert desk.run("doctor", "--account", "1").stderr.strip() == "dealgram: there is no account 1"


def test_the_time_of_an_account_is_shown_and_changed(desk, service):
    found = re.search(
        r"│\s*(\d+)\s*│\s*Агентство.*trial until [-\d]+ [\d:]+, 14 days left", desk.run("account", "list").stdout
    )
    assert found is not None
    assert "lapsed since" in desk.run("subscription", "until", found[1], "2020-01-01").stdout
    assert "active until" in desk.run("subscription", "extend", found[1], "--days", "30").stdout
    shown = desk.run("subscription", "show", found[1]).stdout
    assert [shown.count(word) for word in ("operator", "extend 30 days", "installation")] == [2, 1, 1]
    refused = desk.run("subscription", "extend", "1", "--days", "3")
    assert (refused.returncode, "account 1 has never been installed" in refused.stderr) == (1, True)


def test_employees_are_marked_listed_and_unmarked(desk, service):
    account = re.search(r"│\s*(\d+)\s*│\s*Агентство", desk.run("account", "list").stdout)
    assert account is not None
    olga = "9000001"  # the first user of the sample world
    added = desk.run("employee", "add", account[1], "9001", "--user", olga)
    assert "9001 is «Ольга Белова»" in added.stdout, added.stderr
    assert "Ольга Белова" in desk.run("employee", "list", account[1]).stdout
    assert desk.run("employee", "remove", account[1], "9001").stdout.strip() == "9001 is no employee any more"
    for arguments, reason in (
        (("add", "1", "9001", "--user", olga), "there is no account 1"),
        (("add", account[1], "9001", "--user", "1"), "has no user 1"),
        (("add", account[1], "@nobody_here", "--user", olga), "nobody with the name @nobody_here"),
        (("add", account[1], "Ольга", "--user", olga), "by the Telegram id or by @username"),
        (("add", account[1], "9" * 20, "--user", olga), "is no Telegram id"),
        (("remove", account[1], "9001"), "9001 is no employee"),
    ):
        refused = desk.run("employee", *arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert reason in refused.stderr
    assert desk.run("account", "set", account[1], "--manager-names", "yes").returncode == 0


def test_a_group_is_linked_and_unlinked_by_the_running_service(desk, service):
    group = re.search(r"│\s*(\d+)\s*│\s*Кофейня", desk.run("group", "list").stdout)
    assert group is not None
    deal = "20001"
    assert desk.run("link", "add", group[1], deal).stdout.strip() == "linked"
    assert deal in desk.run("group", "list").stdout
    assert desk.run("link", "remove", group[1], deal).stdout.strip() == "unlinked"
    assert deal not in desk.run("group", "list").stdout


def test_a_deal_that_is_not_there_is_refused_in_one_sentence(desk, service):
    group = re.search(r"│\s*(\d+)\s*│\s*Кофейня", desk.run("group", "list").stdout)
    assert group is not None
    done = desk.run("link", "add", group[1], "999999")
    assert done.returncode == 1
    assert "999999" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_topic_is_linked_only_where_that_is_switched_on_and_the_topic_is_known(desk, service):
    group = re.search(r"│\s*(\d+)\s*│\s*Кофейня", desk.run("group", "list").stdout)
    account = re.search(r"│\s*(\d+)\s*│", desk.run("account", "list").stdout)
    assert group is not None
    assert account is not None
    assert "topic" in desk.run("group", "topics", group[1]).stdout
    refused = desk.run("link", "add", group[1], "20001", "--topic", "77")
    assert (refused.returncode, "выключено" in refused.stderr) == (1, True)
    assert desk.run("account", "set", account[1], "--topic-links", "yes").returncode == 0
    refused = desk.run("link", "add", group[1], "20001", "--topic", "77")
    assert (refused.returncode, "не знает такой темы" in refused.stderr) == (1, True)
    assert "20001" not in desk.run("group", "list").stdout


def test_unknown_things_are_refused_and_change_nothing(desk, service):
    for arguments in (
        ("link", "add", "424242", "1"),
        ("account", "set", "424242", "--policy", "deal"),
        ("bot", "remove", "424242"),
        ("deadletters", "retry", "424242"),
    ):
        done = desk.run(*arguments)
        assert done.returncode == 1, arguments
        assert "424242" in done.stderr


def test_a_bad_token_is_refused_without_being_shown(desk, service):
    token = "123456:not-the-token-of-any-bot-at-all-0000"
    done = desk.run("bot", "add", "31000001", stdin=f"{token}\n")
    assert done.returncode == 1
    assert token not in done.stdout + done.stderr


def test_a_bots_choices_are_checked_kept_and_a_wrong_one_changes_nothing(desk, service):
    bot = re.search(r"│\s*(\d{6,})\s*│", desk.run("bot", "list", COLUMNS="250").stdout)
    assert bot is not None
    good = desk.run(
        "bot", "set", bot[1], "--unsorted", "off", "--deal-title", "{name} ({bot})", "--deal-tag", "Telegram"
    )
    assert good.stdout.strip() == "changed"
    for wrong in (("--deal-title", "{имя}"), ("--deal-title", ""), ("--deal-tag", "т" * 65), ()):
        done = desk.run("bot", "set", bot[1], *wrong)
        assert done.returncode == 2, wrong
        assert "Traceback" not in done.stderr
    done = desk.run("bot", "set", bot[1], "--pipeline", "424242")
    assert done.returncode == 1
    assert "нет такой воронки" in done.stderr


def test_a_revoked_token_is_replaced_by_the_same_bots_new_one_only(desk, service):
    def tokens() -> dict[str, str]:
        """Ids and tokens of the bots, as the page's @BotFather shows them."""
        with urllib.request.urlopen(f"{service['page']}/events", timeout=DEADLINE_S) as stream:
            for line in stream:
                if b'"token"' in line:
                    return {found[2]: found[1] for found in re.finditer(r'"((\d{5,}):[\w-]{20,})"', line.decode())}
        raise AssertionError("the page shows no bots")

    def replace(token: str) -> subprocess.CompletedProcess[str]:
        port = {"DEALGRAM_SANDBOX_TELEGRAM_PORT": service["telegram"]}
        done = desk.run("bot", "set", bot, "--token", stdin=f"{token}\n", **port)
        assert token not in done.stdout + done.stderr
        return done

    old = tokens()
    bot, other = sorted(old)[:2]
    address, body = f"{service['page']}/api/telegram/bots/revoke", json.dumps({"bot": int(bot)}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=DEADLINE_S).close()
    new = tokens()[bot]
    assert new != old[bot]
    refused = replace(old[other])
    assert refused.returncode == 1
    assert "другого бота" in refused.stderr
    done = replace(new)
    assert (done.returncode, done.stdout.strip()) == (0, "changed"), done.stderr


def test_a_second_service_in_the_same_folder_leaves_the_first_one_alone(service, desk):
    done = desk.run("serve")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"dealgram: Another dealgram plays in {desk.folder}")
    assert "Агентство" in desk.run("account", "list").stdout


def test_a_taken_port_ends_the_start_with_one_sentence(tmp_path):
    desk = Desk(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for name in ("DEALGRAM_PORT", "DEALGRAM_SANDBOX_PAGE_PORT", "DEALGRAM_SANDBOX_TELEGRAM_PORT"):
            done = desk.run("sandbox" if "SANDBOX" in name else "serve", **{name: port})
            assert done.returncode == 1, name
            assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
            assert "Traceback" not in done.stderr


def test_a_command_that_is_terminated_leaves_nothing_behind(desk, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "dealgram", "demo"],
        env=desk.environment | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("1."):  # the first chapter: its database runs
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143, errors
    assert errors == "dealgram: stopped\n"
    assert list(tmp_path.glob("dealgram-demo-*")) == []
