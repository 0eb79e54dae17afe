"""`make soak`: thousands of random histories, and faults planted in the promoter that the same histories have to find.

It also counts what becomes of verified versions while messages get lost, with records and the sweep, and without.

Exit status: 0 all held and every fault was found; 1 not so. What is printed repeats it: the same seed, the same
histories.
"""

import argparse
import multiprocessing
import os
import secrets
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.soak.losses import Totals, count, deal
from tests.soak.mutants import MESSENGERS, MUTANTS
from tests.soak.search import Found, Job, carry_out

SHARE = 50
"""Histories that one process plays at a time."""
ENOUGH = 150
"""Random histories in which a planted fault is looked for, before the one that is known for it."""


def main(arguments: list[str]) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--histories", type=int, default=2000, metavar="N", help="how many (default: 2000)")
    parser.add_argument("--versions", type=int, default=300, metavar="N", help="verified versions (default: 300)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), metavar="N", help="where to begin")
    parser.add_argument("--mutants", default="all", metavar="TEXT", help="planted faults: all, none, or part of a name")
    options = parser.parse_args(arguments)
    names, faults = (
        [name for name in every if options.mutants == "all" or options.mutants in name]
        for every in (MUTANTS, MESSENGERS)
    )
    shares = [min(SHARE, options.histories - start) for start in range(0, options.histories, SHARE)]
    jobs = [Job(options.seed + number, count) for number, count in enumerate(shares)]
    jobs += [Job(options.seed, ENOUGH, name) for name in names]
    workers = os.cpu_count() or 1
    print(
        f"seed {options.seed}: {options.histories} histories, {options.versions} verified versions, "
        f"{len(names + faults)} planted faults, {workers} processes",
        flush=True,
    )
    began, played, runs = time.monotonic(), 0, 0
    broken: list[Job] = []
    table: list[tuple[str, Found | None]] = []
    # Forked processes would share the threads of a forge.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(carry_out, job) for job in jobs]):
            job, found, took = done.result()
            runs += took
            if job.mutant:
                table.append((job.mutant, found))
                by = f"found by {found.error.invariant!r}, {_after(found)}" if found else "NOT FOUND"
                print(f"  {job.mutant}: {by}")
            else:
                played += job.count
                if found:
                    broken.append(job)
                    print(f"\n{found.text()}\n  again: python -m tests.soak --seed {job.seed} --histories {job.count}")
            state = f"{played} of {options.histories} histories, {len(table)} of {len(names)} faults, {runs} runs"
            print(f"… {state}, {time.monotonic() - began:.0f} s", flush=True)
        totals, dealt = Totals(), deal(options.seed, options.versions, faults)
        for counted in as_completed([pool.submit(count, share) for share in dealt]):
            totals.add(*counted.result())
            verified = " and ".join(str(each.verified) for each in totals.counts.values())
            print(f"… {verified} verified versions, {time.monotonic() - began:.0f} s", flush=True)
    wrong = tell(table, broken)
    if options.versions:
        print("", totals.text(), *totals.broken, sep="\n")
    return 1 if totals.broken else wrong


def _after(found: Found) -> str:
    return f"after {found.after} random ones" if found.after else "in the history that is known for it"


def tell(table: list[tuple[str, Found | None]], broken: list[Job]) -> int:
    """Print what became of the planted faults, and the end; gives the exit status."""
    if table:
        print(f"\n{'planted fault':<44} {'found by':<18}")
    for name, found in sorted(table, key=lambda row: row[1].after or ENOUGH if row[1] else 2 * ENOUGH):
        print(f"{name:<44} {found.error.invariant if found else 'NOT FOUND':<18} {_after(found) if found else ''}")
    for name, found in table:
        if found:
            print(f"\n{name}\n  {found.text()}")
    missed = [name for name, found in table if found is None]
    if broken:
        print(f"\nBROKEN: an invariant did not hold, see above; seeds {', '.join(str(job.seed) for job in broken)}")
    if missed:
        print(f"\nNOT FOUND: {'; '.join(missed)}")
    if not broken and not missed:
        print(f"\nall invariants held, and {len(table)} of {len(table)} planted faults were found")
    return 1 if broken or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
