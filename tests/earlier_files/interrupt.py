"""A program that is killed at each statement of opening a file, one after another.

    python -m tests.earlier_files.interrupt NAME SOURCE TARGET

For n = 1, 2, … it copies the directory SOURCE to TARGET/n, opens the file NAME of `opening.FILES` there in a child,
and that child kills itself with SIGKILL as SQLite begins the n-th statement. It ends with the first child that
opened the file without meeting so many statements, and prints how many were killed.
"""

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from tests.earlier_files.opening import FILES


def kill_at(statement: int) -> None:
    """From now on, count the statements of every connection of this process, and die at this one."""
    connect, begun = sqlite3.connect, 0

    def count(_statement: str) -> None:
        nonlocal begun
        begun += 1
        if begun == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*words: Any, **named: Any) -> sqlite3.Connection:
        db = connect(*words, **named)
        db.set_trace_callback(count)
        return db

    sqlite3.connect = traced  # type: ignore[assignment]


def main(name: str, source: Path, target: Path) -> int:
    statement = 0
    while True:
        statement += 1
        here = target / str(statement)
        shutil.copytree(source, here)
        child = os.fork()
        if child == 0:
            kill_at(statement)
            FILES[name].open(here).close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            continue
        shutil.rmtree(here)
        print(statement - 1)
        return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
