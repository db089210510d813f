"""The beginning of a manifest, which all importers write alike: who wrote it, kind, name, labels.

In: the names of the classes, one a line, where the user has them. Out: lines of TOML. Needs nothing but Python.
"""

import json


class WrongNames(ValueError):
    """Names that are more or fewer than the classes."""


def names_in(path):
    """The lines of a file of names, or None where there is no file."""
    return path.read_text(encoding="utf-8-sig").splitlines() if path else None


def class_labels(names, classes, background=None):
    """A label for each class; one that means "no object" may be left out of the names."""
    labels = [name.strip() for name in names] if names else [f"class {index}" for index in range(classes)]
    if background is not None and len(labels) == classes - 1:
        labels.insert(background, "background")
    elif background is not None and not names:
        labels[background] = "background"
    if len(labels) != classes:
        raise WrongNames(f"there are {len(labels)} names for {classes} classes" + ", the background included" * (background is not None))
    return labels


def beginning(said, kind, name, labels):
    """The lines before the first table."""
    # TOML has JSON's texts but for characters beyond 16 bits, which stand as they are.
    quoted = [json.dumps(label, ensure_ascii=False) for label in labels]
    rows = [", ".join(quoted[start : start + 8]) for start in range(0, len(quoted), 8)]
    name = json.dumps(name, ensure_ascii=False)
    return [f"# {said}", "", f'kind = "{kind}"', f"name = {name}", "", "labels = [", *(f"    {row}," for row in rows), "]", ""]
