"""What ONNX's own schema says of every operator: names of its attributes, inputs and outputs in each operator set.

Writes operators.json beside this file: a line an operator, and in it an entry a version, from the one that operator set 9 has
on, each with its attributes, inputs (optional ones end with '?', repeated ones with '*') and outputs. `make oracle` puts the
package `onnx` into the cache; that Python runs this script.
"""

import json
from pathlib import Path

from onnx import defs

OLDEST = 9
MARKS = {defs.OpSchema.FormalParameterOption.Optional: "?", defs.OpSchema.FormalParameterOption.Variadic: "*"}


def names(parameters):
    return [parameter.name + MARKS.get(parameter.option, "") for parameter in parameters]


def entry(schema):
    return {
        "since": schema.since_version,
        "attributes": sorted(schema.attributes),
        "inputs": names(schema.inputs),
        "outputs": names(schema.outputs),
    }


def main():
    versions = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "":
            versions.setdefault(schema.name, []).append(schema)
    lines = []
    for name, schemas in sorted(versions.items()):
        schemas.sort(key=lambda schema: schema.since_version)
        before = [schema for schema in schemas if schema.since_version <= OLDEST][-1:]
        read = before + [schema for schema in schemas if schema.since_version > OLDEST]
        entries = [entry(schema) for schema in read if not schema.deprecated]
        # A version that changed types alone says nothing new here.
        told = []
        for found in entries:
            if not told or {**found, "since": 0} != {**told[-1], "since": 0}:
                told.append(found)
        if told:
            lines.append(f"{json.dumps(name)}: {json.dumps(told, separators=(',', ':'))}")
    (Path(__file__).parent / "operators.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
