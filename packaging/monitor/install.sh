#!/usr/bin/env bash
# Installs what ssdcrp-monitor needs beside its program: packaging/monitor/install.sh DESTDIR PREFIX SYSCONFDIR
# Out: the systemd unit, rules for Prometheus, a dashboard for Grafana, and a configuration, unless there is one.
set -euo pipefail
(($# == 3)) || { echo 'usage: packaging/monitor/install.sh DESTDIR PREFIX SYSCONFDIR' >&2; exit 2; }
destination=$1 prefix=$2 settings=$3
here=$(dirname "$(realpath "$0")")

units=$destination$prefix/lib/systemd/system
install -d "$units" "$destination$prefix/share/ssdcrp/monitor" "$destination$settings/ssdcrp"
sed -e "s|@PREFIX@|$prefix|" -e "s|/etc/ssdcrp|$settings/ssdcrp|" "$here/ssdcrp-monitor.service" \
  >"$units/ssdcrp-monitor.service"
chmod 644 "$units/ssdcrp-monitor.service"
install -m 644 "$here/alerts.yml" "$here/dashboard.json" "$destination$prefix/share/ssdcrp/monitor/"
configuration=$destination$settings/ssdcrp/monitor.toml
[[ -e $configuration ]] || {
  sed -e "s|/usr/share/|$prefix/share/|" -e "s|/etc/ssdcrp|$settings/ssdcrp|g" "$here/monitor.toml" >"$configuration"
  chmod 644 "$configuration"
}
