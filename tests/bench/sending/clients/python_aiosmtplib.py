"""aiosmtplib: HOST PORT MESSAGE COUNT CONNECTIONS [--tls CA]; a task for each connection."""
import asyncio, json, pathlib, resource, ssl, sys, time

import aiosmtplib

host, port, file, count, connections = sys.argv[1:6]
port, count, connections = int(port), int(count) // int(connections), int(connections)
message = pathlib.Path(file).read_bytes()
context = ssl.create_default_context(cafile=sys.argv[7]) if len(sys.argv) > 6 else None


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def send():
    client = aiosmtplib.SMTP(
        hostname=host, port=port, local_hostname="client.example.org",
        use_tls=context is not None, start_tls=False, tls_context=context,
    )
    async with client:
        for _ in range(count):
            await client.sendmail("noreply@example.org", ["someone@example.net"], message)


async def main():
    await asyncio.gather(*(send() for _ in range(connections)))


before, began = cpu(), time.monotonic()
asyncio.run(main())
print(json.dumps({"seconds": time.monotonic() - began, "cpu": cpu() - before}))
