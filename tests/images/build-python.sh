#!/usr/bin/env bash
# Builds a small Python 3.11 image from Debian's packages, to stand in for
# python:3.11-slim where no registry can be reached:
#   build-python.sh [CACHE-DIRECTORY]        (or WSLB_IMAGE_CACHE=...)
# Tag: wslb/python:3.11. It has python, python3, pip and venv, and pip installs
# into it as it does into python:3.11-slim.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=root.sh
. "$here/root.sh"
WSLB_IMAGE_CACHE=${1:-$WSLB_IMAGE_CACHE}

tag=wslb/python:3.11
name=python-3.11
need_root
need_debian
need_engine
cache_lock
version=$(need_candidate python3.11)
key=$(cache_key "$version" "${BASH_SOURCE[0]}" "$here/root.sh")
cached_image "$tag" "$name" "$key" && exit 0

apt_install mmdebstrap debian-archive-keyring
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
# EXTERNALLY-MANAGED would make every 'pip install' in a Dockerfile fail.
# shellcheck disable=SC2016
make_root "$work/root.tar" python3.11,python3,python3-venv,python3-pip,ca-certificates \
    --dpkgopt='path-exclude=/usr/lib/python3.11/EXTERNALLY-MANAGED' \
    --customize-hook='rm -f "$1/usr/lib/python3.11/EXTERNALLY-MANAGED"' \
    --customize-hook='ln -sf /usr/bin/python3.11 "$1/usr/local/bin/python"'
image_from_root "$work/root.tar" "$tag" "$key" <<EOF
LABEL wslb.python-package="python3.11 $version"
ENV LANG=C.UTF-8
CMD ["python3"]
EOF
save_image "$tag" "$name" "$key"
