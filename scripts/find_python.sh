#!/bin/sh
# Print a Python that noetl supports: $PYTHON if it is set, else the first that fits on the PATH.
set -u

fits() {
    "$1" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if fits "$PYTHON"; then
        command -v "$PYTHON"
        exit 0
    fi
    echo "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13" >&2
    exit 2
fi
for candidate in python3 python3.13 python3.12 python3.11 python; do
    if fits "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done
echo "noetl needs Python 3.11, 3.12 or 3.13, and none is on the PATH; install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
exit 2
