"""The evidence store: sealed before it is written, within its budget, gone on its day to the last byte."""

import contextlib
import errno
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nacl.public import PrivateKey
from PIL import Image

from edge.crypto.key_files import create_identity, create_secret, load_sealing, public_pem, sealing_pem
from edge.domain.face import Box
from edge.domain.privacy.image_retention import GRACE_MS
from edge.domain.time.evidence import TimeEvidence
from edge.errors import EvidenceDamaged, EvidenceError, ExportRefused, KeyFileError
from edge.evidence_images import schema, sealed_image
from edge.evidence_images.store import forget_images, opened
from edge.vision.face_crop import crop, encode
from tests.support.clock import NOW
from tests.support.people import ANN, BOB

KEY = PrivateKey(bytes(range(32)))
DAY = 24 * 3_600_000
BUDGET = 1_000_000
IMAGE = b"\xff\xd8" + b"a picture of somebody" * 400


def later(days: float, now: TimeEvidence = NOW) -> TimeEvidence:
    """So much later in the same boot."""
    return replace(now, boottime_ms=now.boottime_ms + int(days * DAY))


def put(path: Path, number: int, person: str = ANN, now: TimeEvidence = NOW, image: bytes = IMAGE) -> bytes:
    record = f"gate-1/{'e' * 32}/{number}"
    sealed = sealed_image.seal(record, person, now.utc, image, KEY.public_key)
    with opened(path, now, make=True) as store:
        assert store is not None
        assert store.keep(record, person, now, sealed, BUDGET)
    return sealed


def kept(path: Path, now: TimeEvidence = NOW) -> list[int]:
    with opened(path, now) as store:
        return [] if store is None else [int(one.record.rsplit("/", 1)[1]) for one in store.stills()]


def delete_all(path: Path) -> None:
    with opened(path, NOW) as store:
        assert store is not None
        store.remove(None)


def bytes_beneath(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(directory.rglob("*")) if file.is_file())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / schema.NAME


def test_what_is_kept_is_sealed_and_opens_with_the_private_key_alone(path: Path) -> None:
    sealed = put(path, 1)
    content = bytes_beneath(path.parent)
    assert sealed[100:200] in content, "the scan finds what is there"
    assert b"a picture of somebody" not in content
    found = sealed_image.open_sealed(sealed, KEY)
    assert (found.record, found.person, found.jpeg) == (f"gate-1/{'e' * 32}/1", ANN, IMAGE)
    for wrong in (sealed[:-1], sealed[:20], b"", sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(ExportRefused):
            sealed_image.open_sealed(wrong, KEY)
    with pytest.raises(ExportRefused, match="another key"):
        sealed_image.open_sealed(sealed, PrivateKey(bytes(32)))


@pytest.mark.parametrize("person", [None, ANN], ids=["all", "one person"])
def test_what_is_deleted_is_gone_to_the_last_byte(path: Path, person: str | None) -> None:
    hers, his = put(path, 1), put(path, 2, BOB)
    with opened(path, NOW) as store:
        assert store is not None
        assert store.remove(person) == (2 if person is None else 1)
    content = bytes_beneath(path.parent)
    for at in range(0, len(hers) - 64, 64):
        assert hers[at : at + 64] not in content
    assert (his[100:200] in content) is (person is not None)


def test_on_its_day_it_goes_by_itself_at_the_next_opening(path: Path) -> None:
    first, second = put(path, 1), put(path, 2, now=later(50))
    assert kept(path, later(89)) == [1, 2]
    assert first[100:200] in bytes_beneath(path.parent)
    assert kept(path, later(90)) == [2]
    content = bytes_beneath(path.parent)
    assert first[100:200] not in content
    assert second[100:200] in content
    assert kept(path, later(140)) == []


def test_after_100_days_without_power_and_without_a_clock_it_goes_after_the_grace(path: Path) -> None:
    put(path, 1)
    booted = replace(NOW, boot_id="c" * 36, boottime_ms=5_000, synchronised=False)
    with opened(path, booted) as store:
        assert store is not None
        assert [one.certain for one in store.stills()] == [False]
    put(path, 2, now=booted)
    assert kept(path, later(GRACE_MS / DAY, booted)) == [2], "of this boot the age is known"


def test_a_power_cut_that_a_time_server_measures_costs_nothing(path: Path) -> None:
    put(path, 1)
    booted = replace(NOW, boot_id="c" * 36, boottime_ms=5_000, utc="2026-03-02T08:10:00.000Z")
    with opened(path, booted) as store:
        assert store is not None
        assert [one.certain for one in store.stills()] == [True]
    assert kept(path, later(80, booted)) == [1]
    gone = replace(booted, boot_id="d" * 36, utc="2026-06-02T08:10:00.000Z")
    assert kept(path, gone) == []


def test_the_budget_is_of_the_file_and_the_oldest_go_first(path: Path) -> None:
    for number in range(1, 41):
        put(path, number, image=os.urandom(60_000))
        assert path.stat().st_size <= BUDGET
    left = kept(path)
    assert left == list(range(left[0], 41))
    assert 10 <= len(left) <= 16


def test_one_that_is_larger_than_the_budget_costs_no_other(path: Path) -> None:
    put(path, 1)
    with opened(path, NOW) as store:
        assert store is not None
        assert not store.keep("gate-1/x/2", ANN, NOW, bytes(BUDGET + 1), BUDGET)
    assert kept(path) == [1]


def test_a_disk_that_is_nearly_full_is_left_to_the_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, 1)
    monkeypatch.setattr("edge.evidence_images.store.FREE_FLOOR", 1 << 60)
    with opened(path, NOW) as store:
        assert store is not None
        assert not store.keep("gate-1/x/2", ANN, NOW, b"x" * 100, BUDGET)
    assert kept(path) == [1]


@pytest.mark.parametrize("damage", ["truncated", "empty", "rubbish", "torn", "another file", "no rows"])
def test_a_damaged_store_keeps_nothing_for_ever(path: Path, damage: str) -> None:
    sealed = put(path, 1)
    for number in range(2, 6):
        put(path, number)
    content = path.read_bytes()
    copy = path.parent / "access" / "x.stills"
    copy.parent.mkdir()
    copy.write_bytes(sealed)
    match damage:
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "empty":
            path.write_bytes(b"")
        case "rubbish":
            path.write_bytes(os.urandom(len(content)))
        case "torn":
            path.write_bytes(content[:4096] + os.urandom(4096 * 8) + content[4096 * 9 :])
        case "another file":
            path.unlink()
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        case _:
            db = sqlite3.connect(path)
            db.execute("DELETE FROM passage")
            db.commit()
            db.close()
    with pytest.raises(EvidenceDamaged, match="deleted"):
        delete_all(path)
    assert list(path.parent.rglob("*.*")) == []
    put(path, 7)
    assert kept(path) == [7]


def test_a_deletion_that_fails_says_so_and_is_done_by_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = put(path, 1)
    with opened(path, NOW) as store:
        assert store is not None
        store.copied("access/x.stills", ANN, [f"gate-1/{'e' * 32}/1"])
    copy = path.parent / "access" / "x.stills.part"
    copy.parent.mkdir()
    copy.write_bytes(sealed)

    def refuse(_self: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(EvidenceError, match="writable"), opened(path, later(91)):
            raise AssertionError("it opened")
    assert copy.exists()
    assert kept(path, later(91)) == []
    assert not copy.exists(), "a copy goes with its image, half-written or not"
    assert sealed[100:200] not in bytes_beneath(path.parent)


def test_a_copy_without_a_store_goes(path: Path) -> None:
    copy = path.parent / "access" / "x.stills"
    copy.parent.mkdir()
    copy.write_bytes(b"x")
    (path.parent / "access" / "y.sealed").write_bytes(b"y")
    assert kept(path) == []
    assert [file.name for file in copy.parent.iterdir()] == ["y.sealed"]


def test_who_is_not_enrolled_any_more_has_no_image(path: Path) -> None:
    put(path, 1)
    put(path, 2, BOB)
    with opened(path, NOW) as store:
        assert store is not None
        assert store.remove_all_but({BOB}) == 1
    assert kept(path) == [2]
    assert forget_images(path, BOB, NOW) == 1
    assert forget_images(path.with_name("none.db"), BOB, NOW) == 0


def test_a_copy_that_was_put_back_and_that_nobody_knows_goes(path: Path) -> None:
    put(path, 1)
    folder = path.parent / "access"
    folder.mkdir()
    with opened(path, NOW) as store:
        assert store is not None
        (record,) = [one.record for one in store.stills()]
        store.copied("access/known.stills", BOB, [record])
        for name in ("known.stills", "known.stills.x.part", "old.stills", "old.stills.x.part", "answer.sealed"):
            (folder / name).write_bytes(b"x")
        store.remove_all_but({store.stills()[0].person, BOB})
    assert {file.name for file in folder.iterdir()} == {"known.stills", "known.stills.x.part", "answer.sealed"}


def test_another_kind_of_key_is_refused_with_the_cure(tmp_path: Path) -> None:
    made = create_identity(tmp_path / "identity")
    secret = create_secret(tmp_path / "evidence.key")
    (tmp_path / "ed25519.pem").write_text(public_pem(made.verify_key))
    (tmp_path / "right.pem").write_text(sealing_pem(PrivateKey(secret).public_key))
    (tmp_path / "rubbish.pem").write_bytes(os.urandom(200))
    assert bytes(load_sealing(tmp_path / "right.pem")) == bytes(PrivateKey(secret).public_key)
    for wrong in ("ed25519.pem", "identity", "evidence.key", "rubbish.pem", "none.pem"):
        with pytest.raises(KeyFileError):
            load_sealing(tmp_path / wrong)


def test_the_picture_is_of_the_face_small_and_without_metadata(photos: Path) -> None:
    pixels = np.asarray(Image.open(photos / "obama.jpg").convert("RGB"))
    height, width = pixels.shape[:2]
    box = Box(width * 0.4, height * 0.2, width * 0.6, height * 0.5)
    face = crop(pixels, box)
    jpeg = encode(face, 320, 50_000)
    assert len(jpeg) <= 50_000
    assert encode(face, 320, 5_000) != jpeg
    import io

    image = Image.open(io.BytesIO(jpeg))
    assert max(image.size) <= 320
    assert dict(image.getexif()) == {}
    ratio = image.width / image.height
    assert abs(ratio - (box.width / box.height)) < 0.02, "the face and its margin, not the room"
    with pytest.raises(ValueError, match="outside"):
        crop(pixels, Box(-500, -500, -400, -400))
    with pytest.raises(ValueError, match="limit"):
        encode(face, 320, 100)
