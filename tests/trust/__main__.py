"""`python -m trust`: runs all campaigns and prints their outcomes; status 1 if anything failed.

The size of each campaign is its share of the time: `--scale 1` is the full campaign.
"""

import argparse
import functools
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from trust.disk_full import fill_disk_in_each_stage
from trust.flipped_bytes import flip_a_byte_in_each_file
from trust.fuzz_files import read_damaged_files, read_good_lines_around_a_damaged_one
from trust.fuzz_rows import read_damaged_rows, read_with_damaged_settings, unify_good_rows_among_damaged
from trust.fuzz_studies import load_damaged_studies, report_damaged_runs
from trust.interruptions import kill_at_random_moments, run_at_once, stop_by_signals
from trust.outcome import Outcome
from trust.small_study import UnbrokenRun, run_unbroken


def campaigns(folder: Path, seed: int, scale: float, real_data: Path | None) -> dict[str, Callable[[], Outcome]]:
    """Returns the campaigns by name.

    Args:
        folder: for their files.
        seed: of all random choices.
        scale: size in relation to the full campaigns.
        real_data: a folder of real feedback; None: made-up data alone.
    """

    def scale_size(full: int) -> int:
        return max(1, round(full * scale))

    is_full = scale >= 1

    @functools.cache
    def unbroken() -> UnbrokenRun:
        return run_unbroken(folder / "unbroken")

    return {
        "rows": lambda: read_damaged_rows(seed, scale_size(1_000_000), real_data),
        "files": lambda: read_damaged_files(folder / "files", seed, scale_size(20_000), real_data),
        "lines": lambda: read_good_lines_around_a_damaged_one(folder / "lines", seed, scale_size(2_000)),
        "good": lambda: unify_good_rows_among_damaged(folder / "good", seed, scale_size(140)),
        "settings": lambda: read_with_damaged_settings(seed, scale_size(20_000)),
        "studies": lambda: load_damaged_studies(folder / "studies", seed, scale_size(4_000)),
        "reports": lambda: report_damaged_runs(folder / "reports", seed, scale_size(400)),
        "kills": lambda: kill_at_random_moments(unbroken(), folder / "kills", seed, scale_size(50)),
        "signals": lambda: stop_by_signals(unbroken(), folder / "signals", seed, scale_size(24)),
        "together": lambda: run_at_once(unbroken(), folder / "together", seed, scale_size(8), 4),
        "disk": lambda: fill_disk_in_each_stage(unbroken(), folder / "disk", seed, (0, 20_000) if is_full else (0,)),
        "flips": lambda: flip_a_byte_in_each_file(
            unbroken(), folder / "flips", seed, None if scale >= 1 else scale_size(60)
        ),
    }


def main(arguments_given: list[str] | None = None) -> None:
    """Parses the arguments, those of the command line if None, and runs the campaigns."""
    parser = argparse.ArgumentParser(prog="python -m trust", description=__doc__)
    parser.add_argument("--seed", type=int, default=13, help="seed of all random choices")
    parser.add_argument("--scale", type=float, default=1.0, help="size in relation to the full campaigns")
    parser.add_argument("--only", nargs="*", help="names of campaigns; default: all")
    parser.add_argument("--out", type=Path, help="a JSON file for the outcomes")
    arguments = parser.parse_args(arguments_given)
    shared = os.environ.get("UNIPREF_SHARED")
    real_data = Path(shared) / "data" / "feedback" if shared else None
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="unipref-trust-") as folder:
        chosen = campaigns(Path(folder), arguments.seed, arguments.scale, real_data)
        if unknown := set(arguments.only or ()) - set(chosen):
            parser.error(f"unknown campaign {', '.join(sorted(unknown))}; known: {', '.join(chosen)}")
        for name, campaign in chosen.items():
            if arguments.only and name not in arguments.only:
                continue
            print(f"{name} ...", file=sys.stderr, flush=True)
            outcomes.append(campaign())
            print("\n".join(outcomes[-1].lines()), flush=True)
            if arguments.out:  # written after each campaign, so that a stop loses one campaign at most
                arguments.out.write_text(json.dumps([outcome.as_dict() for outcome in outcomes], indent=1))
    sys.exit(any(outcome.failures for outcome in outcomes))


if __name__ == "__main__":
    main()
