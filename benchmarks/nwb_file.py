"""Makes the file of `bench_files`: 190 MB of HDF5 like an NWB file's, always the same."""

from __future__ import annotations

from pathlib import Path

SMALL = 400


def make_nwb(path: Path) -> None:
    """Write 800 small datasets in groups with attributes, and two large arrays in chunks."""
    import h5py
    import numpy as np

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name in ("acquisition", "processing", "units", "intervals", "general", "stimulus"):
            file.create_group(name)
        for number in range(SMALL):
            group = file["processing"].create_group(f"m{number:03}")
            group.attrs["neurodata_type"] = "TimeSeries"
            group.attrs["namespace"] = "core"
            group.attrs["description"] = "x" * 60
            group.create_dataset("timestamps", data=rng.random(200))
            group.create_dataset("data", data=rng.random(200))
        wide = file["acquisition"].create_dataset(
            "ap", shape=(600_000, 128), dtype="i2", chunks=(30_000, 16)
        )
        for start in range(0, 600_000, 60_000):
            wide[start : start + 60_000] = rng.integers(-500, 500, (60_000, 128), dtype="i2")
        file["units"].create_dataset(
            "spike_times",
            data=rng.random(5_000_000),
            chunks=(250_000,),
            compression="gzip",
            compression_opts=1,
        )
