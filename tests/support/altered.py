"""A database with values that somebody altered."""

import random
import sqlite3


def altered(db: sqlite3.Connection, table: str, column: str, n: int, chance: random.Random) -> None:
    key = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]]
    row = db.execute(f"SELECT {', '.join(key)}, {column} FROM {table} ORDER BY 1 LIMIT 1 OFFSET ?", (n,)).fetchone()
    value = row[-1]
    if isinstance(value, int):
        value ^= 1 << chance.randrange(40)
    elif value is not None:
        raw = bytearray(value if isinstance(value, bytes) else value.encode())
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(7)
        value = bytes(raw) if isinstance(value, bytes) else raw.decode("latin-1")
    where = " AND ".join(f"{one} = ?" for one in key)
    db.execute(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {where}", (value, *row[: len(key)]))
