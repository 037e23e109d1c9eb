#!/usr/bin/env bash
# Builds an image with Debian's own binary package of Apache httpd:
#   build-debian.sh [CACHE-DIRECTORY]        (or WSLB_IMAGE_CACHE=...)
# Tag: wslb/httpd:2.4-debian. Program /usr/sbin/apache2, modules in
# /usr/lib/apache2/modules.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=root.sh
. "$here/root.sh"
WSLB_IMAGE_CACHE=${1:-$WSLB_IMAGE_CACHE}

tag=wslb/httpd:2.4-debian
name=httpd-debian
need_root
need_debian
need_engine
cache_lock
version=$(need_candidate apache2)
key=$(cache_key "$version" "${BASH_SOURCE[0]}" "$here/root.sh")
cached_image "$tag" "$name" "$key" && exit 0

apt_install mmdebstrap debian-archive-keyring
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
make_root "$work/root.tar" apache2,ca-certificates
image_from_root "$work/root.tar" "$tag" "$key" <<EOF
LABEL wslb.httpd-package="apache2 $version"
WORKDIR /etc/apache2
STOPSIGNAL SIGWINCH
EXPOSE 80
CMD ["apachectl", "-D", "FOREGROUND"]
EOF
save_image "$tag" "$name" "$key"
