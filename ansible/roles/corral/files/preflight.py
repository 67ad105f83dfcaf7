"""Looks at a host before Corral is put on it, and changes nothing.  One JSON object on stdout:

    problems         what speaks against it, each with its cure
    peer_addresses   of all members, as this host resolves their names
    installed        the folders of /opt/corral/releases that are complete
    release          the one of them that is, or is to be, the version and build that is wanted
    current          the one that runs
    others           other instances on this host, which share programs and units
    configured, has_members, has_keys, has_run
                     what an earlier run left: a zoo.cfg, server lines, keys, data of a member that has started
    changed          files newer than the oldest process of the member: it runs with something older

Argument: one JSON object, see `main`.  Runs on older Pythons than Corral itself (3.8), so that it can say so.
"""

import ctypes
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)
LISTEN = "0A"  # in /proc/net/tcp
UNITS = Path("/etc/systemd/system")


def main():
    asked = json.loads(sys.argv[1])
    problems = []
    python(problems, asked["python"])
    room(problems, asked)
    if asked["check_clock"]:
        clock(problems)
    addresses = names(problems, asked["peers"])
    own_address(problems, asked)
    ports(problems, asked)
    if asked["firewall"] and shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None:
        problems.append("corral_firewall needs nft: apt-get install nftables, or corral_firewall: false")
    found = left_behind(asked)
    sys.stdout.write(json.dumps({"problems": problems, "peer_addresses": addresses, **found}))


def python(problems, program):
    code = "import sys, venv, json; print(json.dumps(list(sys.version_info[:2])))"
    try:
        said = subprocess.run([program, "-c", code], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        problems.append(f"{program} does not run, or lacks the module venv ({error}): apt-get install python3, or set "
                        "corral_python")
        return
    version = tuple(json.loads(said.decode()))
    if version < (3, 11):
        problems.append(f"{program} is {version[0]}.{version[1]}, Corral needs Python 3.11 or newer: use a newer "
                        "release of the distribution, or set corral_python")


def room(problems, asked):
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    memory_mb = int(line.split()[1]) // 1024
    if memory_mb < asked["memory_mb_min"]:
        problems.append(f"{memory_mb} MB of memory, {asked['memory_mb_min']} are needed: a larger host, or lower "
                        "corral_memory_mb_min if the tree is small")
    data = Path(asked["data_dir"])
    folder = next(each for each in (data, *data.parents) if each.is_dir())
    free_mb = shutil.disk_usage(folder).free >> 20
    if free_mb < asked["disk_mb_min"] and not (data / "corral/identity").exists():
        problems.append(f"{free_mb} MB free under {folder}, {asked['disk_mb_min']} are needed for logs and snapshots: "
                        "a larger disk, or lower corral_disk_mb_min")


def clock(problems):
    class Timex(ctypes.Structure):
        _fields_ = (("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                    ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                    ("rest", ctypes.c_byte * 200))

    now = Timex()
    ctypes.CDLL(None).adjtimex(ctypes.byref(now))
    if now.status & UNSYNCHRONISED:
        problems.append("the clock is not synchronised: apt-get install systemd-timesyncd (or chrony) and let it run; "
                        "or corral_check_clock: false, if you accept that times in the tree and in traces are off")


def names(problems, peers):
    """Every address of every member."""
    families, addresses = {}, set()
    for member, host in sorted(peers.items()):
        try:
            found = socket.getaddrinfo(host, 1, type=socket.SOCK_STREAM)
        except OSError as error:
            problems.append(f"corral_address {host} of member {member} cannot be resolved here ({error}): correct it, "
                            "or put it into DNS or /etc/hosts of every member")
            continue
        addresses.update(each[4][0] for each in found)
        families[member] = {4 if each[0] == socket.AF_INET else 6 for each in found}
    if families and not set.intersection(*families.values()):
        said = ", ".join(f"member {member}: IPv{'/'.join(map(str, sorted(each)))}"
                         for member, each in sorted(families.items()))
        problems.append(f"members' addresses have no family in common ({said}): give all of them IPv4, or all of them "
                        "IPv6 addresses, in corral_address")
    return sorted(addresses)


def own_address(problems, asked):
    host = asked["peers"].get(str(asked["member_id"]), "")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except socket.gaierror:
        return  # said already
    except OSError:
        if not asked["listens_everywhere"]:
            problems.append(f"corral_address {host} is no address of this host: correct it, or set "
                            "quorumListenOnAllIPs in corral_settings if an address in between is translated")


def ports(problems, asked):
    """Whoever listens there and is not the member that this is about."""
    try:
        ours = pwd.getpwnam(asked["user"]).pw_uid
    except KeyError:
        ours = None
    taken = {}
    for table in map(Path, ("/proc/net/tcp", "/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == LISTEN:
                taken[int(fields[1].rsplit(":", 1)[1], 16)] = int(fields[7])
    for what, port in sorted(asked["ports"].items()):
        if port in taken and taken[port] != ours:
            problems.append(f"{what} {port} is in use by a process of user {user_name(taken[port])}: see "
                            f"ss -ltnp 'sport = :{port}', or give another port")


def user_name(number):
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return number


def left_behind(asked):
    root, config, data = Path(asked["root"]), Path(asked["config_dir"]), Path(asked["data_dir"])
    current = root / "current"
    runs = Path(os.readlink(current)).name if current.is_symlink() else ""  # noqa: PTH115  # readlink(): 3.9
    builds = {each.parent.name: build_of(each) for each in root.glob("releases/*/complete")}
    # The firewall is no process of the member: nothing runs with an older one.
    units = [each for each in UNITS.glob("corral*@.*") if not each.name.startswith("corral-firewall")]
    return {
        "installed": sorted(builds),
        "release": release(builds, asked["version"], asked["build"], runs),
        "current": runs,
        "others": sorted(each.parent.name for each in config.parent.glob("*/zoo.cfg") if each.parent != config),
        "configured": (config / "zoo.cfg").exists(),
        "has_members": (config / "zoo.cfg.dynamic").exists(),
        "has_keys": (config / "keys/member.json").exists(),
        "has_run": (data / "corral/identity").exists(),
        "changed": changed(asked["instance"], [config / "zoo.cfg", config / "keys/member.json", current, *units]),
    }


def build_of(complete):
    """The hash of the wheelhouse that it came from; empty: it was installed by hand."""
    return [*complete.read_text().split(), "", ""][1]


def release(builds, version, build, runs):
    """A folder's name: the version, and where that is taken by another build of it, a part of the build's hash too."""
    same = [each for each in builds if each.partition("+")[0] == version]
    if not build:  # no wheelhouse at hand: the way back
        return runs if runs in same else min(same, default=version)
    name = version if version not in builds else f"{version}+{build[:8]}"
    return next((each for each in same if builds[each] == build), name)


def changed(instance, files):
    started = start_of_oldest(instance)
    if started is None:
        return []
    return sorted(str(each) for each in files if os.path.lexists(each) and each.lstat().st_mtime > started)


def start_of_oldest(instance):
    """Seconds since 1970; None: nothing runs."""
    command = ["systemctl", "show", f"corral-*@{instance}.service", "--property", "MainPID"]
    try:
        said = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return None
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])  # btime of /proc/stat is in whole seconds
    starts = []
    for line in said.split():
        try:
            stat = Path(f"/proc/{int(line.partition('=')[2])}/stat").read_text()
        except (OSError, ValueError):
            continue
        starts.append(boot + int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK"))
    return min(starts) if starts else None


main()
