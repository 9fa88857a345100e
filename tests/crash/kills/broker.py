"""The real mosquitto, with and without a memory in turn, that may be killed before it listens."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from edge.central.broker.mosquitto import EmbeddedBroker, find_mosquitto


class HurriedBroker(EmbeddedBroker):
    """One that is launched without waiting for it, so that a kill can hit its start."""

    def __init__(self, directory: Path, *, sites: Sequence[str]) -> None:
        super().__init__(directory, sites=sites, autosave_on_changes=True)

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start it and return at once. Every second life has persistence, saved after each change."""
        self._persistence = not self._persistence
        self._write_files()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [find_mosquitto(), "-v", "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
