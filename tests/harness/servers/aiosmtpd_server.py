"""A mail server of aiosmtpd that keeps each mail unchanged in a file. Its only argument is its setup as a JSON
object; it prints its version and ports on one line, as JSON, and runs until it gets a signal to end."""

import asyncio
import json
import pathlib
import ssl
import sys

import aiosmtpd
from aiosmtpd.smtp import SMTP, AuthResult

SETUP = json.loads(sys.argv[1])
FOLDER = pathlib.Path(SETUP["folder"])


def authenticate(_server, session, _envelope, _mechanism, given):
    name = given.login.decode()
    success = (name, given.password.decode()) == (SETUP["username"], SETUP["password"])
    # Without `handled=False` aiosmtpd assumes that the refusal was sent already.
    return AuthResult(success=success, handled=False, auth_data=name)


class Inbox:
    count = 0

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        if address != SETUP["sender"]:
            return "553 5.7.1 Sender address rejected: not owned by user"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address not in SETUP["recipients"]:
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server, _session, envelope):
        Inbox.count += 1
        # The file gets its final name when it is complete, so that readers see no partial mails.
        part = FOLDER / f"{Inbox.count}.part"
        part.write_bytes(envelope.original_content)
        part.rename(part.with_suffix(".eml"))
        return "250 2.0.0 OK"


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")

    def smtp(**options):
        return SMTP(
            Inbox(),
            hostname=SETUP["hostname"],
            authenticator=authenticate,
            auth_required=True,
            enable_SMTPUTF8=True,
            **options,
        )

    loop = asyncio.get_running_loop()
    starttls = await loop.create_server(
        lambda: smtp(tls_context=context, require_starttls=True), "127.0.0.1", 0
    )
    # The connection is encrypted before the class gets it, so the class cannot know that.
    tls = await loop.create_server(lambda: smtp(auth_require_tls=False), "127.0.0.1", 0, ssl=context)
    port = lambda server: server.sockets[0].getsockname()[1]
    print(json.dumps({"version": aiosmtpd.__version__, "ports": {"starttls": port(starttls), "tls": port(tls)}}))
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
