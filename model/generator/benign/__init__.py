"""Harmless twins: what administrators, images and installers do with the same tools."""

from .administration import ADMIN
from .collection import COLLECT
from .fragments import FRAGMENT
from .installation import INSTALL
from .interaction import INTERACTIVE, PLAIN
from .startup import ENTRYPOINT

FAMILIES = {
    "installer": [(INSTALL, 1, 3)],
    "entrypoint": [(ENTRYPOINT, 1, 2)],
    "admin": [(ADMIN, 1, 3)],
    "mixed": [(INSTALL, 0, 2), (ADMIN, 1, 3), (ENTRYPOINT, 0, 1)],
    "plain": [(PLAIN, 1, 2)],
    "fragment": [(FRAGMENT, 1, 2)],
    "collect": [(COLLECT, 3, 7)],
    "interactive": [(INTERACTIVE, 4, 12)],
}
