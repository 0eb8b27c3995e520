"""Settings: defaults that run at once, one clear sentence for whatever is wrong, and no secret in any of them."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dealgram.settings import Settings, SettingsError, load_settings, unknown_variables

# The same in every process that collects the tests: it is part of a test's name.
KEY = base64.urlsafe_b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("DEALGRAM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(monkeypatch, **variables: str) -> str:
    """Load with these variables and return the one sentence."""
    for name, value in variables.items():
        monkeypatch.setenv(f"DEALGRAM_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("DEALGRAM_")
    return text


def test_without_any_setting_everything_runs_on_this_machine(tmp_path):
    settings = load_settings()
    assert settings.data_dir == tmp_path / "data"
    assert (settings.host, settings.port, settings.intake) == ("127.0.0.1", 8080, "polling")
    assert settings.database_url is None
    assert settings.telegram_api_url == "https://api.telegram.org"
    assert settings.sandbox_enabled
    assert (settings.sandbox_page_port, settings.sandbox_telegram_port, settings.sandbox_amocrm_port) == (
        8090,
        8091,
        8092,
    )


def test_environment_wins_over_the_file_and_overrides_win_over_both(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("DEALGRAM_PORT=9001\nDEALGRAM_HOST=0.0.0.0\nOTHER=1\n")
    assert load_settings().port == 9001
    monkeypatch.setenv("DEALGRAM_PORT", "9002")
    assert load_settings().port == 9002
    assert load_settings(port=9003).port == 9003
    assert load_settings(env_file=None).host == "127.0.0.1"


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("DEALGRAM_PUBLIC_URL", "")
    monkeypatch.setenv("DEALGRAM_PORT", "")
    settings = load_settings()
    assert settings.public_url is None
    assert settings.port == 8080


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_example_file_names_every_setting_and_is_valid(monkeypatch):
    example = Path(__file__).parent.parent / ".env.example"
    lines = [line.removeprefix("#") for line in example.read_text().splitlines() if line.startswith("#DEALGRAM_")]
    named = {line.partition("=")[0] for line in lines}
    assert named == {f"DEALGRAM_{name}".upper() for name in Settings.model_fields}
    for line in lines:
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("PORT", "abc", "not 'abc'"),
        ("PORT", "65536", "65535"),
        ("TIME_ZONE", "Moscow", "Europe/Moscow"),
        ("TIME_ZONE", "../etc/passwd", "Europe/Moscow"),
        ("PORT", "-1", "0"),
        ("INTAKE", "carrier pigeon", "'polling' or 'webhook'"),
        ("LOG_LEVEL", "loud", "'debug'"),
        ("SANDBOX", "maybe", "'auto', 'on' or 'off'"),
        ("DRAIN_S", "0", "greater than 0"),
        ("DRAIN_S", "nan", "finite"),
        ("STOP_HARD_S", "20", "DEALGRAM_DRAIN_S"),
        ("JOURNAL_KEEP_DAYS", "1.5", "integer"),
        ("MAILBOX_SIZE", "0", "greater than or equal to 1"),
        ("PUBLIC_URL", "example.org", "https://"),
        ("PUBLIC_URL", "https://", "https://"),
        ("PUBLIC_URL", "https://example.org:x", "https://"),
        ("PUBLIC_URL", "https://example.org/?a=1", "without a query"),
        ("TELEGRAM_API_URL", "ftp://example.org", "https://"),
        ("AMOJO_CHANNEL_ID", "a/b", "channel's id"),
        ("SANDBOX_PAGE_PORT", "8080", "differ from DEALGRAM_PORT"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(monkeypatch, variable, value, part):
    text = refusal(monkeypatch, **{variable: value})
    assert text.startswith(f"DEALGRAM_{variable} ")
    assert part in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2-hunter2@db/x"),
        ("SECRET_KEYS", "hunter2-hunter2"),
        ("SECRET_KEYS", f"{KEY},hunter2-hunter2"),
        ("OPS_TOKEN", "hunter2-hunter2 with a space"),
    ],
)
def test_a_wrong_secret_is_never_echoed(monkeypatch, variable, value):
    text = refusal(monkeypatch, **{variable: value})
    assert text.startswith(f"DEALGRAM_{variable} ")
    assert "hunter2" not in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"AMOJO_CHANNEL_ID": "c1"}, "AMOJO_CHANNEL_SECRET"),
        ({"AMOJO_CHANNEL_SECRET": "s"}, "AMOJO_CHANNEL_ID"),
        ({"AMOJO_BOT_ID": "b"}, "AMOJO_CHANNEL_ID"),
        ({"AMOCRM_CLIENT_ID": "i", "PUBLIC_URL": "https://a.example"}, "AMOCRM_CLIENT_SECRET"),
        ({"AMOCRM_CLIENT_SECRET": "s"}, "AMOCRM_CLIENT_ID"),
        ({"AMOCRM_CLIENT_ID": "i", "AMOCRM_CLIENT_SECRET": "s"}, "AMOCRM_REDIRECT_URI"),
        ({"DATABASE_URL": "postgresql://u@db/x"}, "SECRET_KEYS"),
        ({"INTAKE": "webhook"}, "PUBLIC_URL"),
        ({"INTAKE": "WebHook", "PUBLIC_URL": "http://a.example"}, "PUBLIC_URL"),
    ],
)
def test_half_of_a_pair_names_the_missing_half(monkeypatch, given, missing):
    assert refusal(monkeypatch, **given).startswith(f"DEALGRAM_{missing} ")


def test_a_channel_turns_the_sandbox_off_unless_it_is_asked_for():
    channel = {"amojo_channel_id": "c1", "amojo_channel_secret": "secret"}
    assert not load_settings(**channel).sandbox_enabled
    assert load_settings(**channel, sandbox="on").sandbox_enabled
    assert not load_settings(sandbox="off").sandbox_enabled


def test_the_redirect_address_follows_the_public_one():
    settings = load_settings(public_url="https://a.example/dealgram/")
    assert settings.public_url == "https://a.example/dealgram"
    assert settings.oauth_redirect_uri == "https://a.example/dealgram/oauth/callback"
    assert load_settings(amocrm_redirect_uri="https://b.example/x").oauth_redirect_uri == "https://b.example/x"


def test_ephemeral_ports_do_not_clash():
    load_settings(
        port=0, sandbox_page_port=0, sandbox_telegram_port=0, sandbox_amocrm_port=0, sandbox_controller_port=0
    )


def test_an_unreadable_file_is_named(tmp_path):
    bad = tmp_path / "bad.env"
    bad.write_bytes(b"DEALGRAM_HOST=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"bad\.env cannot be read: it is not UTF-8"):
        load_settings(env_file=bad)


def test_mistyped_variables_can_be_found():
    environ = {"DEALGRAM_PROT": "1", "DEALGRAM_PORT": "1", "dealgram_host": "x", "HOME": "/"}
    assert unknown_variables(environ) == ["DEALGRAM_PROT"]


def test_secrets_are_hidden_in_the_settings_but_known_for_redaction():
    settings = load_settings(
        ops_token="operators-token", secret_keys=KEY, amojo_channel_id="c1", amojo_channel_secret="channel-secret"
    )
    for secret in ("operators-token", KEY, "channel-secret"):
        assert secret not in repr(settings)
        assert secret in settings.secret_values()


def test_given_keys_keep_their_order(tmp_path):
    other = Fernet.generate_key().decode()
    settings = load_settings(secret_keys=f" {other} , {KEY},")
    assert settings.encryption_keys() == (other, KEY)
    assert not (tmp_path / "data").exists()


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path):
    key = load_settings().encryption_keys()
    path = tmp_path / "data" / "secret.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_settings().encryption_keys() == key
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]
    Fernet(key[0])


def test_processes_that_start_at_once_agree_on_the_key():
    settings = load_settings()
    barrier = threading.Barrier(8)
    keys: list[tuple[str, ...]] = []

    def start() -> None:
        barrier.wait()
        keys.append(settings.encryption_keys())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_damaged_key_file_stops_the_start(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("half a ke")
    with pytest.raises(SettingsError, match="does not hold a key"):
        load_settings().encryption_keys()


def test_a_data_folder_that_is_a_file_stops_the_start(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match="DEALGRAM_DATA_DIR"):
        load_settings().encryption_keys()


def test_large_files_go_through_a_server_of_ones_own_alone(monkeypatch):
    monkeypatch.setenv("DEALGRAM_SANDBOX", "off")
    assert not load_settings().large_files
    text = refusal(monkeypatch, TELEGRAM_LARGE_FILES="true")
    assert "DEALGRAM_TELEGRAM_API_URL is missing" in text
    text = refusal(monkeypatch, TELEGRAM_FILES_DIR="/srv/files", TELEGRAM_LARGE_FILES="")
    assert "DEALGRAM_TELEGRAM_API_URL is missing" in text
    monkeypatch.setenv("DEALGRAM_TELEGRAM_API_URL", "http://127.0.0.1:8081")
    assert load_settings().large_files
    monkeypatch.setenv("DEALGRAM_TELEGRAM_LARGE_FILES", "false")
    assert not load_settings().large_files
