#!/bin/sh
# Installs the packages named, as root: no questions, no service started, nothing removed.
set -eu
export DEBIAN_FRONTEND=noninteractive

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

# Debian asks this program before it starts a service of a package; 101 is "no". One that is there is the
# system's own, and stays.
if [ ! -e "$policy" ]; then
  made=yes
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

case " $* " in *" postfix "*)
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections ;;
esac

# Fresh machines have no lists, old ones stale lists.
apt-get update -qq > "$log" 2>&1
apt-get install --yes -qq --no-remove --no-install-recommends "$@" >> "$log" 2>&1
