"""Two playbooks compared by what they mean: `noetl diff`.

`meaning` reads the IR of a playbook as a tree of parts; `fingerprint` is its behavioural hash, `differences` tell where
two trees differ. There are differences exactly where the hashes differ.

Two playbooks with one hash run alike: the same steps with the same names, rules, tools, args, loops, transitions and
defaults. What does not count: comments and layout, `metadata`, `desc`, the order of keys where it means nothing
(DOC-13), spellings (DOC-11), the order of the workflow and workbook lists, `then` as a mapping or a list, an `end` that
is only named (DOC-7), white space, comments and quotes inside expressions. The other way round there is no promise: two
playbooks may run alike and have different hashes.
"""

from .changes import Difference, differences, renames
from .meaning import meaning
from .parts import Part, fingerprint

__all__ = ["Difference", "Part", "differences", "fingerprint", "meaning", "renames"]
