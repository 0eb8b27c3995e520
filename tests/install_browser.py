"""Make a Chromium available to the browser tests, if one can be; prints what it did and never fails the run.

Run as a program by `make test`. The browser tests find the same browser in the same order (`find`) and skip themselves
with a reason where there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOAD_S = 120
PACKAGE_S = 300


def find() -> str | None:
    """Return the path of a Chromium: DEALGRAM_CHROMIUM, then PATH, then Playwright's own folder."""
    named = os.environ.get("DEALGRAM_CHROMIUM")
    if named:
        return named if os.access(named, os.X_OK) else None
    for name in NAMES:
        if path := shutil.which(name):
            return path
    return _of_playwright()


def _of_playwright() -> str | None:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return None
    try:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Error:
        return None
    return path if path and Path(path).exists() else None


def _say(text: str) -> None:
    sys.stdout.write(f"browser: {text}\n")
    sys.stdout.flush()


def _attempt(what: str, command: list[str], timeout_s: float, **environment: str) -> bool:
    _say(f"trying {what} (at most {timeout_s:.0f} s) …")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=os.environ | environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(f"{what} failed: {type(error).__name__}")
        return False
    if done.returncode:
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        _say(f"{what} failed: {lines[-1][:200] if lines else f'status {done.returncode}'}")
    return done.returncode == 0


def install() -> str | None:
    """Return a Chromium that is there or could be installed."""
    if path := find():
        return path
    if os.environ.get("DEALGRAM_CHROMIUM"):
        _say("DEALGRAM_CHROMIUM names no program that can be run")
        return None
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    if _attempt("Playwright's own download", playwright, DOWNLOAD_S) and (path := find()):
        return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        package = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        if _attempt("Debian's package", package, PACKAGE_S, **quiet) or (
            _attempt("the package lists", ["apt-get", "update", "--quiet"], PACKAGE_S, **quiet)
            and _attempt("Debian's package again", package, PACKAGE_S, **quiet)
        ):
            return find()
    return None


def main() -> None:
    """Install and say what the browser tests will use."""
    path = install()
    _say(path or "none; the browser tests will be skipped")


if __name__ == "__main__":
    main()
