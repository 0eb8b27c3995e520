"""Settings of the service: environment variables `DEALGRAM_*` and a `.env` file.

Owns their names, defaults and checks. A wrong or missing setting ends in `SettingsError`, whose text is one English
sentence that names the variable and never holds a secret's value. The composition root is the only reader.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dealgram.secret_file import SecretFileError, read_or_create

PREFIX = "DEALGRAM_"
_OFFICIAL_TELEGRAM = "https://api.telegram.org"
_NEW_KEY = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
_DOMAIN = re.compile(r"localhost|127\.0\.0\.1|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_CHANNEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class SettingsError(Exception):
    """A setting is wrong or missing. The text is one sentence for the operator."""


class Settings(BaseSettings):
    """Everything an operator can set. Names of variables are the fields' names in capitals after `DEALGRAM_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path("data"), description="Folder for the embedded database and the key file.")
    database_url: SecretStr | None = Field(
        None, description="postgresql://… of a PostgreSQL 14 or newer; without it one is started in the data folder."
    )
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Keys that encrypt secrets at rest, comma separated, newest first; needed with a database URL."
    )

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: Port = Field(8080, description="Port to listen on.")
    public_url: str | None = Field(None, description="Address under which Telegram and amoCRM reach this service.")
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Proxies of our own in front of the service; so many X-Forwarded-For addresses are believed.",
    )
    ops_token: SecretStr | None = Field(
        None, description="When set, /health/actors and /metrics need it as a bearer token."
    )

    telegram_api_url: str = Field(_OFFICIAL_TELEGRAM, description="Bot API server.")
    telegram_large_files: bool | None = Field(
        None, description="Files up to 2000 MB both ways; by default with a Bot API server of one's own (--local)."
    )
    telegram_files_dir: Path | None = Field(
        None, description="Folder of a Bot API server that runs with --local, as this service sees it."
    )
    media_link_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        365, description="Days for which amoCRM's links to files of messages stay good; 0: for ever."
    )
    intake: Literal["polling", "webhook"] = Field(
        "polling", description="How Telegram's updates come in; webhook needs the public address."
    )

    amojo_url: str = Field("https://amojo.amocrm.ru", description="amoCRM's Chats API server.")
    amojo_channel_id: str | None = Field(None, description="Id of the chat channel, from amoCRM's support.")
    amojo_channel_secret: SecretStr | None = Field(None, description="Secret of the chat channel.")
    amojo_bot_id: str | None = Field(None, description="Id of the channel's bot.")
    amocrm_client_id: str | None = Field(None, description="Id of the amoCRM integration.")
    amocrm_client_secret: SecretStr | None = Field(None, description="Secret of the amoCRM integration.")
    amocrm_redirect_uri: str | None = Field(
        None, description="Redirect address of the integration; by default <public address>/oauth/callback."
    )

    amocrm_oauth_url: str = Field(
        "https://www.amocrm.ru/oauth", description="amoCRM's page where administrators allow access."
    )
    amocrm_domains: Annotated[tuple[str, ...], NoDecode] = Field(
        ("amocrm.ru", "amocrm.com", "kommo.com"),
        description="Domains of amoCRM, comma separated: accounts live below them, and tokens go nowhere else.",
    )
    controller_url: str | None = Field(
        None, description="The seller's widget_controller, which is told of registrations at <address>/informer."
    )
    controller_widget_name: str | None = Field(
        None, max_length=255, description="The widget's name for the controller; by default what the widget sends."
    )
    controller_enum_id: str | None = Field(
        None, max_length=64, description="The widget's number for the controller; by default what the widget sends."
    )
    billing_token: SecretStr | None = Field(
        None, description="When set, the seller's billing may show and change subscriptions with it as a bearer token."
    )
    api_token_uses: Literal["once", "many"] = Field(
        "once", description="How often one of amoCRM's tokens opens the widget's API; many: as long as it is valid."
    )
    trial_days: Annotated[int, Field(ge=1, le=365)] = Field(
        14, description="Days for which an account is served after its first installation, before anybody has paid."
    )
    account_check_s: Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)] = Field(
        21_600.0, description="Seconds between two check-ups of an account."
    )
    account_grace_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        30, description="Days for which everything of an account is kept after the widget was removed from it."
    )
    reauthorise_keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        90, description="Days after which an account that nobody authorises anew counts as removed."
    )
    amocrm_rate_per_s: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = Field(
        6.0, description="Requests a second to one account's REST API; amoCRM is known to block above 7."
    )
    amocrm_egress_rate_per_s: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] = Field(
        50.0, description="Requests a second to the REST API of all accounts together, as they leave from one address."
    )
    amocrm_calls_at_once: Annotated[int, Field(ge=1, le=50)] = Field(
        8, description="Calls in flight to one account's REST API, and as many to its chats."
    )
    amojo_rate_per_s: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(
        None,
        description="Requests a second to one account's chats; amoCRM names no limit, so there is none by default.",
    )

    time_zone: str = Field(
        "Europe/Moscow", description="Time zone of managers whose amoCRM account names none, e.g. Asia/Yekaterinburg."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: readable on a terminal, JSON lines otherwise."
    )

    drain_s: Seconds = Field(20.0, description="Seconds for accepted work to finish when stopping.")
    stop_hard_s: Seconds = Field(30.0, description="Seconds after which a stopping process ends in any case.")
    sweep_s: Seconds = Field(5.0, description="Seconds between looks for journal entries whose actor sleeps.")
    journal_keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        7, description="Days for which finished journal rows are kept."
    )
    repair_after_s: Seconds = Field(
        5.0, description="Seconds without the service after which deal cards are compared with what was taken in."
    )
    repair_max_age_s: Seconds = Field(
        86_400.0, description="Missed messages from deal cards that are older (seconds) are reported, not sent."
    )
    repair_active_days: Annotated[int, Field(ge=1, le=365)] = Field(
        30, description="Chats are compared in which somebody wrote within so many days."
    )
    repair_chats: Annotated[int, Field(ge=1, le=10_000)] = Field(
        500, description="Chats of one account that are compared at most, the latest first."
    )
    bot_check_s: Seconds = Field(3600.0, description="Seconds between looks at each bot's token, name and webhook.")
    mailbox_size: Annotated[int, Field(ge=1, le=100_000)] = Field(256, description="Messages an actor holds in memory.")
    idle_after_s: Seconds = Field(900.0, description="Seconds of idleness after which an actor leaves the memory.")

    sandbox: Literal["auto", "on", "off"] = Field(
        "auto", description="Simulators of Telegram and amoCRM; auto: on while no chat channel is configured."
    )
    sandbox_page_port: Port = Field(8090, description="Port of the sandbox's page.")
    sandbox_telegram_port: Port = Field(8091, description="Port of the Telegram simulator.")
    sandbox_amocrm_port: Port = Field(8092, description="Port of the amoCRM simulator.")
    sandbox_controller_port: Port = Field(8093, description="Port of the simulated controller of the seller.")

    @property
    def sandbox_enabled(self) -> bool:
        """Whether the simulators stand in for Telegram and amoCRM."""
        return self.sandbox == "on" or (self.sandbox == "auto" and self.amojo_channel_id is None)

    @property
    def large_files(self) -> bool:
        """Whether the Bot API server carries large files: by default any that is not Telegram's own."""
        if self.telegram_large_files is None:
            return self.telegram_api_url != _OFFICIAL_TELEGRAM
        return self.telegram_large_files

    @property
    def oauth_redirect_uri(self) -> str | None:
        """The redirect address that amoCRM knows for this integration."""
        if self.amocrm_redirect_uri is None and self.public_url is not None:
            return f"{self.public_url}/oauth/callback"
        return self.amocrm_redirect_uri

    @property
    def amocrm_on_loopback(self) -> bool:
        """Whether amoCRM is a simulator on this machine, which reaches the service at its loopback address."""
        return "127.0.0.1" in self.amocrm_domains

    def secret_values(self) -> Iterator[str]:
        """Give every configured secret, for the log's redaction."""
        for _, value in self:
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, SecretStr):
                    yield item.get_secret_value()

    def encryption_keys(self) -> tuple[str, ...]:
        """Give the keys for secrets at rest, newest first.

        With the embedded database and no configured key, one is created once in the data folder, readable by its
        owner alone. Raises `SettingsError`.
        """
        if self.secret_keys:
            return tuple(key.get_secret_value() for key in self.secret_keys)
        path = self.data_dir / "secret.key"
        try:
            key = read_or_create(path)
        except SecretFileError as error:
            raise SettingsError(f"{PREFIX}DATA_DIR: {error}.") from error
        if not _is_fernet_key(key):
            raise SettingsError(f"The key file {path} does not hold a key; restore it from a backup.")
        return (key,)

    @field_validator("data_dir", "telegram_files_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("log_level", "log_format", "intake", "sandbox", "api_token_uses", mode="before")
    @classmethod
    def _case_insensitive(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("secret_keys")
    @classmethod
    def _fernet_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for position, key in enumerate(value, start=1):
            if not _is_fernet_key(key.get_secret_value()):
                raise ValueError(f"holds no valid key at position {position}; make one with: {_NEW_KEY}")
        return value

    @field_validator("amocrm_domains", mode="before")
    @classmethod
    def _split_domains(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower().strip(".") for part in value.split(",") if part.strip())
        return value

    @field_validator("amocrm_domains")
    @classmethod
    def _domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(_DOMAIN.fullmatch(domain) for domain in value):
            raise ValueError("must be domain names such as amocrm.ru, comma separated")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator(
        "public_url", "telegram_api_url", "amojo_url", "amocrm_redirect_uri", "amocrm_oauth_url", "controller_url"
    )
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.strip().rstrip("/")
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
            parts = urlsplit("")
        if not usable:
            raise ValueError("must be an address that starts with https:// or http://")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must be an address without a query, a fragment, a user or a password")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be a time zone's name such as Europe/Moscow") from None
        return value

    @field_validator("ops_token", "billing_token")
    @classmethod
    def _header_safe(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]{8,}", value.get_secret_value()):
            raise ValueError("must be at least 8 visible ASCII characters")
        return value

    @field_validator("amojo_channel_id")
    @classmethod
    def _usable_in_a_path(cls, value: str | None) -> str | None:
        if value is not None and not _CHANNEL_ID.fullmatch(value):
            raise ValueError("must be the channel's id: letters, digits, dots and hyphens")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        problem = next(_problems(self), None)
        if problem is not None:
            raise SettingsError(problem)
        return self


def load_settings(env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:
    """Read the settings; `overrides` (by field name) win over the environment, which wins over the file.

    Raises `SettingsError` for the first wrong or missing setting.
    """
    try:
        return Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg]  # pydantic-settings' own argument
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None  # the cause would print the given values
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {env_file} cannot be read: {_reason(error)}.") from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Name the variables with our prefix that are no setting: probably mistyped, worth a warning."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    return sorted(name for name in environ if name.upper().startswith(PREFIX) and name.upper() not in known)


def _problems(settings: Settings) -> Iterator[str]:
    """Sentences about settings that are right alone and wrong together."""
    given = {name: getattr(settings, name) is not None for name in Settings.model_fields}
    for one, other in (
        ("amojo_channel_id", "amojo_channel_secret"),
        ("amocrm_client_id", "amocrm_client_secret"),
    ):
        for present, missing in ((one, other), (other, one)):
            if given[present] and not given[missing]:
                yield f"{_variable(missing)} is missing: {_variable(present)} is set, and one is of no use alone."
    if given["amojo_bot_id"] and not given["amojo_channel_id"]:
        yield f"{_variable('amojo_channel_id')} is missing: {_variable('amojo_bot_id')} is of no use without it."
    if given["amocrm_client_id"] and settings.oauth_redirect_uri is None:
        yield f"{_variable('amocrm_redirect_uri')} is missing: the integration needs it (or {_variable('public_url')})."
    if given["database_url"] and not settings.secret_keys:
        yield f"{_variable('secret_keys')} is missing: {_variable('database_url')} needs it; make one with: {_NEW_KEY}"
    if settings.telegram_api_url == _OFFICIAL_TELEGRAM and not settings.sandbox_enabled:
        for name in ("telegram_large_files", "telegram_files_dir"):
            if getattr(settings, name):
                yield f"{_variable('telegram_api_url')} is missing: {_variable(name)} is of a server of one's own."
    if settings.intake == "webhook":
        if settings.public_url is None:
            yield f"{_variable('public_url')} is missing: {_variable('intake')}=webhook needs a public address."
        elif settings.telegram_api_url == _OFFICIAL_TELEGRAM and not settings.public_url.startswith("https://"):
            yield f"{_variable('public_url')} must start with https://: Telegram delivers webhooks over HTTPS only."
    if settings.stop_hard_s <= settings.drain_s:
        yield f"{_variable('stop_hard_s')} must be greater than {_variable('drain_s')}."
    if settings.sandbox_enabled:
        taken: dict[int, str] = {}
        for name in (
            "port",
            "sandbox_page_port",
            "sandbox_telegram_port",
            "sandbox_amocrm_port",
            "sandbox_controller_port",
        ):
            port = getattr(settings, name)
            if port and port in taken:  # 0 lets the system choose
                yield f"{_variable(name)} must differ from {_variable(taken[port])}: both are {port}."
            taken[port] = name


def _variable(field: str) -> str:
    return f"{PREFIX}{field}".upper()


def _is_fernet_key(text: str) -> bool:
    """Fernet keys are 32 bytes in URL-safe base64 (cryptography: Fernet.generate_key)."""
    try:
        return len(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)) == 32
    except (binascii.Error, UnicodeEncodeError):
        return False


def _sentence(error: ValidationError) -> str:
    """Say what is wrong with the first wrong setting, with its value unless that is a secret."""
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{_variable(field)} {reason}."
    reason = reason.replace("Input should be", "must be", 1)
    given = first["input"]
    shown = "" if _is_secret(field) or not isinstance(given, str | int | float) else f", not {str(given)[:60]!r}"
    return f"{_variable(field)} {reason}{shown}."


def _is_secret(field: str) -> bool:
    known = Settings.model_fields.get(field)
    return known is None or "SecretStr" in repr(known.annotation)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else "the system refused"
    return "it is not UTF-8"
