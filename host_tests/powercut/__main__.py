"""The long run: python -m host_tests.powercut [-k WORD] [--second N] [--most N]

Every job of the store, with the sizes of a small unit, of a P-256 unit and of one that outgrows its file;
every cut of each, and second cuts in the recovery. Exit status 1 where an identity was lost.
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "stubs"), str(HERE.parents[1] / "firmware")]

from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from rich.table import Table  # noqa: E402

from powercut.cutter import Cutter, Lost  # noqa: E402
from powercut.jobs import NAMES, Job  # noqa: E402

# (what, octets of key and certificate, room of each file)
SIZES = (
    ("small", (32, 80), 512),
    ("P-256", (138, 900), 2048),
    ("P-256, file outgrown", (138, 900), 512),
)


def run(jobs, second, most, console):
    """Run each job under a progress bar; gives the rows of the table and the failures."""
    rows, lost = [], []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[tried]:,} images after a cut, {task.fields[second]:,} after two"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        for what, sizes, room, name in jobs:
            job = Job(name, sizes, room)
            title = "%s (%s)" % (name, what)
            bar = progress.add_task(title, total=None, tried=0, second=0)

            def tick(cutter, bar=bar):
                if (cutter.images + cutter.second) % 64 == 0:
                    progress.update(
                        bar, completed=cutter.at, total=cutter.of, tried=cutter.images, second=cutter.second
                    )

            cutter = Cutter(job.work, job.check, tick=tick)
            try:
                cutter.run(job.start(), second, most)
            except Lost as error:
                lost.append("%s: %s" % (title, error))
            rows.append((title, cutter.operations, cutter.cuts, cutter.images, cutter.second))
            progress.update(
                bar, completed=cutter.of, total=cutter.of, tried=cutter.images, second=cutter.second
            )
    return rows, lost


def main(argv=None):
    """The command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="powercut", description=__doc__.split("\n")[0])
    parser.add_argument("-k", metavar="WORD", default="", help="only jobs whose title has this word")
    parser.add_argument("--second", type=int, default=300, help="wrecks after which the recovery is cut too")
    parser.add_argument(
        "--most", type=int, default=6, help="second cuts tried in each operation of a recovery"
    )
    options = parser.parse_args(argv)
    jobs = [(*size, name) for size in SIZES for name in NAMES if options.k in "%s (%s)" % (name, size[0])]
    console = Console()
    begun = time.monotonic()
    rows, lost = run(jobs, options.second, options.most, console)
    table = Table("job", *("operations", "cuts", "images", "second cuts"))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row[0], *(f"{n:,}" for n in row[1:]))
    console.print(table)
    for text in lost:
        console.print("LOST " + text, markup=False)
    cuts, images, second = (sum(row[i] for row in rows) for i in (2, 3, 4))
    console.print(
        f"{cuts:,} cuts of power ({images:,} different disks) and {second:,} second ones in the recovery; "
        f"jobs that lost an identity or a state: {len(lost)}; {time.monotonic() - begun:.0f} s"
    )
    return 1 if lost or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
