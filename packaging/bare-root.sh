# shellcheck shell=bash
# Sourced, not run: a bare Debian as a root folder that keeps nothing of what is done in it. As root, in namespaces of its own (unshare --mount --pid --fork), so
# that what is mounted and started ends with them.

# bare_root LOWER LAYER: what is written lies in LAYER, above the root folder LOWER, which stays as it is. Out: `root`, with this machine's name servers.
bare_root() {
  local lower=$1 layer=$2
  root=$layer/root
  mkdir "$layer/upper" "$layer/work" "$root"
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" "$root"
  mount -t proc none "$root/proc"
  mount -t tmpfs none "$root/tmp"
  mount --rbind /dev "$root/dev"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
}

# enter_bare_root COMMAND...: becomes COMMAND in there, with an environment as after a login.
enter_bare_root() {
  exec chroot "$root" /usr/bin/env -i LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root TERM=dumb \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
