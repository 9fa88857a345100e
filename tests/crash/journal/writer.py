"""Appends to a journal until it is killed; prints each record's seq once the journal said that it is durable."""

import sys
from pathlib import Path

from edge.crypto.key_files import load_identity
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal.journal import Journal
from tests.support.clock import NOW


def main() -> None:
    """Arguments: the directory, this writer's name, how many records (0 for no end)."""
    directory, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()  # open, and perhaps create, together
    journal = Journal(directory / "journal.db", Origin("hq", "door-1"), load_identity(directory / "identity.pem"))
    number = 0
    while not count or number < count:
        number += 1
        data = {"version": name, "models": [str(number)]}
        print(journal.append(Draft(Kind.BOOT, data, NOW)).seq, flush=True)
    journal.close()


if __name__ == "__main__":
    main()
