#!/bin/sh
# Unpacks Debian packages with their dependencies into folders of their own. They are not installed, configured or
# started, because mail servers conflict with each other.
#
# servers.sh FOLDER RELEASE KEYRING NAME=PACKAGE[,PACKAGE…]…
set -eu
folder=$1 release=$2 keyring=$3
shift 3

log=$(mktemp)
apt=$folder/.apt
finish() {
  status=$?
  [ "$status" = 0 ] || tail -n 20 "$log" >&2
  rm -rf "$log" "$apt"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# A separate apt state without installed packages, so that it downloads every dependency. It has its own locks too,
# and does not wait for the system's apt.
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: > "$apt/status"
echo "deb [signed-by=$keyring] http://deb.debian.org/debian $release main" > "$apt/sources.list"
own_apt() {
  apt-get -qq -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Acquire::Retries=3 -o Acquire::Languages=none \
    "$@" >> "$log" 2>&1
}
own_apt update

for server in "$@"; do
  name=${server%%=*}
  root=$folder/$name
  rm -rf "$root" "$apt/cache/archives/"*.deb
  # Debian's packages expect these links, which another package makes when it is installed.
  mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/dev" "$root/run"
  for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
  mkdir -m 1777 "$root/tmp"
  own_apt install --yes --download-only $(echo "${server#*=}" | tr , ' ')
  for package in "$apt/cache/archives/"*.deb; do dpkg-deb --extract "$package" "$root"; done
  # Where no device can be made, a file takes its place.
  mknod -m 666 "$root/dev/null" c 1 3 2>> "$log" || install -m 666 /dev/null "$root/dev/null"
  # Most of the files are documentation and data that no server reads.
  (cd "$root/usr" && rm -rf share/doc share/info share/locale share/man share/perl lib/*/perl* lib/*/gconv)
done
