"""Typed settings: config/default.yaml, then the file named by TELE_CONFIG, then TELE_* environment variables."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from tele.paths import config_file

PREFIX = "TELE_"
TURN_URL = re.compile(r"turns?:(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(\?transport=(udp|tcp))?")
SHORTEST_SECRET = 16


def _split(value: object) -> object:
    """Lists may be given in the environment as `a, b`."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


StringList = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A part of the settings: an unknown name is an error, because a typo must not silently mean the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Http(Section):
    host: str
    port: Port
    public_url: str
    tls_cert: Path | None
    tls_key: Path | None
    trusted_proxies: StringList
    shared_cache: bool

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> Http:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("http.tls_cert and http.tls_key go together: set both or neither")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers reach this server over HTTPS, here or at a proxy in front."""
        return self.tls_cert is not None or self.public_url.startswith("https://")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine itself can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Media(Section):
    host: StringList
    bind: str
    port: Port
    workers: Annotated[int, Field(ge=0, le=64)]
    max_participants: Annotated[int, Field(ge=2, le=5000)]


class TurnSettings(Section):
    urls: StringList
    secret: SecretStr
    lifetime_minutes: Annotated[int, Field(ge=5, le=24 * 60)]

    @model_validator(mode="after")
    def _urls_and_secret_fit(self) -> TurnSettings:
        for url in self.urls:
            if not TURN_URL.fullmatch(url):
                raise ValueError(f"turn.urls holds {url!r}; write it as turns:turn.hospital.example:443 (RFC 7065)")
        if self.urls and len(self.secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"turn.secret must be coturn's static-auth-secret, {SHORTEST_SECRET} characters or more"
                " (`openssl rand -hex 32` makes one)"
            )
        return self


class DatabaseSettings(Section):
    url: str


class Redis(Section):
    url: str


class Storage(Section):
    url: str


class Sessions(Section):
    idle_hours: Annotated[float, Field(gt=0, le=24 * 30)]
    absolute_days: Annotated[float, Field(gt=0, le=90)]
    lockout_failures: Annotated[int, Field(ge=3, le=100)]
    lockout_minutes: Annotated[int, Field(ge=1, le=24 * 60)]


class Uploads(Section):
    max_megabytes: Annotated[int, Field(ge=1, le=2048)]
    max_files_per_consultation: Annotated[int, Field(ge=1, le=500)]


class Consultation(Section):
    empty_room_minutes: Annotated[float, Field(gt=0, le=24 * 60)]


class Recording(Section):
    segment_seconds: Annotated[float, Field(ge=2, le=30)]
    sync: Literal["part", "segment", "never"]
    min_free_megabytes: Annotated[int, Field(ge=1)]
    aac: bool


class Mail(Section):
    host: str
    port: Port
    username: str
    password: SecretStr
    starttls: bool
    sender: str


class Webhook(Section):
    url: str
    secret: SecretStr
    shape: Literal["plain", "wecom", "dingtalk"]
    allow_private: bool


class Demo(Section):
    enabled: bool
    password: SecretStr


class Metrics(Section):
    token: SecretStr


class Log(Section):
    level: Literal["debug", "info", "warning", "error"]
    format: Literal["text", "json"]


class UnknownVariable(ValueError):
    """An environment variable looks like one of ours and is not."""


class Settings(BaseSettings):
    """Every setting, with its meaning documented in config/default.yaml."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path
    node: str
    http: Http
    media: Media
    turn: TurnSettings
    database: DatabaseSettings
    redis: Redis
    storage: Storage
    sessions: Sessions
    uploads: Uploads
    consultation: Consultation
    recording: Recording
    mail: Mail
    webhook: Webhook
    demo: Demo
    metrics: Metrics
    log: Log

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Strongest first: values passed in code, the environment, the operator's file, the defaults."""
        files: list[PydanticBaseSettingsSource] = []
        if named := os.environ.get("TELE_CONFIG"):
            if not Path(named).is_file():
                raise FileNotFoundError(f"TELE_CONFIG names {named}, and there is no such file")
            files.append(YamlConfigSettingsSource(settings_cls, yaml_file=named))
        files.append(YamlConfigSettingsSource(settings_cls, yaml_file=config_file("default.yaml")))
        return (init_settings, EnvSettingsSource(settings_cls), *files)

    @property
    def database_url(self) -> str:
        """SQLAlchemy's async URL; SQLite in the data directory unless another is set."""
        url = self.database.url
        if not url:
            return f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'tele.sqlite3'}"
        for plain, driver in (("postgres://", "postgresql+asyncpg://"), ("postgresql://", "postgresql+asyncpg://")):
            if url.startswith(plain):
                return driver + url.removeprefix(plain)
        return url

    @property
    def recordings_dir(self) -> Path:
        """Where the recorder appends and the front reads."""
        return self.data_dir.resolve() / "recordings"

    @property
    def storage_url(self) -> str:
        """Where files of cases are kept: a folder or s3://bucket/prefix."""
        return self.storage.url or (self.data_dir.resolve() / "files").as_uri()

    @property
    def public_url(self) -> str:
        """The address that people type, without a slash at the end."""
        if self.http.public_url:
            return self.http.public_url.rstrip("/")
        host = "localhost" if self.http.on_loopback else self.http.host
        return f"{'https' if self.http.tls_cert else 'http'}://{host}:{self.http.port}"


def _check_environment() -> None:
    known = set(Settings.model_fields) | {"config", "listen_fd", "run_dir", "parent_fd"}
    for name in os.environ:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).split("__")[0].lower() not in known:
            raise UnknownVariable(f"the environment variable {name} is not a setting (config/default.yaml lists them)")


def load() -> Settings:
    """Read all sources.

    Raises:
        SystemExit: with one plain sentence per mistake, so that a typo never means "the default, silently".
    """
    try:
        _check_environment()
        return Settings()
    except ValidationError as mistakes:
        lines = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in mistakes.errors()]
        raise SystemExit("tele: the settings have mistakes:\n" + "\n".join(lines)) from None
    except (UnknownVariable, OSError) as mistake:
        raise SystemExit(f"tele: {mistake}") from None
