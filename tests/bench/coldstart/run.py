#!/usr/bin/env python3
"""Cold start: from exec to the first GET .../invocation/next, of the artefact's four functions and of a hello world
built the same way. The programs run in turn, so that a change of the machine's speed affects all of them.

    python3 tests/bench/coldstart/run.py [ROUNDS]

Builds both in release (minutes, with link-time optimisation) and needs only Python. A socket that never answers takes
the place of the Runtime API: the measurement ends with the first request.
"""

import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
RELEASE = ROOT / "target" / "release"
PROGRAMS = {
    "hello world": (RELEASE / "examples" / "hello", "hello"),
    "settings": (RELEASE / "bootstrap", "settings"),
    "router": (RELEASE / "bootstrap", "router"),
    "sender": (RELEASE / "bootstrap", "sender"),
    "monitor": (RELEASE / "bootstrap", "monitor"),
}


def build():
    cargo = ["cargo", "build", "--release", "--quiet", "--package", "sender-lambda"]
    for target in (["--bin", "bootstrap"], ["--example", "hello"]):
        subprocess.run(cargo + target, cwd=ROOT, check=True)


def start(program, handler):
    """Milliseconds to the first request, and the resident memory at that time in MB."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        environment = {
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % server.getsockname()[1],
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "OWNPOST_TABLE": "bench",
            "OWNPOST_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/bench",
            "OWNPOST_EVENT_BUS": "bench",
            "OWNPOST_PLATFORM_SECRET": "bench",
            "_HANDLER": handler,
        }
        began = time.perf_counter()
        process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(4096)
                took = (time.perf_counter() - began) * 1000
                assert b"/runtime/invocation/next" in request, request
                status = pathlib.Path("/proc/%d/status" % process.pid).read_text()
                resident = next(line for line in status.splitlines() if line.startswith("VmHWM"))
                return took, int(resident.split()[1]) / 1024
        finally:
            process.kill()
            process.wait()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 101
    build()
    samples = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, (program, handler) in PROGRAMS.items():
            samples[name].append(start(program, handler))
    hello = statistics.median(took for took, _ in samples["hello world"])
    print(f"median of {rounds}      to /next     ratio      RSS      size")
    for name, (program, _) in PROGRAMS.items():
        took = statistics.median(took for took, _ in samples[name])
        resident = statistics.median(resident for _, resident in samples[name])
        size = os.path.getsize(program) / 1e6
        print(f"{name:<16} {took:8.2f} ms  {took / hello:7.2f}  {resident:6.1f} MB  {size:5.1f} MB")


if __name__ == "__main__":
    main()
