"""The page of the sandbox, Telegram beside amoCRM beside the service's actors, and the sample world it starts with."""

from dealgram.sandbox.page.server import create_page
from dealgram.sandbox.page.world import World, build_world

__all__ = ["World", "build_world", "create_page"]
