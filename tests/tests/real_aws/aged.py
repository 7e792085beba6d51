"""Starts ministack. A version of a secret is made as many seconds ago as the file `secrets-age` of the working folder says: so
what waits for months can be tried at once."""

import pathlib
import time
import types

from ministack.app import main
from ministack.services import secretsmanager

AGE = pathlib.Path("secrets-age").absolute()


def now():
    return time.time() - (float(AGE.read_text()) if AGE.exists() else 0)


secretsmanager.time = types.SimpleNamespace(time=now)
main()
