"""``dealgram doctor``: look an account over from end to end, and settle what amoCRM's documentation leaves open."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from dealgram.actors.accounts.doctor import Finding, Verdict, examine
from dealgram.actors.accounts.probe import Observed, Probe, ProbeRefusedError, Shown, recommend
from dealgram.actors.services import Services
from dealgram.cli.context import ID, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.composition import open_services
from dealgram.connections import open_gateways
from dealgram.persistence import accounts
from dealgram.persistence.records import Account

_MARKS = {Verdict.OK: "[green]✓", Verdict.WARNING: "[yellow]![/]", Verdict.FAILED: "[red]✗", Verdict.SKIPPED: "[dim]–"}
_SHOWN = {"yes": Shown.EVERY, "no": Shown.ONE}


@click.command()
@click.option("--account", "account_id", type=ID, required=True, help="The account's id at amoCRM.")
@click.option("--probe", is_flag=True, help="Also try out undocumented behaviour; only in a technical account.")
@click.option(
    "--in-both",
    type=click.Choice(["yes", "no"]),
    help="What you see in amoCRM after a probe: is its first message in both deals? Asked for on a terminal.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def doctor(account_id: int, probe: bool, in_both: str | None, as_json: bool) -> None:
    """Check a connected account: tokens, rights, channel, fields, webhooks, users, sources and bots.

    Nothing is changed. With --probe, a contact, two deals and some chats are made in the account (a technical one only;
    they are named so that you can delete them afterwards), the open points of amoCRM's documentation are tried out, and
    a conversation policy is recommended. Ends with code 1 if something is wrong.
    """
    console = Console(stderr=as_json)

    async def main() -> list[Finding]:
        async with (
            open_desk() as desk,
            open_gateways(desk.settings) as gateways,
            open_services(desk.settings, desk.db, gateways) as services,
        ):
            row = await accounts.get(desk.db, account_id)
            if row is None:
                raise Failure(f"there is no account {account_id}")
            with console.status("Looking the account over…") as status:
                findings = await examine(services, row, lambda found: status.update(f"Looked at {found.subject}…"))
            if not as_json:
                console.print(_findings(row, findings))
            seen = await _probe(services, row, console, in_both, as_json=as_json) if probe else None
            if as_json:
                click.echo(_json(row, findings, seen))
            return findings

    findings = run(main)
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        sys.exit(1)


async def _probe(services: Services, row: Account, console: Console, in_both: str | None, *, as_json: bool) -> Observed:
    try:
        with console.status("Trying out…") as status:
            seen = await Probe(services, row, on_progress=lambda doing: status.update(f"Trying out: {doing}…")).run()
    except ProbeRefusedError as error:
        raise Failure(str(error)) from error
    if in_both is not None:
        seen.shown = _SHOWN[in_both]
    elif not as_json and sys.stdin.isatty():
        first, second = (f"{row.host}/leads/detail/{deal}" for deal in seen.deals)
        console.print(f"Open both deals in amoCRM:\n  {first}\n  {second}", highlight=False)
        seen.shown = Shown.EVERY if click.confirm(f"Is «{seen.text}» in both of them?") else Shown.ONE
    if not as_json:
        console.print(_answers(seen))
        policy, reason = recommend(seen)
        console.print(f"Recommended conversation policy: [bold]{policy.value}[/] – {reason}.", highlight=False)
        console.print(f"  dealgram account set {row.account_id} --policy {policy.value}", highlight=False)
        made = ", ".join(str(deal) for deal in seen.deals)
        console.print(f"You may delete now: deals {made} and contact {seen.contact}.", highlight=False)
    return seen


def _findings(row: Account, findings: list[Finding]) -> Table:
    table = Table(title=f"Account {row.account_id} «{row.name}»", title_justify="left")
    for column in ("", "what", "seen"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(_MARKS[finding.verdict], finding.subject, finding.text)
    return table


def _answers(seen: Observed) -> Table:
    table = Table(title="What trying out has shown", title_justify="left")
    for column in ("point", "question", "answer"):
        table.add_column(column, overflow="fold")
    for answer in seen.answers:
        table.add_row(
            answer.point, answer.question, answer.text if answer.settled else f"[yellow]open:[/] {answer.text}"
        )
    shown = {Shown.ONE: "in one", Shown.EVERY: "in every one", Shown.UNKNOWN: "[yellow]open:[/] look at the two deals"}
    table.add_row("10", "in which of its contact's deals a chat is seen", shown[seen.shown])
    return table


def _json(row: Account, findings: list[Finding], seen: Observed | None) -> str:
    report: dict[str, object] = {
        "account": row.account_id,
        "findings": [asdict(finding) for finding in findings],
    }
    if seen is not None:
        policy, reason = recommend(seen)
        report["probe"] = asdict(seen)
        report["recommended"] = {"policy": policy.value, "reason": reason}
    return json.dumps(report, ensure_ascii=False, indent=2)
