#!/bin/sh
# Installs the packages named, as root: no questions, no service started, nothing removed.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Debian asks this program before it starts a service of a package; 101 is "no". One that is there is the
# system's own, and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

case " $* " in *" postfix "*)
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections ;;
esac

# Fresh machines have no lists, old ones stale lists.
apt-get update -qq
apt-get install --yes -qq --no-remove --no-install-recommends -o Dpkg::Use-Pty=0 "$@" > /dev/null
