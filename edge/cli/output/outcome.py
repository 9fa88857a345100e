"""How a verb ends by an error that is none of ours: one line for people, and the exit code of the kind of fault."""

import os
import sqlite3

from edge.errors import SmartClockerError

NOT_TEXT, INPUT_OUTPUT, UNFORESEEN = 65, 74, SmartClockerError.exit_code
"""sysexits.h: EX_DATAERR, EX_IOERR, EX_SOFTWARE; docs/cli.md lists them."""


def told(error: Exception) -> tuple[str, int]:
    """What to say and the exit code. No message quotes what a file or a person's text holds."""
    if isinstance(error, UnicodeError):
        return "a name or text that was given is not UTF-8 text; write it in UTF-8", NOT_TEXT
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        why = error.strerror or type(error).__name__
        return f"{where}{why}; correct the path, the rights on it, or free some space", INPUT_OUTPUT
    if isinstance(error, sqlite3.Error):
        return f"a database cannot be used ({error}); check its disk, and the rights on it", INPUT_OUTPUT
    return "an error that nobody foresaw; report it", UNFORESEEN
