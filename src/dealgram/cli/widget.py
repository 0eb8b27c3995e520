"""``dealgram widget``: the archive that is uploaded to amoCRM."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dealgram.cli.failure import Failure
from dealgram.widget_archive import WidgetConfig, WidgetConfigError, build, manifest_version


@click.group()
def widget() -> None:
    """Build the archive of the amoCRM widget."""


@widget.command("build")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/widget.zip"), show_default=True)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="JSON, as widget/config.example.json.")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="One value instead of the file's.")
@click.option("--locales", help="Which languages go in, with commas. A widget sold through amoMarket: ru.")
@click.option("--release", is_flag=True, help="Refuse placeholders: this archive goes to amoCRM.")
def build_command(
    out: Path, config_file: Path | None, assignments: tuple[str, ...], locales: str | None, release: bool
) -> None:
    """Write widget.zip. The same sources and configuration give the same bytes."""
    try:
        config = _config(config_file, assignments, locales)
        archive = build(config)
    except (WidgetConfigError, FileNotFoundError) as error:
        raise Failure(str(error)) from None
    if release and (left := config.placeholders()):
        raise Failure(f"a release needs values of its own for {', '.join(left)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(archive)
    click.echo(f"{out}: version {manifest_version(archive)}, {len(archive)} bytes")


def _config(config_file: Path | None, assignments: tuple[str, ...], locales: str | None) -> WidgetConfig:
    document: object = {}
    if config_file is not None:
        try:
            document = json.loads(config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Failure(f"{config_file}: {error}") from None
        if not isinstance(document, dict):
            raise Failure(f"{config_file}: not a JSON object")
    assert isinstance(document, dict)
    if locales is not None:
        document["locales"] = [locale.strip() for locale in locales.split(",")]
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise Failure(f"--set {assignment}: expected NAME=VALUE")
        values[name] = value
    return WidgetConfig.from_json(document).with_values(values)
