"""The links of the chain over infra/template.yaml. Each takes the template's text and returns what it finds wrong."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import cfnlint.api
from cfn_guard_rs.cfn_guard_rs import run_checks_rs

import policy
import relations
import template

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent


def sam(text):
    """`sam validate --lint`, as the operator runs it."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "template.yaml")
        file.write_text(text)
        command = [TESTS / ".venv-sam/bin/sam", "validate", "--lint", "--template-file", file, "--region", "us-east-1"]
        environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return [] if done.returncode == 0 else [(done.stdout + done.stderr)[-500:]]


def expand(text):
    """SAM's transform, and every reference of the result, for each set of parameters."""
    try:
        template.resolve_all(text)
    except Exception as error:  # noqa: BLE001
        return [f"{type(error).__name__}: {error}"]
    return []


def lint(text):
    """cfn-lint on the source, and on the transform with gradual deployments, which has every resource."""
    found = []
    gradual = template.expand(text, "Canary10Percent10Minutes")
    texts = {"source": text, "transform": json.dumps(gradual, default=str)}
    for what, given in texts.items():
        if found:
            break
        # SAM has used `Deployment` and its mapping already, and leaves them there.
        ignored = [] if what == "source" else ["W2001", "W7001"]
        config = cfnlint.ManualArgs(regions=["us-east-1"], ignore_checks=ignored)
        found += [f"{what}: {match.rule.id} {match.message}" for match in cfnlint.api.lint(given, config=config)]
    return found


@functools.lru_cache(maxsize=2)
def resolved(text):
    return template.resolve_all(text)


def guard(text):
    """cfn-guard with the rules of rules.guard."""
    rules = (HERE / "rules.guard").read_text()
    written = set(re.findall(r"^rule (\w+)", rules, re.M))
    found = []
    for name, given in resolved(text).items():
        # The binding cuts the beginning of a long report off. The lists of rules that hold are at its end.
        report = run_checks_rs(json.dumps({"Resources": given["Resources"]}), rules, False)
        lists = re.findall(r'"(?:compliant|not_applicable)": \[([^\[\]]*)\]', report)
        held = {rule for names in lists for rule in re.findall(r'"(\w+)"', names)}
        found += [f"{name}: {rule}" for rule in sorted(written - held)]
    return found


def rights(text):
    """The policy test: what each role may and may not do."""
    return [finding for name, given in resolved(text).items() for finding in policy.findings(name, given)]


def related(text):
    """What must fit together: timeouts and visibility, alarms and their resources, routes and the API's pages."""
    found = [finding for name, given in resolved(text).items() for finding in relations.findings(name, given)]
    return found + list(template.wrongly_accepted(text))


def skipped():
    """The checks that checkov leaves out, and why."""
    lines = (line.strip() for line in (HERE / "checkov.skip").read_text().splitlines())
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def checkov(text):
    """checkov on the resolved template, but for the checks of checkov.skip."""
    given = resolved(text)["everything"]["Resources"]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "template.json")
        file.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": given}))
        command = [TESTS / ".venv-checkov/bin/checkov", "--file", file, "--framework", "cloudformation", "--quiet"]
        command += ["--compact", "--output", "json", "--skip-check", ",".join(skipped()), "--skip-download"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return [f"checkov: {done.stderr[-500:]}"]
    failed = report.get("results", {}).get("failed_checks", [])
    return [f"{check['check_id']} {check['check_name']}: {check['resource']}" for check in failed]


# In the order in which the suite runs them: the template as a whole first, one property last.
LINKS = {"sam": sam, "expand": expand, "lint": lint, "guard": guard, "rights": rights, "related": related, "checkov": checkov}

if __name__ == "__main__":
    for each in sys.argv[1:] or LINKS:
        print(each, LINKS[each](template.source()))
