"""Real hosts for deployment tests: systemd as PID 1, ssh, IPv4 and IPv6 of their own on a bridge.

systemd-nspawn runs them in network namespaces of the test's own, so no packet leaves the machine. A host's disk is an
overlay over one root file system, made once by mmdebstrap and kept in /var/cache; it survives a power cut.
Commands inside never get the power to set this machine's clock: nsenter alone would keep ours.
"""

import ctypes
import hashlib
import os
import re
import shutil
import signal
import string
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.waiting import wait_until

TOOLS: Final = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "nft": "nftables", "ip": "iproute2",
                "ssh": "openssh-client", "nsenter": "util-linux"}
PACKAGES: Final = ("systemd", "systemd-sysv", "dbus", "python3", "iproute2", "openssh-server", "nftables", "procps",
                   "sudo")
SUITE: Final = "bookworm"
CACHE: Final = Path("/var/cache/corral-test-hosts")
CGROUPS: Final = Path("/sys/fs/cgroup")
V4: Final = "198.51.100"  # TEST-NET-2 and the documentation prefix: never routed
V6: Final = "2001:db8:51:"
BOOT_S: Final = 60.0
STOP_S: Final = 20.0
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NO_POWERS: Final = "-sys_time,-sys_module,-sys_rawio,-sys_boot"
CLONE_NEWNET: Final = 0x40000000
_letters: Final = iter(string.ascii_lowercase)  # of the fabrics of one run
_libc: Final = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """Why there can be no hosts here; empty: there can."""
    if os.geteuid() != 0:
        return "hosts need root"
    absent = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if absent:
        return f"not installed: {' '.join(absent)}"
    return ""


class Host:
    """One machine.  name: also its host name.  number: from 1; its addresses end with 10 + number."""

    def __init__(self, fabric: "Fabric", number: int) -> None:
        self.fabric, self.number, self.name = fabric, number, f"h{number}"
        self.v4, self.v6 = f"{V4}.{10 + number}", f"{V6}:1{number}"
        self.disk = fabric.directory / self.name
        self.root = self.disk / "root"
        self._process: subprocess.Popen[bytes] | None = None

    # Power -------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Returns when it has booted."""
        self.start()
        self.await_boot()

    def start(self) -> None:
        _ip("-n", self.fabric.namespace, "link", "set", self._port, "up")
        command = [
            "nsenter", f"--net=/run/netns/{self._namespace}", "setpriv", "--pdeathsig", "KILL", "systemd-nspawn",
            "--quiet", "--register=no", "--keep-unit", f"--directory={self.root}",
            f"--machine={self.fabric.id}-{self.name}", f"--hostname={self.name}",
            f"--network-namespace-path=/run/netns/{self._namespace}", "--resolv-conf=off", "--timezone=off",
            "--link-journal=no", "--capability=CAP_NET_ADMIN,CAP_BPF", "--drop-capability=CAP_SYS_TIME",
            "--system-call-filter=bpf", "--kill-signal=SIGRTMIN+3", "--console=pipe", "/lib/systemd/systemd",
            "--show-status=false"]
        enter = "".join(f"echo $$ > {each}/cgroup.procs && " for each in self._cgroups())
        with (self.disk / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", f'{enter}exec "$@"', "sh", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                                             "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"})

    def await_boot(self) -> None:
        def is_up() -> bool:
            said = self.run("systemctl", "is-system-running", check=False)
            return said.stdout.strip() in ("running", "degraded")

        wait_until(is_up, seconds=BOOT_S, what=f"{self.name} boots; see {self.disk}/console.log")

    def power_off(self) -> None:
        """As by the button: units are stopped in order."""
        self._end(signal.SIGRTMIN + 3, self._init_pid())

    def power_cut(self) -> None:
        """The cable first: a dead machine sends neither FIN nor RST."""
        self.cut_off()
        self._end(signal.SIGKILL, self._init_pid())

    def reboot(self) -> None:
        self.power_off()
        self.power_on()

    def replace_disk(self) -> None:
        """A new, empty machine of the same name and addresses; it must be off."""
        subprocess.run(["umount", str(self.root)], check=True)
        shutil.rmtree(self.disk)
        self.make_disk()

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    # What it does --------------------------------------------------------------------------------

    def run(self, *command: str, check: bool = True, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """As root at its console, not by ssh."""
        entered = ["nsenter", "-t", str(self._init_pid()), "-a", "--", "setpriv", f"--bounding-set={NO_POWERS}", "env",
                   "-i", f"PATH={PATH}", "HOME=/", "LC_ALL=C.UTF-8", *command]
        done = subprocess.run(entered, check=False, capture_output=True, text=True, input=stdin)
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {' '.join(command)} ended with {done.returncode}:\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def property_of(self, unit: str, name: str) -> str:
        """One of `systemctl show`."""
        return self.run("systemctl", "show", unit, "--property", name, "--value").stdout.strip()

    def journal(self, pattern: str = "corral*", lines: int = 60) -> str:
        command = ["journalctl", "--no-pager", "--output=short", "-n", str(lines), "-u", pattern]
        return self.run(*command, check=False).stdout

    # Its cable -----------------------------------------------------------------------------------

    def cut_off(self) -> None:
        _ip("-n", self.fabric.namespace, "link", "set", self._port, "down")

    def heal(self) -> None:
        _ip("-n", self.fabric.namespace, "link", "set", self._port, "up")

    # Making and removing -------------------------------------------------------------------------

    def make(self) -> None:
        fabric, inner = self.fabric.namespace, self._namespace
        _ip("netns", "add", inner)
        _ip("-n", fabric, "link", "add", self._port, "type", "veth", "peer", "name", "host0", "netns", inner)
        _ip("-n", fabric, "link", "set", self._port, "master", "br0", "up")
        _ip("-n", inner, "link", "set", "lo", "up")
        _ip("-n", inner, "addr", "add", f"{self.v4}/24", "dev", "host0")
        _ip("-n", inner, "addr", "add", f"{self.v6}/64", "dev", "host0", "nodad")
        _ip("-n", inner, "link", "set", "host0", "up")
        self.make_disk()

    def make_disk(self) -> None:
        upper, work = self.disk / "upper", self.disk / "work"
        for each in (upper, work, self.root):
            each.mkdir(parents=True)
        options = f"lowerdir={self.fabric.rootfs},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)], check=True)
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        lines = [f"{each.v4} {each.name}" for each in self.fabric.hosts] + ["127.0.0.1 localhost", "::1 localhost"]
        (self.root / "etc/hosts").write_text("\n".join(lines) + "\n")
        home = self.root / "root" / ".ssh"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "authorized_keys").write_text(self.fabric.ssh_key.with_suffix(".pub").read_text())

    def remove(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._end(signal.SIGKILL, self._init_pid())  # it would outlive its nspawn
            self._process = None
        subprocess.run(["umount", "--lazy", str(self.root)], check=False)
        for each in self._cgroups():
            for folder in sorted(each.rglob("*/"), reverse=True):
                _rmdir(folder)
            _rmdir(each)
        subprocess.run(["ip", "netns", "del", self._namespace], check=False)

    @property
    def _namespace(self) -> str:
        return f"{self.fabric.id}-{self.name}"

    @property
    def _port(self) -> str:
        return f"p{self.number}"

    def _cgroups(self) -> Iterator[Path]:
        """Of its own in each hierarchy: hosts would share one else."""
        base = CGROUPS / "unified"
        for hierarchy in (base, CGROUPS / "systemd") if base.is_dir() else (CGROUPS,):
            group = hierarchy / f"{self.fabric.id}-{self.name}"
            group.mkdir(exist_ok=True)
            yield group

    def _init_pid(self) -> int:
        """PID 1 of the host, as this machine counts."""
        if self._process is None:
            raise AssertionError(f"{self.name} is off")
        pid = self._process.pid

        def children() -> list[str]:
            if self._process is None or self._process.poll() is not None:
                raise AssertionError(f"{self.name} ended at once; hosts of a run that was killed may use up all of "
                                     "fs.inotify.max_user_instances: pgrep -f 'systemd --show-status=false'")
            try:
                return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            except OSError:
                raise AssertionError(f"{self.name} ended; see {self.disk}/console.log") from None

        return int(wait_until(children, what=f"{self.name} has a PID 1")[0])

    def _end(self, number: int, pid: int) -> None:
        assert self._process is not None
        os.kill(pid, number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Fabric:
    """The hosts, the switch between them, and the operator's machine: the namespace that the bridge is in."""

    def __init__(self, directory: Path, rootfs: Path, count: int) -> None:
        self.directory, self.rootfs = directory, rootfs
        self.id = f"ch{os.getpid()}{next(_letters)}"
        self.namespace = f"{self.id}-fab"
        self.operator_v4, self.operator_v6 = f"{V4}.254", f"{V6}:fe"
        self.ssh_key = directory / "id"
        self.hosts: list[Host] = []
        self.hosts += [Host(self, number) for number in range(1, count + 1)]

    def make(self) -> None:
        remove_orphans()
        self.directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.ssh_key)], check=True)
        _ip("netns", "add", self.namespace)
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        _ip("-n", self.namespace, "link", "add", "br0", "type", "bridge")
        _ip("-n", self.namespace, "link", "set", "br0", "up")
        _ip("-n", self.namespace, "addr", "add", f"{self.operator_v4}/24", "dev", "br0")
        _ip("-n", self.namespace, "addr", "add", f"{self.operator_v6}/64", "dev", "br0", "nodad")

    def remove(self) -> None:
        for host in self.hosts:
            host.remove()
        # ssh's masters, which Ansible leaves running for a while
        pids = subprocess.run(["ip", "netns", "pids", self.namespace], check=False, capture_output=True, text=True)
        for pid in pids.stdout.split():
            if int(pid) != os.getpid():
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", self.namespace], check=False)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and what it starts, is on the operator's machine."""
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.namespace}") as inside:
            _set_namespace(inside.fileno())
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    def partition(self, *pairs: tuple[Host, Host]) -> None:
        """Nothing passes between the two of each pair, in either direction, until `heal`."""
        cut = ", ".join(f'"p{a.number}" . "p{b.number}", "p{b.number}" . "p{a.number}"' for a, b in pairs)
        table = ("table bridge cuts { set cut { type ifname . ifname; elements = { " + cut + " } }\n"
                 "chain drops { type filter hook forward priority 0; policy accept; iifname . oifname @cut drop; } }\n")
        subprocess.run(["ip", "netns", "exec", self.namespace, "nft", "-f", "-"], input=table, text=True, check=True)

    def heal(self) -> None:
        subprocess.run(["ip", "netns", "exec", self.namespace, "nft", "delete", "table", "bridge", "cuts"], check=True)


@contextmanager
def fabric(directory: Path, *, count: int = 3, spare: int = 0, suite: str = SUITE) -> Iterator[Fabric]:
    """So many hosts, booted, and some that are off; all of it goes at the end, whatever happened."""
    made = Fabric(directory, root_file_system(suite), count + spare)
    with ExitStack() as undo:
        undo.callback(made.remove)
        made.make()
        for host in made.hosts:
            host.make()
        for host in made.hosts[:count]:
            host.start()
        for host in made.hosts[:count]:
            host.await_boot()
        yield made


def remove_orphans() -> None:
    """Hosts of runs that were killed: each keeps some of the machine's inotify instances until there are none left."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        made_by = re.fullmatch(r"ch(\d+)[a-z]-\w+", name)
        if made_by and not Path(f"/proc/{made_by[1]}").exists():
            for pid in _ip("netns", "pids", name).split():
                os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name], check=False)


def root_file_system(suite: str = SUITE) -> Path:
    """Made once on a machine: half a minute."""
    name = hashlib.sha256(" ".join((suite, *PACKAGES)).encode()).hexdigest()[:10]
    made, aside = CACHE / f"{suite}-{name}", CACHE / f"{suite}-{name}.{os.getpid()}"
    if made.is_dir():
        return made
    CACHE.mkdir(parents=True, exist_ok=True)
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale", "info")]
    try:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}", *excluded,
             "--dpkgopt=force-unsafe-io", suite, str(aside), mirror()], check=True)
        aside.rename(made)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return made


def mirror() -> str:
    """That from which this machine installs its own packages."""
    said = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                          check=True, capture_output=True, text=True)
    return said.stdout.split()[0]


def _ip(*arguments: str) -> str:
    """What it says."""
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def systemctl_active(hosts: Sequence[Host], unit: str) -> bool:
    return all(host.run("systemctl", "is-active", unit, check=False).returncode == 0 for host in hosts)
