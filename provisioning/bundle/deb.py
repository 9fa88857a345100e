"""Pack a bundle as a Debian package, so that `apt install ./FILE.deb` also brings the packages of the system.

    python -m provisioning.bundle.deb FILE.tar.gz…

The package puts the bundle below /usr/share/smartclocker-terminal; apt gives its `install.sh`, and `--uninstall`
before it removes the package. Configuration, keys and data stay, also with `apt purge`: they are no packaged files.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from provisioning.bundle.make import FROM_THE_SYSTEM_ON_A_PI, BundleError

PLACE = "usr/share/smartclocker-terminal"
# What a Raspberry Pi needs is recommended, not required: plain Debian has no camera library, and badges need none.
CONTROL = """Package: smartclocker-terminal
Version: {version}
Architecture: {architecture}
Maintainer: SmartClocker Edge contributors <maintainers@smartclocker.invalid>
Section: misc
Priority: optional
Depends: python3 (>= 3.11), python3 (<< 3.14), openssl
{recommends}Description: face-recognition time clock, the terminal
 Punches are signed, durable and receipted. Everything that it needs from the
 Python package index is in this package.
"""
POSTINST = f"""#!/bin/sh
set -eu
if [ "$1" = configure ]; then exec /{PLACE}/install.sh --no-apt; fi
"""
PRERM = f"""#!/bin/sh
set -eu
if [ "$1" = remove ]; then exec /{PLACE}/install.sh --uninstall; fi
"""


def main() -> int:
    """Packs the bundles that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="+", metavar="FILE.tar.gz")
    for bundle in parser.parse_args().bundle:
        try:
            made = pack(bundle)
        except BundleError as error:
            print(f"{bundle}: {error}", file=sys.stderr)
            return error.exit_code
        print(f"{made}  {made.stat().st_size / 1e6:.1f} MB")
    return 0


def pack(bundle: Path) -> Path:
    """Makes the package beside the bundle, and returns its path. Raises BundleError."""
    with tempfile.TemporaryDirectory(prefix="deb-") as scratch:
        root = Path(scratch, "root")
        place = root / PLACE
        place.parent.mkdir(parents=True)
        with tarfile.open(bundle) as archive:
            archive.extractall(scratch, filter="data")
        Path(scratch, bundle.name.removesuffix(".tar.gz")).rename(place)
        about = dict(line.split(": ", 1) for line in (place / "bundle.txt").read_text().splitlines())
        control = root / "DEBIAN"
        control.mkdir()
        pi = about["debian-architecture"] == "arm64"
        fields = {
            "version": about["version"],
            "architecture": about["debian-architecture"],
            "recommends": f"Recommends: {', '.join(FROM_THE_SYSTEM_ON_A_PI.split())}\n" if pi else "",
        }
        (control / "control").write_text(CONTROL.format_map(fields))
        for name, script in (("postinst", POSTINST), ("prerm", PRERM)):
            (control / name).write_text(script)
            (control / name).chmod(0o755)
        made = bundle.parent / f"smartclocker-terminal_{about['version']}_{about['debian-architecture']}.deb"
        # Stored: wheels are compressed already.
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(made)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        except FileNotFoundError:
            raise BundleError("dpkg-deb is not here: make the package on Debian, or apt-get install dpkg") from None
        if done.returncode:
            raise BundleError(f"dpkg-deb could not pack it: {done.stderr.strip()}; mend that, then try again")
    return made


if __name__ == "__main__":
    sys.exit(main())
