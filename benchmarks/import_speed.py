"""How fast mammograms are imported, against bare pydicom on the same files in the same run.

    python benchmarks/import_speed.py                    # 500 images of 3000×4000×16 bit with masks: 18 GB
    python benchmarks/import_speed.py --images 60 --folder /path/with/room

Bare is what anyone would write first: dcmread(…).pixel_array of image and mask, the mask's bounding box, a crop
with margin, resized, saved as PNG; in one process, and in one for each core. Ours is `run_import` of the same
download laid out as CBIS-DDSM, with its separate reading processes, checks, journal and record.
Files are smooth (uncompressed DICOM is as large whatever it shows) and removed afterwards.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

SHAPE = (4000, 3000)
BOX = (1500, 800, 420, 500)  # top, left, height, width
UID = "1.3.6.1.4.1.9590.100.1.2"
MARGIN = 0.25


def main() -> None:
    """Makes the files, measures bare and ours in turns, prints the comparison."""
    options = _options()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="import-speed-", dir=options.folder) as folder:
        root = Path(folder)
        print(f"writing {options.images} images with masks below {root} …", flush=True)
        pairs = make_download(root / "tcia", options.images)
        if options.warm:
            for path in (path for pair in pairs for path in pair):
                path.read_bytes()
        one = [_measure("bare, 1 process", lambda: bare(pairs, root / "bare", 1))]
        rounds = []
        for number in range(options.rounds):
            rounds.append(
                (
                    _measure(
                        f"bare, {cores} processes",
                        lambda n=number: bare(pairs, root / f"bare{n}", cores),
                    ),
                    _measure(
                        f"import, {cores} processes",
                        lambda n=number: ours(root, f"cohort{n}", cores, len(pairs)),
                    ),
                )
            )
        _summary(one[0], rounds, len(pairs), cores)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where there is room; default: the system's")
    parser.add_argument("--rounds", type=int, default=1, help="of bare and import in turns")
    parser.add_argument("--warm", action="store_true", help="read all files once before measuring")
    return parser.parse_args()


def make_download(root: Path, count: int) -> list[tuple[Path, Path]]:
    """Image and mask files laid out as CBIS-DDSM, with the case description; every image is another."""
    import csv

    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    tissue = (
        12000
        + 3 * rows
        + 9000 * np.exp(-(((rows - 1700) / 260) ** 2) - ((columns - 1050) / 260) ** 2)
    )
    tissue *= columns < 2100
    image = tissue.astype(np.uint16)
    marked = np.zeros(SHAPE, np.uint8)
    top, left, height, width = BOX
    marked[top : top + height, left : left + width] = 255
    pairs, table = [], []
    for number in range(count):
        patient = f"P_{number // 2:05d}"
        case = f"Mass-Training_{patient}_LEFT_{'CC' if number % 2 else 'MLO'}"
        series = [f"{UID}.{2 * number + part}" for part in (1000000, 1000001)]
        image[:4] = number  # so that no two are identical
        image[1600:1620, 1000:1020] = 30000 + number
        files = []
        for name, uid, pixels in ((case, series[0], image), (f"{case}_1", series[1], marked)):
            path = root / name / f"{UID}.{number + 1}" / uid / "1-1.dcm"
            path.parent.mkdir(parents=True)
            _write_dicom(path, pixels, uid)
            files.append(path)
        pairs.append((files[0], files[1]))
        said = [str(path.relative_to(root)).replace("1-1", "000000") for path in files]
        label = "MALIGNANT" if number % 4 < 2 else "BENIGN"
        table.append([patient, "1", label, said[0], said[1], said[1]])
    with (root / "mass_case_description_train_set.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        names = "patient_id,abnormality id,pathology,image file path,cropped image file path"
        writer.writerow([*names.split(","), "ROI mask file path"])
        writer.writerows(table)
    return pairs


def _write_dicom(path: Path, pixels: np.ndarray, uid: str) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.2", f"{uid}.1"
    data.Modality, data.PatientID = "MG", "made"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    data.save_as(path, enforce_file_format=True)


def bare(pairs: list[tuple[Path, Path]], out: Path, processes: int) -> None:
    """The same crops as anyone would write it first."""
    out.mkdir()
    tasks = [(image, mask, out / f"{number}.png") for number, (image, mask) in enumerate(pairs)]
    if processes == 1:
        for task in tasks:
            bare_crop(task)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for _ in pool.imap_unordered(bare_crop, tasks):
            pass


def bare_crop(task: tuple[Path, Path, Path]) -> None:
    """Reads image and mask, crops the mass, scales grey by the range of the crop, saves."""
    import pydicom
    from PIL import Image

    image = pydicom.dcmread(task[0]).pixel_array
    mask = pydicom.dcmread(task[1]).pixel_array
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    margin = int(MARGIN * max(rows[-1] - rows[0], columns[-1] - columns[0]))
    part = image[
        max(0, rows[0] - margin) : rows[-1] + margin,
        max(0, columns[0] - margin) : columns[-1] + margin,
    ].astype(np.float32)
    part = 255 * (part - part.min()) / max(1, part.max() - part.min())
    Image.fromarray(part.astype(np.uint8)).resize((128, 128)).save(task[2])


def ours(root: Path, name: str, processes: int, count: int) -> None:
    """The import of the product."""
    from mammo_core.ingestion.imports.plan import ImportPlan
    from mammo_core.ingestion.imports.run import run_import
    from mammo_core.ingestion.imports.splitting import SplitPlan

    plan = ImportPlan(
        kind="cbis-ddsm", source=root / "tcia", name=name, split=SplitPlan(by="official")
    )
    report = run_import(plan, root / "data", root / "home", workers=processes)
    assert report.num_masses == count, report


def _processor_seconds() -> float:
    """Of this process and all that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class _Watch:
    """How busy the cores are, and peak memory of this process and all below it, as unique set size."""

    def __init__(self) -> None:
        self._own, self._over = psutil.Process(), threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._start = self._busy()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        end = self._busy()
        self.cores = [
            (now.user + now.system - then.user - then.system) / max(1e-9, sum(now) - sum(then))
            for then, now in zip(self._start, end, strict=True)
        ]

    def _busy(self) -> list:
        return psutil.cpu_times(percpu=True)

    def _look(self) -> None:
        while not self._over.wait(0.1):
            total = 0
            for process in [self._own, *self._own.children(recursive=True)]:
                try:
                    total += process.memory_full_info().uss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)


def _measure(title: str, work) -> dict:
    with _Watch() as watch:
        start, used = time.perf_counter(), _processor_seconds()
        work()
        seconds, used = time.perf_counter() - start, _processor_seconds() - used
    cores = " ".join(f"{share:.0%}" for share in watch.cores)
    print(
        f"{title:22} {seconds:7.1f} s, of the processor {used:.1f} s   cores busy {cores}   "
        f"peak {watch.peak / 2**20:.0f} MB",
        flush=True,
    )
    return {"seconds": seconds, "used": used, "peak": watch.peak}


def _summary(one: dict, rounds: list, count: int, cores: int) -> None:
    ratios = [bare["seconds"] / ours["seconds"] for bare, ours in rounds]
    fastest = min(ours["seconds"] for _, ours in rounds)
    per_core = count / fastest / cores
    print(
        f"\nbare, one process: {count / one['seconds']:.1f} images/s"
        f"\nimport: {count / fastest:.1f} images/s, {per_core:.1f} per core, "
        f"{per_core * one['seconds'] / count:.2f} of bare in one process"
        f"\nimport against bare on {cores} cores: {statistics.median(ratios):.2f}"
        f" (target 0.8; rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)})"
        f"\nthe same by processor time, which other programs disturb less: "
        f"{statistics.median(bare['used'] / ours['used'] for bare, ours in rounds):.2f}"
        f"\npeak memory of all processes of the import: {max(ours['peak'] for _, ours in rounds) / 2**20:.0f} MB "
        "(target below 2048)"
    )


if __name__ == "__main__":
    main()
