"""Harmless twins: what administrators, images and installers do with the same tools."""

from .administration import ADMIN
from .building import BUILDING
from .cloud import CLOUD
from .collection import COLLECT
from .containers import CONTAINERS
from .fragments import FRAGMENT
from .installation import INSTALL
from .interaction import INTERACTIVE, PLAIN
from .network import NETWORK
from .services import SERVICES
from .startup import ENTRYPOINT
from .storage import STORAGE

OPERATIONS = [*ADMIN, *BUILDING, *CLOUD, *CONTAINERS, *NETWORK, *SERVICES, *STORAGE]
FAMILIES = {
    "installer": [(INSTALL, 1, 3)],
    "entrypoint": [(ENTRYPOINT, 1, 2)],
    "admin": [(OPERATIONS, 1, 3)],
    "mixed": [(INSTALL, 0, 2), (OPERATIONS, 1, 3), (ENTRYPOINT, 0, 1)],
    "plain": [(PLAIN, 1, 2)],
    "fragment": [(FRAGMENT, 1, 2)],
    "collect": [(COLLECT, 3, 7)],
    "interactive": [(INTERACTIVE, 4, 12)],
}
