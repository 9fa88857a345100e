"""The end of a verb by an error that is not a SmartClockerError: one line of text, and an exit code for its
kind.
"""

import os
import sqlite3

from edge.errors import SmartClockerError

NOT_TEXT, INPUT_OUTPUT, UNFORESEEN = 65, 74, SmartClockerError.exit_code
"""sysexits.h: EX_DATAERR, EX_IOERR, EX_SOFTWARE; docs/cli.md lists them."""


def told(error: Exception) -> tuple[str, int]:
    """The text for an error, and the exit code. The text quotes no content of a file and no text of a person."""
    if isinstance(error, UnicodeError):
        return "a name or text that was given is not UTF-8 text; write it in UTF-8", NOT_TEXT
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        why = error.strerror or type(error).__name__
        return f"{where}{why}; correct the path, the rights on it, or free some space", INPUT_OUTPUT
    if isinstance(error, sqlite3.Error):
        return f"a database cannot be used ({error}); check its disk, and the rights on it", INPUT_OUTPUT
    return "an error that nobody foresaw; report it", UNFORESEEN
