"""Runs `dealgram` commands as processes of their own, without importing its modules for each of them anew.

Run as a program by tests: it imports everything once and then forks for every line of standard input, a JSON object
with ``arguments``, ``environment``, ``folder`` and the paths ``stdin``, ``stdout`` and ``stderr``; it answers with the
exit code in a line.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
from importlib import import_module
from typing import Any

import dealgram.cli
import dealgram.playground
from dealgram.__main__ import main


def carry_out(order: dict[str, Any]) -> None:
    """Become the command; never returns."""
    code = 1
    try:
        for number, (name, flags) in enumerate(
            (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))
        ):
            os.dup2(os.open(order[name], flags), number)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["dealgram", *order["arguments"]]
        try:
            main()
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except Exception:  # noqa: BLE001 - shown as the interpreter shows what nobody has caught
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


for module in pkgutil.iter_modules(dealgram.cli.__path__):
    import_module(f"dealgram.cli.{module.name}")
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        carry_out(json.loads(line))
    _, status = os.waitpid(child, 0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
    sys.stdout.flush()
