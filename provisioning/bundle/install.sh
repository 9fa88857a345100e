#!/bin/sh
# Install the terminal from this bundle: sudo ./install.sh (--help lists the options). It checks the bundle first.
exec /bin/sh "$(dirname "$0")/provisioning/install.sh" "$@"
