# shellcheck shell=sh
# Makes virtual environments; read by serve, test and check. Sets HERE, the checkout.
#
# A stamp, written last, says what an environment was made of, so that the next start need not install, an
# installation that broke off is begun anew, and a checkout that was moved or a newer Python is noticed.

HERE=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

fail() {
    printf '%s\n' "$1" >&2
    exit "${2:-1}"
}

# Prints the first Python that is new enough, python3 before any other.
find_python() {
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed. On Debian and Raspberry Pi OS: sudo apt install python3 python3-venv" 2
}

# stamp VENV EXTRAS CONSTRAINTS: what the environment is made of.
stamp() {
    printf '%s\n' "$HERE" "$2" "$(readlink -f -- "$1/bin/python")"
    cat -- "$HERE/setup.py" "$HERE/pyproject.toml" ${3:+"$3"} | sha256sum
}

# environment VENV [EXTRAS [CONSTRAINTS]]: makes the environment or brings it up to date; the package is installed as
# editable, so a change of its code needs no installation.
environment() {
    venv=$1 extras=${2:-} constraints=${3:-}
    is_current "$venv" "$extras" "$constraints" && return
    [ -w "$HERE" ] || fail "$HERE cannot be written, and the virtual environment belongs there" 2
    exec 9>"$venv.lock"
    if command -v flock >/dev/null; then flock 9; fi # a second start waits for the first
    if ! is_current "$venv" "$extras" "$constraints"; then
        install "$venv" "$extras" "$constraints"
    fi
    exec 9>&-
}

is_current() {
    [ -x "$1/bin/python" ] && [ -f "$1/stamp" ] && [ "$(stamp "$1" "$2" "$3")" = "$(cat -- "$1/stamp")" ]
}

install() {
    python=$(find_python)
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        [ "$python" = /usr/bin/python3 ] && package=python3-venv || package=python$version-venv
        fail "Python's venv module is missing. On Debian and Raspberry Pi OS: sudo apt install $package" 2
    fi
    echo "Installing into $1 (once; takes a minute or two) ..." >&2
    rm -f -- "$1/stamp"
    "$python" -m venv --clear -- "$1" || fail "the virtual environment $1 could not be made"
    # Wheels only: a compiler is not to be expected, and its absence would show as a page of errors.
    if ! PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "$1/bin/python" -m pip install --quiet \
        --only-binary :all: ${3:+--constraint "$3"} --editable "$HERE${2:+[$2]}"; then
        fail "The installation failed: see above. It needs the internet, and a 64-bit system for ready-made packages."
    fi
    "$1/bin/python" -m compileall -q "$HERE/mediaserver" || true # a read-only or odd place only costs time later
    stamp "$1" "$2" "$3" >"$1/stamp.new" && mv -- "$1/stamp.new" "$1/stamp"
}
