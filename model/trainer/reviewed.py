"""What readers made of scripts that their sources call malicious. They read the text alone, without scores: where it is no attack
(an inventory, a single step of an administrator, a tool for the attacker's own machine, a fragment), the script counts as dual
use, which is neither learnt as malicious nor counted as missed.
"""

import hashlib
import pathlib

# Sixteen digits of the SHA-256 of each such text, a line.
NOT_MALICIOUS = frozenset((pathlib.Path(__file__).parent / "reviewed.txt").read_text().split())


def label(text, label):
    """The label of a script, given its source's."""
    if label == "malicious" and hashlib.sha256(text).hexdigest()[:16] in NOT_MALICIOUS:
        return "dual_use"
    return label
