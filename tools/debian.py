"""Packages of one Debian release, fetched without privilege and without touching the system's apt.

A private apt state (own lists, cache, sources and an empty status file) asks the mirror that the
system itself uses. apt verifies the release's signature against Debian's archive keyring and every
file against the signed lists; both are insisted on here, whatever the system's configuration says.
"""

import functools
import glob
import os
import pathlib
import re
import shutil

from tools import steps
from tools.steps import Failed, run, say

RELEASE = "trixie"
_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
# apt reads this file first and the system's configuration after it: so ours takes that over by
# name (a proxy may stand in it), has the last word, and leaves apt nothing else to read.
_CONF = """\
{system}
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::State "{top}/state";
Dir::State::lists "{top}/lists";
Dir::State::status "{top}/status";
Dir::State::extended_states "{top}/state/extended";
Dir::Cache "{top}/cache";
Dir::Cache::archives "{top}/cache/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::sourcelist "{top}/release.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "{top}/log";
APT::Sandbox::User "root";
APT::Architectures {{ "{arch}"; }};
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Update::Error-Mode "any";
Acquire::Retries "3";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""
_SOURCES = """\
Types: deb deb-src
URIs: {uri}
Suites: {release}
Components: main
Targets: Packages Sources
Signed-By: {keyring}
"""


def have_apt():
    return bool(shutil.which("apt-get") and shutil.which("apt-cache") and shutil.which("dpkg-deb"))


def mirrors(listing):
    """The archive addresses in `apt-get update --print-uris`, Debian's main archive first."""
    found = []
    for uri, suite in re.findall(r"^'(\S+?)/dists/([^/'\s]+)/InRelease'", listing, re.M):
        uri = uri.rstrip("/")
        if "-" not in suite and uri not in found:  # bookworm, not bookworm-updates
            found.append(uri)
    return sorted(found, key=lambda u: not u.endswith("/debian"))


def system_mirrors():
    """Where this system's own apt gets Debian from."""
    uris = mirrors(run("apt mirrors", ["apt-get", "update", "--print-uris"], 60))
    if not uris:
        raise Failed("this system's apt names no Debian archive (apt-get update --print-uris)")
    return uris


class Archive:
    """One release's packages, under a folder of ours. No call needs privilege."""

    def __init__(self, top=None, release=RELEASE, keyring=None, uris=None, system="/etc/apt"):
        self.top = pathlib.Path(top or steps.BUILD / "apt")
        self.release = release
        self.keyring = keyring
        self.uris = uris
        self.system = pathlib.Path(system)
        self._fresh = False

    def update(self):
        """Fetch the signed lists, once a process. Raises Failed with the reason."""
        if self._fresh:
            return
        if not have_apt():
            raise Failed("this system has no apt-get and dpkg-deb to fetch packages with")
        keyring = self.keyring or _keyring()
        uris = self.uris or system_mirrors()
        for n, uri in enumerate(uris[:3]):
            self._configure(uri, keyring)
            say("reading the package lists of Debian %s (private apt state, signatures checked)"
                % self.release)
            try:
                run("apt update", ["apt-get", "-q", "update"], 300, env=self._env(), tries=3)
                break
            except Failed:
                if n + 1 == len(uris[:3]):
                    raise
        self._fresh = True

    def ready(self):
        """The environment in which the apt tools see this release, its lists fetched."""
        self.update()
        return self._env()

    def versions(self, source):
        """The versions of a source package that the release offers."""
        out = run("apt showsrc", ["apt-cache", "showsrc", source], 60, env=self.ready())
        return source_versions(out, source)

    def source(self, name, version):
        """Fetch a source package; gives its upstream tarball (checked by apt)."""
        self.update()
        where = self.top / "sources"
        where.mkdir(exist_ok=True)
        tarball = self._tarball(where, name, version)
        if not tarball:
            cmd = ["apt-get", "-q", "source", "--download-only", "--only-source",
                   "%s=%s" % (name, version)]
            run("fetch source %s" % name, cmd, 600, env=self._env(), cwd=where, tries=3)
            tarball = self._tarball(where, name, version)
        if not tarball:
            raise Failed("the source package %s %s has no upstream tarball" % (name, version))
        return tarball

    def unpack(self, names, into, with_depends=False):
        """Fetch binary packages and unpack them under `into`; nothing is installed."""
        self.update()
        archives = self.top / "cache" / "archives"
        before = set(archives.glob("*.deb"))
        for deb in before:
            deb.unlink()
        what = "fetch " + names[0]
        if with_depends:
            cmd = ["apt-get", "-q", "-y", "install", "--download-only", "--no-install-recommends"]
            run(what, cmd + list(names), 600, env=self._env(), tries=3)
        else:
            cmd = ["apt-get", "-q", "download"]
            run(what, cmd + list(names), 600, env=self._env(), cwd=archives, tries=3)
        into = pathlib.Path(into)
        into.mkdir(parents=True, exist_ok=True)
        for deb in sorted(archives.glob("*.deb")):
            run("unpack package", ["dpkg-deb", "-x", deb, into], 120)
            deb.unlink()

    def _configure(self, uri, keyring):
        for d in ("state", "lists/partial", "cache/archives/partial", "log"):
            (self.top / d).mkdir(parents=True, exist_ok=True)
        (self.top / "status").write_text("")
        arch = run("dpkg architecture", ["dpkg", "--print-architecture"], 30).split()[-1]
        (self.top / "apt.conf").write_text(
            _CONF.format(system=self._system_conf(), top=self.top, arch=arch))
        (self.top / "release.sources").write_text(
            _SOURCES.format(uri=uri, release=self.release, keyring=keyring))

    def _system_conf(self):
        files = [os.environ.get("APT_CONFIG", ""), *sorted((self.system / "apt.conf.d").glob("*")),
                 self.system / "apt.conf"]
        return "\n".join('#include "%s";' % f for f in map(str, files)
                         if os.path.isfile(f) and os.access(f, os.R_OK)
                         and re.search(r"/[\w-]+(\.conf)?$", f))

    def _env(self):
        return steps.clean_env(APT_CONFIG=str(self.top / "apt.conf"), DEBIAN_FRONTEND="noninteractive")

    @staticmethod
    def _tarball(where, name, version):
        upstream = version.split(":")[-1].rsplit("-", 1)[0]
        found = glob.glob(glob.escape(str(where / ("%s_%s.orig.tar." % (name, upstream)))) + "*")
        return next((pathlib.Path(f) for f in found if not f.endswith((".asc", ".sig"))), None)


@functools.lru_cache
def archive():
    """The one Archive of this process: its lists are fetched once."""
    return Archive()


def source_versions(listing, source):
    """The versions in `apt-cache showsrc`; a name that only builds a binary of that name is not one."""
    found = []
    for block in re.split(r"\n(?=Package: )", listing):
        name = re.search(r"^Package: (\S+)", block, re.M)
        version = re.search(r"^Version: (\S+)", block, re.M)
        if name and version and name[1] == source and version[1] not in found:
            found.append(version[1])
    return found


def install(packages):
    """Root only: apt-get install on the system itself, without questions."""
    say("installing %s (apt-get install)" % " ".join(packages))
    env = steps.clean_env(DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]
    run("apt update system", [*apt, "update"], 300, env=env, tries=3)
    cmd = [*apt, "install", "--no-install-recommends", *packages]
    run("apt install", cmd, 900, env=env, tries=3)


def _keyring():
    for name in _KEYRINGS:
        path = os.path.join("/usr/share/keyrings", name)
        if os.path.exists(path):
            return path
    raise Failed("Debian's archive keyring is missing (package debian-archive-keyring)")
