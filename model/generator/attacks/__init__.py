"""What attackers do, a file a tactic or what it leaves behind: idioms to be combined. Own wording; the tools and files named
are facts."""

from .accounts import ACCOUNTS
from .beacons import BEACON
from .blinding import BLIND
from .campaigns import CAMPAIGN
from .collection import COLLECTION
from .command_and_control import C2, DOWNLOAD, REVERSE
from .credential_access import BRUTE, CREDENTIALS
from .defense_evasion import EVADE
from .discovery import INVENTORY, RECON
from .execution import EMBEDDED, SESSION
from .exfiltration import EXFIL
from .harvest import HARVEST
from .hooks import HOOKS
from .impact import COMPETITORS, DESTROY, MINER
from .kits import KIT
from .lateral_movement import WORM
from .persistence import PERSIST
from .privilege_escalation import ESCAPE
from .proofs import PROOF
from .ransom import RANSOM, WIPE
from .riddles import RIDDLE
from .root_shells import ROOT
from .shipments import SHIPMENT
from .supply import SUPPLY

# What is bad enough to stand alone.
STEPS = [
    *ACCOUNTS, *BEACON, *BLIND, *C2, *COLLECTION, *COMPETITORS, *CREDENTIALS, *DESTROY, *DOWNLOAD, *EMBEDDED, *ESCAPE, *EVADE, *EXFIL, *HARVEST, *HOOKS, *KIT, *MINER,
    *PERSIST, *RANSOM, *REVERSE, *RIDDLE, *ROOT, *SHIPMENT, *SUPPLY, *WIPE, *WORM,
]
# Each family: which idioms, how many of each. What a real campaign does together stands together.
FAMILIES = {
    "dropper": [(DOWNLOAD, 1, 3), (EVADE, 0, 2)],
    "loader": [(DOWNLOAD, 1, 1)],
    "embedded": [(EMBEDDED, 1, 1), (PERSIST, 0, 1), (EVADE, 0, 1)],
    "kit": [(SESSION, 0, 2), (KIT, 1, 3), (EVADE, 0, 1)],
    "reverse_shell": [(REVERSE, 1, 1), (RECON, 0, 1)],
    "shell_and_persist": [(REVERSE, 1, 1), (PERSIST, 1, 2), (EVADE, 0, 2)],
    "c2": [(C2, 1, 1), (PERSIST, 0, 1)],
    "miner": [(EVADE, 0, 3), (COMPETITORS, 0, 5), (DOWNLOAD, 0, 2), (MINER, 1, 4), (PERSIST, 0, 2), (EVADE, 0, 2)],
    "competitor_kill": [(COMPETITORS, 3, 12), (EVADE, 0, 2)],
    "escape": [(RECON, 0, 1), (ESCAPE, 1, 2), (DOWNLOAD, 0, 1)],
    "credentials": [(RECON, 0, 1), (CREDENTIALS, 1, 4), (EXFIL, 0, 1), (EVADE, 0, 1)],
    "persistence": [(PERSIST, 1, 3), (EVADE, 0, 1)],
    "tamper": [(EVADE, 3, 8)],
    "ransom": [(EVADE, 0, 1), (DESTROY, 1, 3)],
    "worm": [(DOWNLOAD, 0, 1), (WORM, 1, 2), (PERSIST, 0, 1)],
    "exfil": [(RECON, 0, 2), (EXFIL, 1, 2)],
    "collection": [(RECON, 0, 1), (COLLECTION, 1, 3), (EXFIL, 0, 1)],
    "brute_force": [(BRUTE, 3, 8), (EVADE, 0, 1)],
    "inventory": [(INVENTORY, 3, 7), (EVADE, 0, 1)],
    "session": [(SESSION, 3, 9), (DOWNLOAD, 1, 1), (SESSION, 1, 6), (EVADE, 0, 1)],
    "hook": [(HOOKS, 1, 2), (BLIND, 0, 1)],
    "account": [(RECON, 0, 1), (ACCOUNTS, 1, 2), (EVADE, 0, 1)],
    "beacon": [(BEACON, 1, 1), (HOOKS, 0, 1)],
    "harvest": [(RECON, 0, 1), (HARVEST, 1, 2), (SHIPMENT, 0, 1)],
    "shipment": [(SHIPMENT, 1, 2), (EVADE, 0, 1)],
    "lock": [(BLIND, 0, 1), (RANSOM, 1, 2)],
    "wipe": [(WIPE, 1, 2)],
    "supply": [(SUPPLY, 1, 2), (HARVEST, 0, 1)],
    "root": [(RECON, 0, 1), (ROOT, 1, 2), (ACCOUNTS, 0, 1)],
    "riddle": [(RIDDLE, 1, 2)],
    "blind": [(BLIND, 1, 3), (EVADE, 0, 1)],
    "campaign": [(CAMPAIGN, 1, 1)],
    "proof": [(PROOF, 1, 1)],
    "step": [(STEPS, 1, 1)],
}
# How often each is drawn: more where there is more to learn.
WEIGHTS = {name: sum(len(idioms) for idioms, low, _ in recipe if low) ** 0.5 for name, recipe in FAMILIES.items()}
# Most of it anybody types.
WEIGHTS["session"] /= 2
