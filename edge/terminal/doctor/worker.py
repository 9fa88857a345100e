"""The process that looks at the items: `python -m edge.terminal.doctor.worker CONFIG ITEM …`.

It writes one line of JSON before each item and one after it. A device or a library may hang it or end it: then
`examination` starts another one for the items that are left.
"""

import json
import os
import sys
from pathlib import Path

from edge.adapters.linux.process_hardening import leave_no_core
from edge.terminal.doctor.catalogue import look_at
from edge.terminal.doctor.readings.sources import Sources


def main(config: str, items: list[str]) -> None:
    """Look at each item, in this order."""
    leave_no_core()
    # Libraries, and the drawn lights, write to standard output: our lines have a descriptor of their own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as lines:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sources = Sources(Path(config))
        for item in items:
            lines.write(json.dumps({"begun": item}) + "\n")
            lines.flush()
            lines.write(json.dumps({"found": look_at(item, sources).as_json()}) + "\n")
            lines.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
