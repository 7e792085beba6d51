#!/usr/bin/env python3
"""A round-trip time between two network namespaces: rtt.py MILLISECONDS NAME

Makes the namespaces NAME-a (10.77.0.1) and NAME-b (10.77.0.2), each with a TUN device, and hands every packet from one
to the other after half the round-trip time, in order and without a limit. Prints "ready", and removes everything when
its standard input closes. Needs root. It replaces netem, which some kernels lack.
"""

import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# A message of 10 KB is one packet, so that this program's own work per packet is negligible.
MTU = 16384


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def tun(name, namespace, address, peer):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    # The device moves to the namespace; its file descriptor stays in this process.
    ip("link", "set", name, "netns", namespace)
    ip("-n", namespace, "address", "add", address, "peer", peer, "dev", name)
    ip("-n", namespace, "link", "set", name, "up", "mtu", str(MTU))
    ip("-n", namespace, "link", "set", "lo", "up")
    return device


def forward(ends, delay):
    """Forwards packets until standard input closes."""
    waiting = {ends[0]: collections.deque(), ends[1]: collections.deque()}
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        due = min((queue[0][0] for queue in waiting.values() if queue), default=None)
        timeout = None if due is None else max(0.0, due - time.monotonic())
        readable, _, _ = select.select([0, *ends], [], [], timeout)
        if 0 in readable and not os.read(0, 4096):
            return
        for end in ends:
            while end in readable:
                try:
                    packet = os.read(end, MTU + 64)
                except BlockingIOError:
                    break
                waiting[other[end]].append((time.monotonic() + delay, packet))
        now = time.monotonic()
        for end, queue in waiting.items():
            while queue and queue[0][0] <= now:
                os.write(end, queue.popleft()[1])


def main():
    delay, name = float(sys.argv[1]) / 2000, sys.argv[2]
    namespaces = [f"{name}-a", f"{name}-b"]
    made = []
    try:
        for namespace in namespaces:
            ip("netns", "add", namespace)
            made.append(namespace)
        a = tun(f"{name}0", namespaces[0], "10.77.0.1", "10.77.0.2")
        b = tun(f"{name}1", namespaces[1], "10.77.0.2", "10.77.0.1")
        print("ready", flush=True)
        forward([a, b], delay)
    finally:
        for namespace in made:
            subprocess.run(["ip", "netns", "delete", namespace], check=False)


main()
