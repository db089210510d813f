#!/usr/bin/env python3
"""Holds lines of JSON against a schema: validate.py SCHEMA LINES. Prints how many there were; the first one that is not as
the schema says ends it with an error. Needs Debian's python3-jsonschema.
"""

import json
import pathlib
import sys

import jsonschema


def main() -> None:
    schema, lines = (pathlib.Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
    schema = json.loads(schema)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    count = 0
    for line in lines.splitlines():
        validator(schema).validate(json.loads(line))
        count += 1
    print(count)


if __name__ == "__main__":
    main()
