"""Follows docs/howto/deploy.md: runs its commands as they stand there, one after the other, in a copy of the workspace with an
emulator in the place of AWS. Prints what they say."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import deploy
from samtranslator.yaml_helper import yaml_parse

PAGE = deploy.ROOT / "docs/howto/deploy.md"
BIN = {"aws": "tests/.venv-tools/bin/aws", "sam": "tests/.venv-sam/bin/sam"}


def commands():
    """The commands of the steps with a number."""
    steps = re.split(r"^## ", PAGE.read_text(), flags=re.M)
    return "".join(block for step in steps if step[0].isdigit() for block in re.findall(r"^```sh\n(.*?)^```$", step, re.M | re.S))


def program(folder, name, text):
    """Something that stands for a program of the reader's machine."""
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)


def follow(endpoint, binary, platform, values, claims):
    issuer, tokens = deploy.identity_provider(deploy.client("s3", endpoint), endpoint, {"admin": claims})
    with tempfile.TemporaryDirectory() as temporary:
        workspace, programs = pathlib.Path(temporary, "workspace"), pathlib.Path(temporary, "bin")
        programs.mkdir()
        shutil.copytree(deploy.ROOT / "infra", workspace / "infra", ignore=shutil.ignore_patterns("xtask"))
        (workspace / "platform.json").write_text(json.dumps(platform))
        # What the reader writes into samconfig.toml.
        config = workspace / "infra/samconfig.toml"
        given = {"JwtIssuer": issuer, "JwtAudience": "ownpost", **values}
        lines = "\n".join(f"  {json.dumps(f'{key}={value}')}," for key, value in given.items())
        text, found = re.subn(r"(?<=parameter_overrides = \[\n).*?(?=^\])", f"{lines}\n", config.read_text(), 1, re.M | re.S)
        assert found == 1
        config.write_text(text)
        # The emulator's deviations, and a build for debugging, which takes seconds.
        template = workspace / "infra/template.yaml"
        template.write_text(json.dumps(deploy.overlay(yaml_parse(template.read_text()))))
        packed = workspace / "target/package/ownpost-lambda.zip"
        me = f"exec {sys.executable} {pathlib.Path(__file__).resolve()}"
        program(programs, "cargo", f'#!/bin/sh\ntest "$*" = "xtask package --arch arm64" && {me} pack {binary} {packed}\n')
        program(programs, "aws", f'#!/bin/sh\nexec {deploy.ROOT / BIN["aws"]} --endpoint-url {endpoint} "$@"\n')
        program(programs, "sam", f'#!/bin/sh\n{deploy.ROOT / BIN["sam"]} "$@" && {me} routes {endpoint} {issuer}\n')
        # An API has a name of its own on AWS, and is chosen by the header `Host` here.
        program(programs, "curl", f'#!/bin/sh\n{me} curl {endpoint} "$@"\n')
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": temporary,
            "TOKEN": tokens["admin"],
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "SAM_CLI_TELEMETRY": "0",
        }
        command = ["sh", "-exc", commands()]
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode:
        sys.exit(said[-6000:])
    return {"said": said}


def curl(endpoint, *arguments):
    """curl, with the emulator in the place of the API's own name."""
    *options, url = arguments
    api, path = re.fullmatch(r"https://([^.]+)[^/]*(/.*)", url).groups()
    host = f"Host: {api}.execute-api.localhost:{endpoint.rsplit(':', 1)[1]}"
    os.execv(shutil.which("curl", path=os.defpath), ["curl", *options, "-H", host, endpoint + path])


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "pack":
        pathlib.Path(rest[1]).parent.mkdir(parents=True)
        deploy.pack(*rest)
    elif what == "routes":
        deploy.finished(rest[0], "ownpost-staging", rest[1])
    elif what == "curl":
        curl(*rest)
    else:
        raise SystemExit(f"what is {what}?")
