#!/usr/bin/env python3
"""json_schema_test.py SCHEMA SCENARIOS PLATEAU - the schema for editors and the
program's own loader say the same: of every bundled scenario that it is right,
of each wrong one below that it is not. Speaks TAP."""
import glob
import json
import os
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROLES = """roles:
- {name: o, kind: observer, command: [x, 80]}
- {name: c, kind: churner, command: [x]}
"""
RIGHT = {
    "numbers and switches where text is": ROLES + "name: 42\nabout: true\n",
    "zero where zero is allowed": ROLES.replace("o,", "o, port: 0,"),
    "a list of codes": ROLES.replace("c,", "c, may_exit: [0, 3],"),
    "every way of being ready": ROLES.replace(
        "command: [x]", "command: [x], ready: {by: log, pattern: up}"),
    "the largest seed": ROLES + "seed: 18446744073709551615\n",
}
WRONG = {
    "no roles": "name: x\n",
    "an unknown key": ROLES + "rolse: 1\n",
    "an unknown key deep inside": ROLES + "churn: {ebb: {settle: 1}}\n",
    "a word that is none": ROLES.replace("observer", "watcher"),
    "a switch that is a word": ROLES + "run: {stop_early: yes please}\n",
    "a number that is too large": ROLES + "run: {sample_ms: 60001}\n",
    "a number that is too small": ROLES.replace("o,", "o, port: 80,"),
    "text where a number is": ROLES + "run: {duration_s: long}\n",
    "a fraction where a whole number is": ROLES + "run: {sample_ms: 10.5}\n",
    "an empty list": "roles: []\n",
    "a mapping where a list is": "roles: {name: o}\n",
    "a role without a command": "roles: [{name: o, kind: observer}]\n",
    "a list where a word is": ROLES.replace("[x]", "[[x]]"),
    "text that is too long": ROLES + "name: " + 65 * "x" + "\n",
}


def main():
    schema_path, scenarios, plateau = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    cases = []
    for path in sorted(glob.glob(scenarios + "/**/*.yaml", recursive=True)):
        with open(path, encoding="utf-8") as file:
            cases.append((os.path.basename(path), file.read(), True))
    cases += [(name, text, True) for name, text in RIGHT.items()]
    cases += [(name, text, False) for name, text in WRONG.items()]
    print(f"1..{len(cases)}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, text, is_right) in enumerate(cases, 1):
            path = os.path.join(folder, "case.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            run = subprocess.run([plateau, "run", "--dry-run", path],
                                 capture_output=True, text=True, check=False)
            says = [error.message for error
                    in validator.iter_errors(yaml.safe_load(text))]
            is_ok = ((run.returncode == 0) == is_right and
                     (not says) == is_right)
            failed += not is_ok
            print(f"{'ok' if is_ok else 'not ok'} {number} - {name}")
            if not is_ok:
                print(f"# loader: {run.returncode} {run.stderr.strip()}")
                print(f"# schema: {says}")
    return 1 if failed else 0


sys.exit(main())
