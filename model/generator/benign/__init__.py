"""Harmless twins: what administrators, images and installers do with the same tools."""

from .administration import ADMIN
from .agents import AGENTS
from .backups import BACKUPS
from .building import BUILDING
from .cloud import CLOUD
from .collection import COLLECT
from .containers import CONTAINERS
from .diagnosis import DIAGNOSIS
from .fleet import FLEET
from .fragments import FRAGMENT
from .installation import INSTALL
from .interaction import INTERACTIVE, PLAIN
from .network import NETWORK
from .releases import RELEASES
from .retirement import RETIREMENT
from .secrets import SECRETS
from .services import SERVICES
from .startup import ENTRYPOINT
from .storage import STORAGE
from .tools import TOOLS
from .walkthroughs import WALKTHROUGHS

OPERATIONS = [*ADMIN, *BUILDING, *CLOUD, *CONTAINERS, *NETWORK, *SERVICES, *STORAGE]
# What looks like the worst of attacks: wiping, locking, spying, hiding, and is none.
CARE = [*AGENTS, *BACKUPS, *DIAGNOSIS, *FLEET, *RELEASES, *RETIREMENT, *SECRETS, *TOOLS, *WALKTHROUGHS]
FAMILIES = {
    "installer": [(INSTALL, 1, 3)],
    "entrypoint": [(ENTRYPOINT, 1, 2)],
    "admin": [(OPERATIONS, 1, 3)],
    "care": [(CARE, 1, 2)],
    "mixed": [(INSTALL, 0, 2), (OPERATIONS, 1, 3), (CARE, 0, 1), (ENTRYPOINT, 0, 1)],
    "plain": [(PLAIN, 1, 2)],
    "fragment": [(FRAGMENT, 1, 2)],
    "collect": [(COLLECT, 3, 7)],
    "interactive": [(INTERACTIVE, 4, 12)],
}
