"""The command line: one module per group of commands, put together here."""

from __future__ import annotations

import sys

import click

from dealgram import __version__
from dealgram.cli import (
    accounts,
    bots,
    deadletters,
    demo,
    doctor,
    employees,
    links,
    repair,
    secrets,
    serve,
    subscription,
    widget,
)
from dealgram.cli.context import Failure


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dealgram")
def cli() -> None:
    """Telegram bots and groups in the deal cards of amoCRM.

    Settings come from DEALGRAM_* environment variables and a .env file; README.md lists them. Without a chat channel
    (DEALGRAM_AMOJO_CHANNEL_ID) everything happens in the sandbox, with simulators of Telegram and amoCRM.
    """


for command in (
    serve.serve,
    serve.sandbox,
    demo.demo,
    accounts.account,
    bots.bot,
    subscription.subscription,
    employees.employee,
    links.group,
    links.link,
    doctor.doctor,
    deadletters.deadletters,
    secrets.secrets,
    widget.widget,
):
    cli.add_command(command)
accounts.account.add_command(repair.repair)


def main() -> None:
    """Run the command line; failures that an operator can mend are one sentence and exit code 1."""
    try:
        _check_text(sys.argv[1:])
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
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
