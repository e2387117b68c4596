"""Checks events of the Open Cybersecurity Schema Framework, JSON Lines on standard input, by its published schema.

Each event is checked with the schema of the version, class and profiles that it names itself. What is wrong is
printed, one fault a line; the exit status is 1 then.
"""

import json
import sys
from functools import cache

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema


@cache
def validator(version: str, class_uid: int, profiles: tuple[str, ...]) -> Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
    name = schema.lookup_class_name_from_uid(class_uid)
    return Draft202012Validator(schema.get_class_schema(name, list(profiles)))


def main() -> int:
    faults = 0
    events = 0
    for number, line in enumerate(sys.stdin, 1):
        event = json.loads(line)
        events += 1
        metadata = event["metadata"]
        check = validator(metadata["version"], event["class_uid"], tuple(metadata["profiles"]))
        for error in check.iter_errors(event):
            faults += 1
            print(f"line {number}, {error.json_path}: {error.message[:300]}")
        if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
            faults += 1
            print(f"line {number}: type_uid {event['type_uid']} does not fit class and activity")
    print(f"{events} events")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
