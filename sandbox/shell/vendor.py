"""The vendor modules that amoCRM gives to widgets, in its versions (documentation, "system modules").

Owns which files of `node_modules` are served. Nothing of them is kept in the repository.
"""

from __future__ import annotations

from pathlib import Path

FILES = {
    "require": "requirejs/require.js",
    "jquery": "jquery/dist/jquery.js",
    "underscore": "underscore/underscore.js",
    "twigjs": "twig/twig.js",
    "moment": "moment/moment.js",
    "clipboard": "clipboard/dist/clipboard.js",
}


class ModulesMissingError(Exception):
    """The node modules are not installed."""


class VendorModules:
    """The vendor files below a `node_modules` folder.

    Raises:
        ModulesMissingError: one of them is not there; the text says how to get them.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name, path in FILES.items() if not (folder / path).is_file()]
        if missing:
            raise ModulesMissingError(
                f"the node modules are not installed ({', '.join(missing)}): run `python tools/node_modules.py`"
            )
        self._folder = folder
        self._read: dict[str, bytes] = {}

    def file(self, name: str) -> bytes | None:
        """The source of the module `name`; read once."""
        if name not in FILES:
            return None
        if name not in self._read:
            self._read[name] = (self._folder / FILES[name]).read_bytes()
        return self._read[name]
