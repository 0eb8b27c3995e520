"""``dealgram demo``: the whole story without a person, told and checked step by step."""

from __future__ import annotations

import click


@click.command()
@click.option("--keep-going", is_flag=True, help="Tell the story to its end even when a step fails.")
def demo(keep_going: bool) -> None:
    """Play the story of a group and its deals against the simulators, and check every step of it.

    Exits with 1 if a message is missing, doubled or out of order.
    """
    from dealgram.cli.context import read_settings, run
    from dealgram.cli.failure import Failure
    from dealgram.story import play

    settings = read_settings()
    failed = run(lambda: play(settings, keep_going=keep_going))
    if failed:
        raise Failure(f"{failed} of the story's checks failed")
