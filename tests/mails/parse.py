"""Reads mails with Python's own library and prints their fields as JSON, one mail a line.

The names of files come on standard input, one a line.
"""

import email
import email.policy
import hashlib
import json
import sys


def people(header):
    return [[one.display_name, one.addr_spec] for one in header.addresses] if header else []


def defects(message):
    found = set()
    for part in message.walk():
        headers = [defect for header in part.values() for defect in getattr(header, "defects", [])]
        found.update(str(defect) or type(defect).__name__ for defect in [*part.defects, *headers])
    return sorted(found)


def content(part):
    return part.get_content() if part else None


def fields(path):
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    attachments = [
        {
            "name": part.get_filename(),
            "type": part.get_content_type(),
            "sha256": hashlib.sha256(part.get_payload(decode=True)).hexdigest(),
        }
        for part in message.iter_attachments()
    ]
    return {
        "names": sorted(name.lower() for name in message.keys()),
        "from": people(message["From"]),
        "to": people(message["To"]),
        "replyTo": people(message["Reply-To"]),
        "subject": message["Subject"],
        "messageId": message["Message-ID"],
        "references": message["References"],
        "language": message["Content-Language"],
        "unsubscribe": message["List-Unsubscribe"],
        "unsubscribePost": message["List-Unsubscribe-Post"],
        "autoSubmitted": message["Auto-Submitted"],
        "suppress": message["X-Auto-Response-Suppress"],
        "text": content(message.get_body(("plain",))),
        "html": content(message.get_body(("html",))),
        "attachments": attachments,
        "defects": defects(message),
    }


for line in sys.stdin:
    print(json.dumps(fields(line.rstrip("\n"))), flush=True)
