"""A bundle, made by the real pip from wheels of two files, and the installer that is given a damaged one."""

import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.bundle import deb, lock, make
from tests.support.installer_machine import Machine

PC = lock.Target("x86_64", "3.11")
ROOT = Path(__file__).resolve().parents[2]


def _wheel(folder: Path, name: str, version: str, tag: str = "py3-none-any") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {
            f"{name}.py": "",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
            f"{about}/RECORD": "",
        }.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return path


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., make.Request]:
    """What to pack: an index of wheels, the locks that pin them, and a wheel of our own."""
    place = tmp_path_factory.mktemp("index")
    index = place / "index"
    markers = {
        _wheel(index, "evenly", "1.0"): "; python_full_version < '3.12'",
        _wheel(index, "evenly", "2.0"): "; python_full_version >= '3.12'",
        _wheel(index, "pip", "26.3"): "",
        _wheel(index, "oddly", "3.1", "cp311-cp311-manylinux_2_28_x86_64"): "; platform_machine == 'x86_64'",
        _wheel(index, "elsewhere", "1.0"): "; sys_platform == 'win32'",
    }
    lines = [
        f"{'=='.join(path.name.split('-')[:2])} {marker} \\\n    --hash=sha256:{_sha256(path)}\n    # via us\n"
        for path, marker in markers.items()
    ]
    only = _wheel(index, "centre_only", "1.0")
    (place / "terminal.txt").write_text("# A lock.\n" + "".join(lines))
    (place / "central.txt").write_text(
        f"{lines[0]}evenly==9.9 --hash=sha256:{'0' * 64}\ncentre-only==1.0 --hash=sha256:{_sha256(only)}\n"
    )
    own = _wheel(place / "own", "smartclocker_edge", "0.1.0")

    def build(out: Path, **other: object) -> make.Request:
        words = {"machine": "x86_64", "pythons": ("3.11",), "locks": place, "wheels": index}
        return make.Request(**{**words, "own_wheel": own, "out": out, **other})  # type: ignore[arg-type]

    return build


@pytest.fixture(scope="module")
def bundle(request_: Callable[..., make.Request], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.make(request_(tmp_path_factory.mktemp("out")))


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    return tmp_path / "unpacked/smartclocker-0.1.0-x86_64"


@pytest.fixture
def machine(unpacked: Path, tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.boot()
    machine.source = unpacked
    return machine


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("target", "numpy"),
    [(PC, "1.26"), (lock.Target("aarch64", "3.11"), "1.26"), (lock.Target("aarch64", "3.13"), "2.")],
)
def test_the_lock_is_read_for_the_machine_that_the_bundle_is_for(target: lock.Target, numpy: str) -> None:
    found = {pin.name: pin for pin in lock.pins((ROOT / "provisioning/locks/terminal.txt").read_text(), target)}
    assert found["numpy"].version.startswith(numpy)
    assert "colorama" not in found  # of Windows
    assert "pip" in found  # the installer runs it
    assert all(len(one) == 64 for pin in found.values() for one in pin.hashes)


@pytest.mark.parametrize("line", ["numpy==1.0", "numpy>=1.0 --hash=sha256:00", "numpy --hash=sha256:00"])
def test_a_lock_that_does_not_pin_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="must pin one version with hashes"):
        lock.pins(line, PC)


def test_a_bundle_has_what_its_machine_needs_and_says_so(unpacked: Path, bundle: Path) -> None:
    assert sorted(path.name.rsplit("-", 3)[0] for path in (unpacked / "wheels").iterdir()) == [
        "centre_only-1.0",
        "evenly-1.0",
        "oddly-3.1",
        "pip-26.3",
        "smartclocker_edge-0.1.0",
    ]
    said = (unpacked / "bundle.txt").read_text()
    assert "debian-architecture: amd64\npython: 3.11\n" in said
    assert "python3-picamera2 python3-lgpio python3-evdev" in said
    for file in ("install.sh", "docs/operations.md", "systemd/smartclocker.service", "provisioning/lib/program.sh"):
        assert (unpacked / file).is_file(), file
    done = subprocess.run(["sha256sum", "--check", f"{bundle.name}.sha256"], cwd=bundle.parent, check=False)
    assert done.returncode == 0


def test_the_same_sources_make_the_same_bytes(
    bundle: Path, request_: Callable[..., make.Request], tmp_path: Path
) -> None:
    assert make.make(request_(tmp_path)).read_bytes() == bundle.read_bytes()


def test_a_package_that_has_no_wheel_for_the_machine_ends_it(
    request_: Callable[..., make.Request], tmp_path: Path
) -> None:
    with pytest.raises(make.BundleError, match=r"every package for Python 3\.13 on x86_64"):
        make.make(request_(tmp_path, pythons=("3.13",)))
    assert not list(tmp_path.glob("*.tar.gz"))


def test_a_package_with_other_bytes_than_the_lock_says_ends_it(
    request_: Callable[..., make.Request], tmp_path: Path
) -> None:
    shutil.copytree(request_(tmp_path).wheels or tmp_path, tmp_path / "index")
    wheel = next((tmp_path / "index").glob("pip-*"))
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(make.BundleError):
        make.make(request_(tmp_path, wheels=tmp_path / "index"))


def test_it_is_installed_without_a_network_and_a_second_time_nothing_changes(machine: Machine) -> None:
    machine.install()
    (wanted,) = [line for line in machine.done if "apt-get install" in line]
    assert wanted.endswith(" python3 openssl")
    packages, own = [line for line in machine.done if line.startswith("pip ")]
    for line in (packages, own):
        assert line.startswith("pip wheels/pip-26.3-py3-none-any.whl/pip install ")
        assert "--isolated --no-index --find-links wheels" in line
    assert "--require-hashes -r provisioning/locks/terminal.txt" in packages
    assert "wheels/smartclocker_edge-0.1.0-py3-none-any.whl" in own
    before = machine.tree(times=True)
    assert "nothing was changed" in machine.install()
    assert machine.tree(times=True) == before


def test_the_script_at_its_top_is_the_installer(unpacked: Path) -> None:
    done = subprocess.run([unpacked / "install.sh", "--help"], text=True, capture_output=True, check=False)
    assert "--uninstall" in done.stdout


def test_a_flipped_byte_in_any_file_is_refused_with_its_name(machine: Machine, unpacked: Path) -> None:
    files = [path for path in sorted(unpacked.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
    assert len(files) > 15
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        said = machine.install(code=69)
        assert f"./{path.relative_to(unpacked)}: FAILED" in said
        assert "download or copy it again" in said
        path.write_bytes(whole)
    assert machine.done == []
    assert "Next:" in machine.install()


def test_a_flipped_byte_anywhere_in_the_hashes_is_refused(machine: Machine, unpacked: Path) -> None:
    sums = unpacked / "SHA256SUMS"
    whole = sums.read_bytes()
    for place in range(0, len(whole), 97):
        sums.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        machine.install(code=69)
    sums.write_bytes(b"")
    machine.install(code=69)
    assert machine.done == []


def test_a_missing_and_a_strange_file_are_refused_with_their_names(machine: Machine, unpacked: Path) -> None:
    (unpacked / "wheels/evil.whl").touch()
    assert "./wheels/evil.whl" in machine.install(code=69)
    (unpacked / "wheels/evil.whl").unlink()
    (unpacked / "pyproject.toml").touch()  # unpacked over a checkout, or put there so that it looks like one
    assert "./pyproject.toml" in machine.install(code=69)
    (unpacked / "pyproject.toml").unlink()
    (unpacked / "systemd/smartclocker.service").unlink()
    assert "./systemd/smartclocker.service: FAILED open or read" in machine.install(code=69)
    (unpacked / "SHA256SUMS").unlink()
    (unpacked / "pyproject.toml").touch()
    assert "neither a checkout nor a whole bundle" in machine.install(code=69)
    assert machine.done == []


def test_a_bundle_that_was_cut_off_is_refused(
    bundle: Path, unpacked: Path, machine: Machine, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(bundle.read_bytes()[: bundle.stat().st_size // 2])
    done = subprocess.run(["tar", "xzf", cut, "-C", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    with pytest.raises(EOFError):
        gzip.GzipFile(fileobj=io.BytesIO(cut.read_bytes())).read()
    machine.source = tmp_path / unpacked.name
    assert "FAILED" in machine.install(code=69)
    assert machine.done == []


def test_a_bundle_installs_a_centre_too(machine: Machine) -> None:
    assert "the first time, give --host" in machine.install("--centre", "--site", "main", code=69)
    assert machine.done == []
    assert "The centre stands" in machine.install("--centre", "--site", "main", "--host", "clock.example.org")
    assert any("mosquitto" in line for line in machine.done if line.startswith("apt-get install"))
    assert (machine.root / "etc/systemd/system/mosquitto.service.d/smartclocker.conf").exists()


def test_a_bundle_for_another_machine_or_python_is_refused_before_anything(machine: Machine) -> None:
    assert "this bundle is for amd64, and this system is arm64" in machine.install(code=69, MACHINE="arm64")
    assert machine.done == []
    (machine.kept / "packages").touch()
    (machine.bin / "python3").write_text("#!/bin/sh\necho 3.13\n")
    assert "this system has Python 3.13, and this is for 3.11" in machine.install(code=69)
    assert not machine.there("opt")


def test_a_debian_package_has_the_bundle_as_it_is(bundle: Path, unpacked: Path, tmp_path: Path) -> None:
    packed = deb.pack(bundle)
    assert packed.name == "smartclocker-terminal_0.1.0_amd64.deb"
    for words in (["--extract", packed, tmp_path / "there"], ["--control", packed, tmp_path / "control"]):
        subprocess.run(["dpkg-deb", *map(str, words)], check=True)
    place = tmp_path / "there" / deb.PLACE
    assert {path.relative_to(place) for path in place.rglob("*")} == {
        path.relative_to(unpacked) for path in unpacked.rglob("*")
    }
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=place, check=False)
    assert done.returncode == 0
    assert "Depends: python3 (>= 3.11)" in (tmp_path / "control/control").read_text()
    assert "install.sh --no-apt" in (tmp_path / "control/postinst").read_text()


def test_beneath_a_package_manager_it_installs_no_package_itself(machine: Machine) -> None:
    said = machine.install("--no-apt", code=69)
    assert "these Debian packages are missing: python3 openssl" in said
    assert machine.done == []
    (machine.kept / "packages").touch()
    assert "Next:" in machine.install("--no-apt")


def test_beneath_a_package_manager_a_raspberry_pi_may_lack_its_devices(machine: Machine) -> None:
    machine.is_a_pi()
    (machine.bin / "dpkg-query").write_text(
        '#!/bin/sh\nfor last; do :; done; [ "$last" = python3-lgpio ] || echo installed\n'
    )
    assert "camera or lights of the header will not work: python3-lgpio" in machine.install("--no-apt")
    assert not [line for line in machine.done if line.startswith("apt-get")]
