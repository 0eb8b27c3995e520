"""amoCRM's shell: the pages of an account on which a widget runs, served by the simulated amoCRM at the account's host.

The browser side is in `static/`: written from the documented facts, with vendor modules out of `node_modules`.
"""

from dealgram.sandbox.shell.archive import WidgetArchive
from dealgram.sandbox.shell.server import Shell, mount
from dealgram.sandbox.shell.switches import ShellSwitches
from dealgram.sandbox.shell.vendor import ModulesMissingError, VendorModules

__all__ = ["ModulesMissingError", "Shell", "ShellSwitches", "VendorModules", "WidgetArchive", "mount"]
