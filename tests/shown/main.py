#!/usr/bin/env python3
"""Runs the command lines of README, models/README.md, docs and docs/start: main.py [PAGE...]

In: the pages; the programs and the plugin in the folder PROGRAMS (target/debug); the cache. Each block marked `sh` or `bash` runs in a bash of its own, one block after the other of a
page in one folder, where lie what the page calls photo.jpg and the like (stand_ins.py). tables.py says what is not run and why, and what is run with something in its place.
Out: a line per command with its time. It ends with 1 if a command failed, with the page, the line and the end of what the command wrote.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import stand_ins
from blocks import blocks
from places import PAGES, PROGRAMS, ROOT
from shell import Failed, Shell
from surroundings import Surroundings
from tables import BY_HAND, ENDLESS, NOT_RUN, REPLACED
from waiting import at_work

# How much of a failed command's output is shown.
SHOWN = 4000


def left_out(command):
    return next((entry for entry in NOT_RUN if any(re.match(pattern, command.text) for pattern in entry.patterns)), None)


def replaced(text, names):
    for pattern, instead in REPLACED:
        text = re.sub(pattern, lambda _, instead=instead: instead.format(**names), text)
    return text


def matching(table, text):
    """What a table of pairs has for a command."""
    return next((value for pattern, value in table if re.match(pattern, text, re.DOTALL)), None)


def unused(pages):
    """The entries of tables that no command needs any more."""
    commands = [command for page in pages for block in page for command in block]
    run = [command.text for command in commands if not left_out(command)]
    names = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(instead for _, instead in REPLACED)), "x")
    told = [f"NOT_RUN: {pattern}" for entry in NOT_RUN for pattern in entry.patterns if not any(re.match(pattern, command.text) for command in commands)]
    told += [f"REPLACED: {pattern}" for pattern, _ in REPLACED if not any(re.search(pattern, text) for text in run)]
    for table, entries in (("ENDLESS", ENDLESS), ("BY_HAND", BY_HAND)):
        told += [f"{table}: {pattern}" for pattern, _ in entries if not any(re.match(pattern, replaced(text, names), re.DOTALL) for text in run)]
    told += [f"STAND_INS: {name}" for name in stand_ins.STAND_INS if not any(stand_ins.mentions(replaced(text, names), name) for text in run)]
    return told


class Run:
    def __init__(self, folder, surroundings):
        self.folder = folder
        self.surroundings = surroundings
        self.run, self.failed = 0, []

    def page(self, page):
        """Runs the blocks of a page in a folder of its own."""
        commands = [command for block in page for command in block if not left_out(command)]
        if not commands:
            return
        name = commands[0].page.replace("/", "-").removesuffix(".md")
        folder, temporary = self.folder / name / "here", self.folder / name / "tmp"
        folder.mkdir(parents=True)
        temporary.mkdir()
        names = {**self.surroundings.names, "tmp": temporary}
        text = "\n".join(replaced(command.text, names) for command in commands)
        stand_ins.put(folder, text)
        if "target/release" in text:
            (folder / "target").mkdir()
            (folder / "target" / "release").symlink_to(PROGRAMS)
        for block in page:
            self.block([command for command in block if not left_out(command)], folder, names)

    def block(self, commands, folder, names):
        shell = Shell(folder, self.surroundings.environment, self.folder / "log")
        try:
            for command in commands:
                if not self.command(command, shell, folder, names):
                    # As for a reader, who goes no further.
                    return
        finally:
            shell.close()

    def command(self, command, shell, folder, names):
        text, begun = replaced(command.text, names), time.monotonic()
        sign = matching(ENDLESS, text)

        def seen():
            return at_work(sign, folder, lambda: shell.log.read_text(errors="replace"), self.surroundings)

        try:
            shell.run(text, seen if sign else None)
            if by_hand := matching(BY_HAND, text):
                shell.run(by_hand)
        except Failed as failure:
            said = shell.log.read_text(errors="replace")[-SHOWN:]
            self.failed.append(f"{command.place}: {failure}\n{indented(text)}\n  wrote:\n{indented(said)}")
            print(f"FAIL  {self.failed[-1]}", flush=True)
            return False
        self.run += 1
        print(f"ok    {time.monotonic() - begun:6.1f} s  {command.place}  {command.text.splitlines()[0].partition(' #')[0].strip()}", flush=True)
        return True


def indented(text):
    return "\n".join(f"    {line}" for line in text.splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="*", help="only these, by their paths from the root of the project")
    wanted = parser.parse_args().page
    pages = {}
    for path in PAGES:
        name = path.relative_to(ROOT).as_posix()
        pages[name] = blocks(name, path.read_text(encoding="utf-8"))
    if told := unused(pages.values()):
        return "\n".join(["tables.py and stand_ins.py have entries that no command needs:", *told])
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shown") as folder:
        surroundings = Surroundings(Path(folder).resolve() / "surroundings")
        run = Run(Path(folder).resolve() / "pages", surroundings)
        run.folder.mkdir()
        try:
            surroundings.start()
            for name in wanted or pages:
                run.page(pages[name])
        finally:
            surroundings.close()
    not_run = sum(bool(left_out(command)) for name in wanted or pages for block in pages[name] for command in block)
    print(f"{run.run} command lines were run in {time.monotonic() - begun:.0f} s, {len(run.failed)} failed, {not_run} are not run (tests/shown/tables.py)")
    return "\n".join(["", *run.failed]) if run.failed else 0


if __name__ == "__main__":
    os.nice(10)
    # What was started ends with this program.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
