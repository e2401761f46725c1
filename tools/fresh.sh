#!/bin/bash
# The proof of a fresh machine: make targets in new Debian systems, from a clean clone of HEAD.
#
#   tools/fresh.sh [-s bookworm,trixie] [-u root,plain,bare] [target ...]      (default: test demo)
#   tools/fresh.sh -s trixie -u plain "test ARGS=host_tests/test_toolchain.py"
#
# root   installs what it lacks itself
# plain  an ordinary user with a compiler, but without python3-venv, pip and gcc-multilib
# bare   an ordinary user with no compiler
#
# Needs root and debootstrap. The systems lie under build/fresh, in a mount namespace of their own;
# the mirror, proxy, certificates and pip settings are this machine's, read when it runs.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
suites=bookworm,trixie
users=root,plain
while getopts s:u:h option; do
    case $option in
    s) suites=$OPTARG ;;
    u) users=$OPTARG ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- test demo

[ "$(id -u)" = 0 ] || { echo "fresh.sh needs root: it makes chroots" >&2; exit 2; }
command -v debootstrap > /dev/null || { echo "package debootstrap is missing" >&2; exit 2; }
if [ -z "${FRESH_NAMESPACE:-}" ]; then
    FRESH_NAMESPACE=1 exec unshare --mount --propagation private \
        bash "$repo/tools/fresh.sh" -s "$suites" -u "$users" "$@"
fi

home=$repo/build/fresh
mkdir -p "$home"
mirror=$(python3 -c 'from tools import debian; print(debian.system_mirrors()[0])')
limit=2400

base() {  # $1 suite: a minimal system, kept for the next time
    [ -e "$home/$1.base/.complete" ] && return
    echo "== $1: debootstrap"
    rm -rf "$home/$1.base"
    debootstrap --variant=minbase --include=make,git,ca-certificates,python3 \
        "$1" "$home/$1.base" "$mirror" > "$home/$1.debootstrap.log" 2>&1 ||
        { tail -5 "$home/$1.debootstrap.log" >&2; return 1; }
    rm -rf "$home/$1.base/var/lib/apt/lists"/* "$home/$1.base/var/cache/apt"/*
    touch "$home/$1.base/.complete"
}

settings() {  # $1 root: how this machine reaches mirror and registry
    local f
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    for f in /etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/auth.conf /etc/apt/auth.conf.d \
        /etc/pip.conf /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt; do
        [ ! -e "$f" ] || { mkdir -p "$1${f%/*}" && cp -rL "$f" "$1${f%/*}/"; }
    done
    for f in "$HOME/.config/pip" "$HOME/.pip"; do
        [ ! -d "$f" ] || { mkdir -p "$1/root/.config" && cp -rL "$f/." "$1/root/.config/pip/"; }
    done
}

inside() {  # $1 root, $2 user, $3... command: nothing of this environment but network settings
    local root=$1 user=$2 h=/home/meter
    shift 2
    [ "$user" != root ] || h=/root
    local keep
    mapfile -t keep < <(env | grep -iE '^((https?|ftp|all|no)_proxy|PIP_[A-Z_]+|[A-Z_]*(CA_BUNDLE|SSL_CERT|SSL_CAINFO|CERT_FILE|CERT_DIR))=')
    timeout --kill-after=10 $limit chroot "$root" /usr/bin/env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=$h LANG=C.UTF-8 USER="$user" ${keep[@]+"${keep[@]}"} \
        setpriv --reuid="$user" --regid="$user" --init-groups -- "$@" < /dev/null
}

results=()
failed=0
for suite in ${suites//,/ }; do
    base "$suite"
    for user in ${users//,/ }; do
        echo "== $suite, $user: a new system"
        root=$home/run
        umount -R "$root/proc" "$root/dev" 2> /dev/null || true
        rm -rf --one-file-system "$root"
        cp -a --reflink=auto "$home/$suite.base" "$root"
        settings "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        login=meter
        case $user in
        root) login=root ;;
        plain)
            inside "$root" root sh -c 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get \
                -q -y install --no-install-recommends gcc libc6-dev xz-utils bzip2' \
                > "$home/$suite-$user.install.log" 2>&1
            rm -rf "$root/var/lib/apt/lists"/*
            ;;
        bare) ;;
        *) echo "no such user: $user (root, plain, bare)" >&2; exit 2 ;;
        esac
        work=/root/work
        if [ $login != root ]; then
            inside "$root" root useradd -m $login
            cp -r "$root/root/.config" "$root/home/meter/" 2> /dev/null || true
            work=/home/meter/work
        fi
        mkdir -p "$root$work"
        # Where shared material lies beside the clone, it lies beside this one too.
        [ ! -d "$repo/../shared" ] || cp -rL "$repo/../shared" "$root$work/shared"
        git bundle create -q "$root$work/repo.bundle" HEAD "$(git symbolic-ref --short HEAD)"
        [ $login = root ] || inside "$root" root chown -R $login: /home/$login
        inside "$root" $login git -c init.defaultBranch=main clone -q "$work/repo.bundle" "$work/main"
        for target in "$@"; do
            log=$home/$suite-$user-${target%% *}.log
            start=$(date +%s)
            inside "$root" $login make -C "$work/main" $target 2>&1 | tee "$log" && state=ok ||
                { state=FAILED; failed=1; }
            results+=("$(printf '%-9s %-6s %-8s %-7s %4d s  %s' "$suite" "$user" "${target%% *}" $state \
                $(($(date +%s) - start)) "$(grep -v '^make' "$log" | tail -1 | cut -c1-90)")")
        done
        umount -R "$root/proc" "$root/dev"
        rm -rf --one-file-system "$root"
    done
done
echo
printf '%s\n' "${results[@]}"
exit $failed
