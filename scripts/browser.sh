#!/usr/bin/env bash
# Prints the path of a Chromium. With --install, one that is missing is installed from Debian's packages, which needs
# root; browsers that Playwright downloads itself come from a host of their own and are not used.
set -eu

find_browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name"; then
            return 0
        fi
    done
    return 1
}

if find_browser; then
    exit 0
fi
if [ "${1:-}" = --install ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >&2
    find_browser && exit 0
fi
echo "no Chromium found: install the package chromium of your system, or run scripts/browser.sh --install as root" >&2
exit 1
