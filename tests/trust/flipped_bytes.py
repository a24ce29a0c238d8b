"""One flipped byte in each file of a finished run: the next run does again what was damaged, and ends the same."""

import random
import shutil
from pathlib import Path

import unipref
from trust.attempt import measure
from trust.outcome import Outcome
from trust.small_study import UnbrokenRun, differences
from unipref.core.errors import UserError


def flip_a_byte_in_each_file(unbroken: UnbrokenRun, folder: Path, seed: int, n_files: int | None) -> Outcome:
    """Damages one file of a copy of the run at a time and runs the study again.

    Args:
        unbroken: the run to damage.
        folder: created.
        seed: of the places that are flipped.
        n_files: most files; None: all.
    """
    with measure("flipped byte", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        sound = unbroken.folder
        files = [path.relative_to(sound) for path in sorted(sound.rglob("*")) if path.is_file() and path.stat().st_size]
        rng.shuffle(files)
        for name in files[:n_files]:
            run = folder / "damaged"
            shutil.copytree(sound, run, symlinks=True)
            content = bytearray((run / name).read_bytes())
            place, bit = rng.randrange(len(content)), rng.randrange(8)
            content[place] ^= 1 << bit
            (run / name).write_bytes(content)
            outcome.tries["flips"] += 1
            where = f"{name}, byte {place}, bit {bit}"
            try:
                unipref.run(unbroken.study, run)
            except UserError as error:
                outcome.failures.append(f"{where}: refused: {error}")
            except Exception as error:  # every other exception is what the campaign looks for
                outcome.failures.append(f"{where}: {type(error).__name__}: {error}")
            else:
                if different := differences(run, unbroken):
                    outcome.failures.append(f"{where}: differs in {', '.join(different[:5])}")
            shutil.rmtree(run)
    return outcome
