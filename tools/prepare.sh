#!/bin/sh
# Make the virtual environment and install Tidegate into it, editable, so that a change of the source needs no
# second installation.
#
#   sh tools/prepare.sh .venv base      what a user needs
#   sh tools/prepare.sh .venv dev       also what tests and checks need
#
# PYTHON names another interpreter than the first suitable one on the PATH.
set -eu

environment=$1
level=$2
root=$(cd "$(dirname "$0")/.." && pwd)

suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
        if suitable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "found no Python 3.11 or newer${PYTHON:+ behind PYTHON=$PYTHON}; expected python3.11, python3.12," \
        "python3.13 or python3 on the PATH. Hint: install one, or name it: make demo PYTHON=/path/to/python3.11" >&2
    return 1
}

make_environment() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "found $python without the venv module; expected a complete Python $version." \
            "Hint: on Debian and Ubuntu install the package python$version-venv, then repeat" >&2
        return 1
    fi
    echo "making $environment with $python"
    # --clear: what an interrupted attempt left behind is no environment.
    "$python" -m venv --clear "$environment"
}

if [ ! -x "$environment/bin/python" ] || ! "$environment/bin/python" -m pip --version >/dev/null 2>&1; then
    make_environment
fi

echo "installing Tidegate ($level) into $environment; the first time takes a minute or two"
case $level in
    base) what=$root ;;
    dev) what="$root[dev]" ;;
    *) echo "found level '$level'; expected base or dev. Hint: run make help" >&2 && exit 2 ;;
esac
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$what"

touch "$environment/.ready-base"
[ "$level" = base ] || touch "$environment/.ready-dev"
