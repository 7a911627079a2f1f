#!/usr/bin/env bash
# Make the virtual environment from the hash-pinned lock. Called by the Makefile with PYTHON and VENV set.
set -euo pipefail
: "${PYTHON:=python3}" "${VENV:=.venv}"

if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "cobalamin needs Python 3.11 or newer; '$PYTHON' is $("$PYTHON" --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2
  exit 1
fi

make_venv() { rm -rf "$VENV"; "$PYTHON" -m venv "$VENV" 2>/dev/null; }

# A bare Debian lacks ensurepip: install it where we may, else say the one line that does.
if ! make_venv; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    make_venv
  else
    echo "'$PYTHON -m venv' failed. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
  fi
fi

# Build tools first, so that the one source-only package is built with hashed tools and fetches nothing unpinned.
build_lock=$(mktemp)
trap 'rm -f "$build_lock"' EXIT
awk '/^[a-z0-9]/{keep=($0 ~ /^(pip|setuptools|wheel|packaging)==/)} keep' requirements.lock > "$build_lock"
"$VENV/bin/python" -m pip install --quiet --require-hashes -r "$build_lock"
"$VENV/bin/python" -m pip install --quiet --require-hashes --no-build-isolation -r requirements.lock
"$VENV/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
