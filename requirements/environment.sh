#!/bin/sh
# Makes the Python environment of one lock and prints nothing but trouble and progress (on stderr).
#
#   requirements/environment.sh dev .venv        # .venv becomes a link to an environment made from requirements/dev.txt
#
# The environment lies outside the project, keyed by the lock's content, so that clones share it and `git clean` costs
# nothing. A real directory at the link's place was made by someone on purpose: it is used as it is.
set -eu
lock=$1; link=$2
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${SLIPWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway}
file=$root/requirements/$lock.txt
say() { echo "environment: $*" >&2; }
die() { say "$1"; say "remedy: $2"; exit 1; }

cd "$root"
[ -d "$link" ] && [ ! -L "$link" ] && exit 0

python=""
for candidate in python3.11 python3.12 python3.13 python3; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    python=$candidate; break
  fi
done
[ -n "$python" ] || die "no Python between 3.11 and 3.13 was found" "install one, on Debian: apt-get install python3 python3-venv"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
key=$( (cat "$file"; echo "$version") | sha256sum | cut -c1-16)
home=$cache/venv-$lock-$key
mkdir -p "$cache"

# An authority of one's company is known to the system only: uv and pip bring lists of their own.
system=/etc/ssl/certs/ca-certificates.crt
if [ -z "${SSL_CERT_FILE:-}" ] && [ -r "$system" ]; then
  export SSL_CERT_FILE=$system PIP_CERT="${PIP_CERT:-$system}"
fi

# Another clone may be making the same environment at this moment: one waits for the other.
if command -v flock >/dev/null 2>&1 && [ -z "${SLIPWAY_ENVIRONMENT_LOCKED:-}" ]; then
  SLIPWAY_ENVIRONMENT_LOCKED=1 exec flock "$cache/venv-$lock.lock" "$0" "$lock" "$link"
fi

# A Debian machine may have neither uv nor a pip that is allowed to install; `--target` and a venv of its own are.
find_uv() {
  uv=$cache/uv/bin/uv
  if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then uv=uv; return; fi
  [ -x "$uv" ] && return
  say "installing uv into $cache/uv"
  rm -rf "$cache/uv"
  if "$python" -m venv "$cache/uv" >/dev/null 2>&1; then
    "$cache/uv/bin/python" -m pip install -q 'uv>=0.9' >&2 && return
  fi
  rm -rf "$cache/uv"
  "$python" -m pip install -q --target "$cache/uv" 'uv>=0.9' >&2 && return
  rm -rf "$cache/uv"
  die "uv could not be installed" "install uv (https://docs.astral.sh/uv), or on Debian: apt-get install python3-venv python3-pip"
}

# The Python that it was made with may be gone since.
if [ ! -e "$home/.complete" ] || ! "$home/bin/python" -c '' 2>/dev/null; then
  find_uv
  rm -rf "$home"
  say "making $home from requirements/$lock.txt (once per lock)"
  started=$(date +%s)
  "$uv" venv -q --python "$python" "$home" >&2 || die "uv venv failed" "see the message above"
  VIRTUAL_ENV=$home "$uv" pip install -q --require-hashes --requirement "$file" >&2 ||
    { rm -rf "$home"; die "packages of requirements/$lock.txt could not be installed" "see the message above; is a package index reachable?"; }
  : > "$home/.complete"
  say "done in $(($(date +%s) - started)) s"
fi
# The Makefile forbids bytecode beside the project's sources, and so beside the packages': their imports cost three
# times as much without, in every worker and in every process that a test starts.
if [ ! -e "$home/.compiled" ]; then
  say "compiling the packages of requirements/$lock.txt (once per lock)"
  started=$(date +%s)
  "$home/bin/python" -m compileall -qq -j 0 "$home/lib" >/dev/null 2>&1 || true  # a few are templates, or of Python 2
  : > "$home/.compiled"
  say "done in $(($(date +%s) - started)) s"
fi
ln -sfn "$home" "$link"
