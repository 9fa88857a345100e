"""A terminal that is killed before any statement while it keeps an enrolment by a ticket: all of it is there, or
nothing, and the ticket is used up exactly where the person was enrolled.
"""

import os
import signal
from pathlib import Path

from edge.crypto import dsse
from edge.journal.verify import verify_file
from tests.support.forked import exit_code
from tests.support.people import ANN, POLICY
from tests.support.signed_orders import IDENTITY, MODEL
from tests.support.wall import WallBench, probes, ticket

STATEMENTS = 150
"""More than any enrolment takes; the test fails if it is not."""


def keep(root: Path, statement: int) -> None:
    """Keep the enrolment, and die before the n-th statement of it."""
    bench, left = WallBench(root), [statement]

    def count(_sql: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    action = bench.films(bench.begin())
    people, journal = bench.parts.open_people(), bench.parts.open_journal()
    for connection in (people._db, journal._db):
        connection.set_trace_callback(count)
    object.__setattr__(bench.parts, "open_people", lambda: people)
    object.__setattr__(bench.parts, "open_journal", lambda: journal)
    action.finish()
    os._exit(0)


def killed_at(root: Path, statement: int) -> bool:
    """Keep the enrolment in a process that dies before its n-th statement; False when it came to its end."""
    code = exit_code(keep, root, statement)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def everything(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())


def test_killed_before_any_statement(tmp_path: Path) -> None:
    vectors = [one.embedding.tobytes() for one in probes()]
    nothing, enrolled, ends = 0, 0, 0
    for statement in range(1, STATEMENTS):
        root = tmp_path / str(statement)
        root.mkdir()
        bench = WallBench(root)
        bench.populate()
        bench.give(ticket())
        bench.close()
        died = killed_at(root, statement)
        bench = WallBench(root)
        bench.start()
        there, kept = bench.people.has_face(ANN), bench.tickets.of(ANN, bench.people) is not None
        kinds = [kind for kind, _ in bench.said()]
        assert there is not kept, f"at statement {statement}"
        assert kinds.count("enrolled") == kinds.count("consent") == there, f"at statement {statement}: {kinds}"
        assert (len(bench.people.gallery(MODEL, POLICY).people) > 0) is there
        assert bench.people.consented(ANN) is there
        assert bench.people.outbox.pending() == []
        assert not any(vector in everything(root) for vector in vectors), "a template is never in the clear"
        nothing, enrolled = nothing + kept, enrolled + there
        if kept:
            bench.films(bench.begin()).finish()
            assert bench.people.has_face(ANN), "the same ticket still opens one"
        bench.close()
        keys = {dsse.key_id(IDENTITY.verify_key): IDENTITY.verify_key}
        assert verify_file(root / "journal.db", keys).problem is None
        if not died:
            ends = statement
            break
    assert ends > 10
    assert nothing > 3
    assert enrolled > 3
