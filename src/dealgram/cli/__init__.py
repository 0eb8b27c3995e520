"""The command line: one module per group of commands, put together here."""

from __future__ import annotations

import io
import sys
from importlib import import_module

import click

from dealgram import __version__
from dealgram.cli.failure import Failure
from dealgram.logs import redact

_MODULES = {
    "serve": "serve",
    "sandbox": "serve",
    "demo": "demo",
    "account": "accounts",
    "bot": "bots",
    "subscription": "subscription",
    "employee": "employees",
    "group": "links",
    "link": "links",
    "doctor": "doctor",
    "deadletters": "deadletters",
    "secrets": "secrets",
    "widget": "widget",
}
"""Every command with the module that has it."""


class _Commands(click.Group):
    """Imports the module of the command that is run and no other: a command of an operator must not wait for the
    parts of all of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command = getattr(import_module(f"dealgram.cli.{_MODULES[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dealgram")
def cli() -> None:
    """Telegram bots and groups in the deal cards of amoCRM.

    Settings come from DEALGRAM_* environment variables and a .env file; README.md lists them. Without a chat channel
    (DEALGRAM_AMOJO_CHANNEL_ID) everything happens in the sandbox, with simulators of Telegram and amoCRM.
    """


def main() -> None:
    """Run the command line; failures that an operator can mend are one sentence and exit code 1."""
    try:
        _check_text(sys.argv[1:])
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        # It quotes what was typed, and a token is soon typed in a wrong place.
        click.echo(redact(shown.getvalue()), err=True, nl=False)
        sys.exit(error.exit_code)
    except Failure as failure:
        click.echo(f"dealgram: {failure}", err=True)
        sys.exit(failure.exit_code)


def _check_text(arguments: list[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError("an argument is not text in UTF-8") from None
