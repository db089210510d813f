"""Joins the tables of segments: rows of every part once, in order, with the video's own time and one number an object.

In: folders of `ssdcrp annotate`, one for each segment. Out: the same tables for the whole video. Objects that two segments see
in their overlap, in the same frame at the same default box, get the number that they had before.
"""

import os
import pathlib

import duckdb

TABLES = ("detections", "explanations", "events")


def target_of(folder, table, name):
    """Where a joined table lies."""
    return pathlib.Path(folder) / table / f"{name}.parquet"


def join(source, segments, parts, folder, name):
    """`parts` are lists of files by table, one for each of the `segments`; returns the rows of each table."""
    with duckdb.connect() as db:
        renumbered(db, segments, parts["detections"])
        made, counts = {}, {}
        for table in TABLES:
            target = target_of(folder, table, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            made[table] = target, target.with_name(f".{target.name}.part")
            pieces = [piece(source, index, segment, part)
                      for index, (segment, part) in enumerate(zip(segments, parts[table], strict=True))]
            rows = f"SELECT * EXCLUDE (part, line) FROM ({' UNION ALL '.join(pieces)}) ORDER BY part, line"
            db.execute(f"COPY ({rows}) TO {quoted(made[table][1])} (FORMAT parquet)")
            counts[table] = db.execute(f"SELECT count(*) FROM read_parquet({quoted(made[table][1])})").fetchone()[0]
        check_once(db, made["detections"][1])
        for target, hidden in made.values():
            with open(hidden, "rb") as file:
                os.fsync(file.fileno())
            hidden.rename(target)
        return counts


def check_once(db, detections):
    """Each object may be in a frame once: else (source, time, object) would name several rows."""
    twice = db.execute(
        f"SELECT time, object FROM read_parquet({quoted(detections)}) GROUP BY time, object HAVING count(*) > 1 LIMIT 1").fetchone()
    if twice:
        raise ValueError(f"object {twice[1]} would be in the frame at {twice[0]} s more than once")


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
    for index, (segment, part) in enumerate(zip(segments, detections, strict=True)):
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
    """Which object of the segment before an object is, by where both were last seen as one.

    No two are the same one: where tracking went apart in the overlap, the match that is last in time holds.
    """
    rows = db.execute(
        f"SELECT b.object, a.object FROM read_parquet({quoted(before_part)}) a JOIN read_parquet({quoted(part)}) b "
        f"ON abs(a.time + {before.begin!r} - b.time - {segment.begin!r}) < 1e-3 "
        "AND a.default_box = b.default_box AND a.class = b.class ORDER BY b.time DESC, b.object, a.object").fetchall()
    found = {}
    for new, old in rows:
        if new not in found and old not in found.values():
            found[new] = old
    return found


def quoted(text):
    """As SQL writes a string."""
    return "'" + str(text).replace("'", "''") + "'"
