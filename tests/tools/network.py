"""Makes an internet of a fresh network namespace, and runs a command there: `unshare … network.py FOLDER COMMAND…`.

Every address becomes one of this machine's: the loopback device is up, and routes of type `local` for all of IPv4 and IPv6
lead to it. The files of FOLDER stand for those of the same name in /etc.
"""

import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import sys

# <linux/sockios.h>, <linux/if.h>
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
# <linux/netlink.h>, <linux/rtnetlink.h>
NETLINK_ROUTE = 0
NLMSG_ERROR, RTM_NEWROUTE = 2, 24
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL, RTA_OIF = 255, 3, 254, 2, 4


def bring_up(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", device.encode(), 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", device.encode(), flags | IFF_UP))


def take_for_local(family, device):
    """Adds the route that makes every address of a family local."""
    route = struct.pack("=8BI", family, 0, 0, 0, RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL, 0)
    route += struct.pack("=HHI", 8, RTA_OIF, socket.if_nametoindex(device))
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(route), RTM_NEWROUTE, flags, 1, 0) + route)
        answer = netlink.recv(4096)
    kind, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
    if kind != NLMSG_ERROR or error:
        raise OSError(-error, os.strerror(-error))


def main(folder, *command):
    bring_up("lo")
    for family in (socket.AF_INET, socket.AF_INET6):
        take_for_local(family, "lo")
    for file in pathlib.Path(folder).iterdir():
        subprocess.run(["mount", "--bind", file, pathlib.Path("/etc") / file.name], check=True)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
