#!/usr/bin/env bash
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Run every check and every test, whatever fails before; succeed when all do. With the argument "fast", leave
# out the tests that are marked slow. `make test` and `make check` call it.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"
[ -n "${DISPLAY:-}" ] || export QT_QPA_PLATFORM=offscreen

case "${1:-}" in
    "") chosen=() ;;
    fast) chosen=(-m "not slow") ;;
    *) echo "test.sh: $1, expected fast or nothing" >&2; exit 2 ;;
esac

results=()
failures=0

check() {
    local name=$1
    shift
    echo
    echo "==> $name: $*"
    if "$@"; then
        results+=("passed  $name")
    else
        results+=("FAILED  $name")
        failures=$((failures + 1))
    fi
}

# A process for each processor, each with whole files of tests; not many, as tests start programs of several threads.
processes=$(nproc)
[ "$processes" -le 4 ] || processes=4

mapfile -t cpp_files < <(find include lib python/semisac/bindings -name '*.h' -o -name '*.cc' | sort)

check "lint" python -m ruff check .
check "Python format" python -m ruff format --check .
check "C++ format" clang-format --dry-run -Werror "${cpp_files[@]}"
check "block tests" ctest --test-dir build --output-on-failure --parallel "$(nproc)"
check "Python tests" python -m pytest --numprocesses "$processes" --dist loadfile --durations 25 "${chosen[@]}"

echo
printf '%s\n' "${results[@]}"
[ "$failures" -eq 0 ]
