"""``python -m dealgram`` and the ``dealgram`` command."""

from __future__ import annotations

from dealgram.cli import main

if __name__ == "__main__":
    main()
