#!/bin/sh
# Installs these packages as root: no questions, no service started, nothing removed.
set -eu
# The C locale, because the message about a lock is read below.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made=
finish() {
  status=$?
  [ "$status" = 0 ] || tail -n 20 "$log" >&2
  [ -z "$made" ] || rm -f "$policy"
  rm -f "$log"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# Debian runs this program before it starts a package's service; the answer 101 forbids the start. A program that
# exists already is the system's own and stays.
if [ ! -e "$policy" ]; then
  made=yes
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

case " $* " in *" postfix "*)
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections ;;
esac

# Runs apt-get again while another apt or dpkg holds a lock, for 10 minutes. A new Ubuntu upgrades itself in its first
# minutes. apt's DPkg::Lock::Timeout is not enough: `apt-get update` fails at once on the lock of the lists.
lock_deadline=$(($(date +%s) + 600))
said=
locked_apt() {
  while ! apt-get "$@" > "$log" 2>&1; do
    grep -q '^E: Could not get lock' "$log" || return 1
    [ "$(date +%s)" -lt "$lock_deadline" ] || return 1
    if [ -z "$said" ]; then
      said=yes
      echo 'xtask: another package manager is at work; waiting for it, at most 10 minutes'
    fi
    sleep 3
  done
}

# New machines have no package lists, old machines have outdated lists.
locked_apt update -qq
locked_apt install --yes -qq --no-remove --no-install-recommends "$@"
