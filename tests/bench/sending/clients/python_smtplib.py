"""Python's smtplib: HOST PORT MESSAGE COUNT CONNECTIONS [--tls CA]; a thread for each connection."""
import json, pathlib, resource, smtplib, ssl, sys, threading, time

host, port, file, count, connections = sys.argv[1:6]
port, count, connections = int(port), int(count) // int(connections), int(connections)
message = pathlib.Path(file).read_bytes()
context = ssl.create_default_context(cafile=sys.argv[7]) if len(sys.argv) > 6 else None
failed = []


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def send():
    try:
        if context:
            client = smtplib.SMTP_SSL(host, port, local_hostname="client.example.org", context=context)
        else:
            client = smtplib.SMTP(host, port, local_hostname="client.example.org")
        for _ in range(count):
            client.sendmail("noreply@example.org", ["someone@example.net"], message)
        client.quit()
    except Exception as error:
        failed.append(error)


before, began = cpu(), time.monotonic()
threads = [threading.Thread(target=send) for _ in range(connections)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failed:
    sys.exit(f"smtplib: {failed[0]!r}")
print(json.dumps({"seconds": time.monotonic() - began, "cpu": cpu() - before}))
