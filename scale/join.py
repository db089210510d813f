"""Joins the tables of segments: rows of every part once, in order, with the video's own time and one number an object.

In: folders of `ssdcrp annotate`, one for each segment. Out: the same tables for the whole video. Objects that two segments see
in their overlap, in the same frame at the same default box, get the number that they had before.
"""

import pathlib

import duckdb

TABLES = ("detections", "explanations", "events")


def join(source, segments, parts, folder, name):
    """`parts` are lists of files by table, one for each of the `segments`; returns the rows of each table."""
    with duckdb.connect() as db:
        renumbered(db, segments, parts["detections"])
        counts = {}
        for table in TABLES:
            pieces = [piece(source, index, segment, part)
                      for index, (segment, part) in enumerate(zip(segments, parts[table]))]
            target = pathlib.Path(folder) / table / f"{name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            hidden = target.with_name(f".{target.name}.part")
            rows = f"SELECT * EXCLUDE (part, line) FROM ({' UNION ALL '.join(pieces)}) ORDER BY part, line"
            db.execute(f"COPY ({rows}) TO {quoted(hidden)} (FORMAT parquet)")
            hidden.rename(target)
            counts[table] = db.execute(f"SELECT count(*) FROM read_parquet({quoted(target)})").fetchone()[0]
        return counts


def piece(source, index, segment, part):
    """The rows of one segment's own part, with its number (`part`) and theirs in it (`line`)."""
    time = f"(time + {segment.begin!r})"
    # Matroska has times in milliseconds.
    end = "" if segment.end == float("inf") else f"AND {time} < {segment.end!r} - 5e-4"
    return (
        f"SELECT * EXCLUDE (old, new, file_row_number) REPLACE ({quoted(source)} AS source, {time} AS time, new AS object), "
        f"{index} AS part, file_row_number AS line "
        f"FROM read_parquet({quoted(part)}, file_row_number = true) "
        f"LEFT JOIN (SELECT old, new FROM numbers WHERE segment = {index}) ON object = old "
        f"WHERE {time} >= {segment.own!r} - 5e-4 {end}")


def renumbered(db, segments, detections):
    """Makes the table `numbers`: which object of which segment (`segment`, `old`) is which of the video (`new`)."""
    db.execute("CREATE TABLE numbers (segment INTEGER, old BIGINT, new BIGINT)")
    known, free = {}, 0
    for index, (segment, part) in enumerate(zip(segments, detections)):
        objects = [row[0] for row in db.execute(
            f"SELECT DISTINCT object FROM read_parquet({quoted(part)}) ORDER BY object").fetchall()]
        seen = same_objects(db, segments[index - 1], detections[index - 1], segment, part) if index else {}
        before, known = known, {}
        for number in objects:
            known[number] = before.get(seen.get(number))
            if known[number] is None:
                known[number], free = free, free + 1
        if known:
            db.executemany(f"INSERT INTO numbers VALUES ({index}, ?, ?)", list(known.items()))


def same_objects(db, before, before_part, segment, part):
    """Which object of the segment before an object is, by where both were last seen as one."""
    rows = db.execute(
        f"SELECT b.object, a.object FROM read_parquet({quoted(before_part)}) a JOIN read_parquet({quoted(part)}) b "
        f"ON abs(a.time + {before.begin!r} - b.time - {segment.begin!r}) < 1e-3 "
        "AND a.default_box = b.default_box AND a.class = b.class ORDER BY b.time").fetchall()
    return dict(rows)


def quoted(text):
    """As SQL writes a string."""
    return "'" + str(text).replace("'", "''") + "'"
