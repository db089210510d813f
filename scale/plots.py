"""Draws what the tables of an archive say, as four SVG files.

    python plots.py RESULTS -o FOLDER

In: a folder of results of `ssdcrp annotate` or of ray_archive.py. Out: in-box-share.svg, confusions.svg, checks.svg and places.svg.
The folder that a video lies in is taken for its camera. What has no rows is drawn without marks, and says so.
"""

import argparse
import math
import pathlib

import duckdb
import matplotlib

import join

matplotlib.use("svg")
# The same tables give the same file.
matplotlib.rcParams.update({"svg.hashsalt": "ssdcrp", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})

from matplotlib import pyplot  # noqa: E402  (it draws with what was chosen)

# 95 % of a normal distribution lie within so many standard deviations.
NORMAL_95 = 1.959964
CELLS = 20
MOST_CAMERAS, MOST_CLASSES, MOST_PAIRS = 8, 10, 6


def rows(results, statement):
    """The rows of a statement in which {table} stands for the files of this table."""
    for table in join.TABLES:
        files = sorted((results / table).glob("*.parquet"))
        statement = statement.replace(f"{{{table}}}", f"read_parquet([{', '.join(map(join.quoted, files))}])")
    return duckdb.sql(statement).fetchall()


def empty(axes, of_what):
    axes.text(0.5, 0.5, f"no {of_what}", transform=axes.transAxes, ha="center", va="center")


def in_box_share(results, axes):
    """For each camera, how much of the relevance of its persons lies in their boxes: what share of explanations has less than x."""
    found = rows(results, """
        SELECT parse_path(source)[-2] AS camera, list(in_box_share ORDER BY in_box_share)
        FROM {explanations} WHERE class = 'person' AND event IS NULL AND in_box_share IS NOT NULL
        GROUP BY camera ORDER BY count(*) DESC, camera""")
    for camera, shares in found[:MOST_CAMERAS]:
        below = [(index + 1) / len(shares) for index in range(len(shares))]
        axes.step(shares, below, where="post", label=f"{camera} ({len(shares)})")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of |relevance| in the box", ylabel="share of the explanations with less",
             title="Persons: does the model look at them?")
    if found:
        axes.legend(frameon=False, title="camera (explanations)")
    else:
        empty(axes, "explained persons")


def confusions(results, axes):
    """When a class was nearly taken for another one, for the pairs that come nearest."""
    found = rows(results, """
        SELECT class || ', or ' || runner_up AS pair, list(time / 60 ORDER BY time), list(runner_up_score / score ORDER BY time)
        FROM {detections} WHERE runner_up_score > 0.1 * score
        GROUP BY pair ORDER BY max(runner_up_score / score) DESC, pair""")
    for pair, minutes, nearness in found[:MOST_PAIRS]:
        # As a picture: of an archive there may be millions.
        axes.plot(minutes, nearness, ".", markersize=4, rasterized=True, label=f"{pair} ({len(minutes)})")
    axes.set(ylim=(0, 1), xlabel="minute of the video", ylabel="score of the other class / score", title="What is nearly taken for something else?")
    if found:
        axes.legend(frameon=False, title="pair (frames)", loc="upper left", bbox_to_anchor=(1, 1))
    else:
        empty(axes, "class whose runner-up has a tenth of its score")


def wilson(passed, checked):
    """The 95 % interval of a share (Wilson, 1927)."""
    share, z2 = passed / checked, NORMAL_95 ** 2
    centre = (share + z2 / (2 * checked)) / (1 + z2 / checked)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / checked + z2 / (4 * checked ** 2)) / (1 + z2 / checked)
    return centre - half, centre + half


def checks(results, axes):
    """What share of the checked explanations did better than chance, by class, with its interval."""
    found = rows(results, """
        SELECT class, count(*), sum(passed::INT) FROM {explanations} WHERE passed IS NOT NULL
        GROUP BY class ORDER BY count(*) DESC, class""")[:MOST_CLASSES]
    for place, (_, checked, passed) in enumerate(found):
        low, high = wilson(passed, checked)
        axes.plot([low, high], [place, place], color="tab:gray")
        axes.plot(passed / checked, place, "o", color="tab:blue", clip_on=False)
    axes.axvline(0.1, color="tab:red", linestyle=":", label="maps that know nothing: 0.1")
    axes.set(xlim=(0, 1), xlabel="share that passes its check, and its 95 % interval", title="Which explanations can be trusted?")
    axes.set_yticks(range(len(found)), [f"{name} ({checked})" for name, checked, _ in found])
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.2))
    if not found:
        empty(axes, "checked explanations")


def places(results, axes):
    """Where persons stand in the picture of the camera that sees most of them."""
    cameras = rows(results, """
        SELECT parse_path(source)[-2] AS camera FROM {detections} WHERE class = 'person'
        GROUP BY camera ORDER BY count(*) DESC, camera LIMIT 1""")
    camera = cameras[0][0] if cameras else ""
    found = rows(results, f"""
        SELECT least(floor({CELLS} * (x + width / 2) / frame_width), {CELLS - 1})::INT,
               least(floor({CELLS} * (y + height) / frame_height), {CELLS - 1})::INT, count(*)
        FROM {{detections}} WHERE class = 'person' AND parse_path(source)[-2] = {join.quoted(camera)} GROUP BY ALL""")
    counts = [[0] * CELLS for _ in range(CELLS)]
    for across, down, number in found:
        counts[max(down, 0)][max(across, 0)] += number
    shown = axes.imshow(counts, extent=(0, 1, 1, 0), cmap="viridis", aspect="auto")
    axes.figure.colorbar(shown, ax=axes, label="sightings")
    axes.set(xlabel="share of the width", ylabel="share of the height", title=f"Where do persons stand? ({camera})" if camera else "Where do persons stand?")
    if not found:
        empty(axes, "persons")


PLOTS = {"in-box-share": in_box_share, "confusions": confusions, "checks": checks, "places": places}


def draw(results, folder):
    """Writes the files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, plot in PLOTS.items():
        figure, axes = pyplot.subplots(figsize=(5.6, 3.4), layout="constrained")
        plot(results, axes)
        paths.append(folder / f"{name}.svg")
        figure.savefig(paths[-1], metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path, metavar="RESULTS")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    if not (arguments.results / "detections").is_dir():
        raise SystemExit(f"plots: {arguments.results} is no folder of results: there is no folder `detections` in it")
    try:
        for path in draw(arguments.results, arguments.output):
            print(path)
    except (duckdb.Error, OSError) as error:
        raise SystemExit(f"plots: {arguments.results} cannot be drawn: {str(error).splitlines()[0]}") from error


if __name__ == "__main__":
    main()
