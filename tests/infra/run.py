"""The suite `infra`: the chain over infra/template.yaml, and planted mistakes that it must catch.

    run.py            every link, and the short list of mistakes
    run.py mutants    every mistake
    run.py write      writes infra/README.md
"""

import sys
import time

import links
import mutants
import readme
import template


def main(what):
    passed = failed = 0

    def record(name, problem, start):
        nonlocal passed, failed
        passed, failed = passed + (not problem), failed + bool(problem)
        mark = "✖" if problem else "✔"
        print(f"{mark} {name} ({time.monotonic() - start:.1f} s)", flush=True)
        if problem:
            print(f"    {problem}", flush=True)

    text = template.source()
    if what == "write":
        readme.FILE.write_text(readme.page(text))
        return True
    if what == "":
        for name, link in links.LINKS.items():
            start = time.monotonic()
            record(name, "\n    ".join(link(text)), start)
        start = time.monotonic()
        behind = readme.FILE.read_text() != readme.page(text)
        record("infra/README.md", "it is behind: tests/.venv/bin/python tests/infra/run.py write" if behind else "", start)
    for name, link, old, new in mutants.MUTANTS:
        if what == "" and name not in mutants.SHORT:
            continue
        start = time.monotonic()
        # The link must find it. A mistake that an earlier link makes impossible to expand counts as found.
        try:
            found = links.LINKS[link](mutants.plant(text, old, new))
        except AssertionError as error:
            found = []
            record(f"{link}: {name}", str(error), start)
            continue
        record(f"{link}: {name}", "" if found else "not caught", start)
    print(f"ℹ pass {passed}\nℹ fail {failed}")
    return failed == 0


if __name__ == "__main__":
    sys.exit(0 if main(" ".join(sys.argv[1:])) else 1)
