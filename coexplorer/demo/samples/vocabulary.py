"""Vocabulary of an institute of neuroscience and genomics. Nothing here names a real one."""

from __future__ import annotations

from dataclasses import dataclass

GB = 10**9
MOUSE, HUMAN = "Mus musculus", "Homo sapiens"


@dataclass(frozen=True, slots=True)
class Step:
    """A way to derive a result from an asset.

    Attributes:
        chance: How often it is done to such an asset.
        size_ratio: Median size of the result in relation to its source.
        files: Median number of files.
    """

    label: str
    capsule: str
    chance: float
    size_ratio: float
    files: int
    tags: tuple[str, ...] = ()
    next: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of raw data, with what is done to it.

    Attributes:
        prefix: Begins the names.
        weight: How many there are in relation to the other families.
        size_gb: Median size of the raw data.
        spread: Standard deviation of the size's logarithm.
        files: Median number of files.
        named: ``session`` (subject and time), ``specimen`` (also a slice) or ``library`` (a
            sequencing library and lane).
    """

    prefix: str
    modality: str
    weight: int
    size_gb: float
    spread: float
    files: int
    projects: tuple[str, ...]
    steps: tuple[Step, ...]
    named: str = "session"
    species: tuple[str, ...] = (MOUSE,)


FAMILIES = (
    Family(
        "ecephys",
        "ecephys",
        26,
        240.0,
        0.7,
        420,
        ("Dynamic Routing", "Brain-wide Dynamics", "Neuropixels Ultra"),
        (
            Step(
                "sorted",
                "Spike sort with Kilosort 2.5",
                0.85,
                0.05,
                900,
                ("kilosort2.5",),
                (
                    Step("nwb", "Package units as NWB", 0.5, 0.4, 12, ("nwb",)),
                    Step("curated", "Curate units by hand", 0.2, 0.3, 85, ("curated",)),
                ),
            ),
            Step("sorted-ks4", "Spike sort with Kilosort 4", 0.2, 0.05, 900, ("kilosort4",)),
            Step("eye-tracking", "Track pupil and eyelids", 0.2, 0.01, 14, ("behavior-videos",)),
        ),
    ),
    Family(
        "behavior",
        "behavior",
        20,
        3.5,
        1.0,
        60,
        ("Dynamic Routing", "Dynamic Foraging", "Visual Behavior"),
        (
            Step(
                "processed",
                "Extract trials and licks",
                0.75,
                0.02,
                16,
                ("trials",),
                (Step("fitted", "Fit the foraging model", 0.35, 0.3, 8, ("rl-model",)),),
            ),
            Step("pose", "Estimate pose in behavior videos", 0.25, 0.08, 24, ("pose", "dlc")),
        ),
    ),
    Family(
        "multiplane-ophys",
        "ophys",
        14,
        160.0,
        0.5,
        96,
        ("Omniscient Mouse", "Learning mFISH", "Visual Behavior"),
        (
            Step(
                "processed",
                "Motion-correct and segment planes",
                0.85,
                0.3,
                310,
                ("suite2p",),
                (
                    Step("events", "Detect events in dF/F", 0.5, 0.05, 40, ("dff", "events")),
                    Step("matched", "Match cells across sessions", 0.25, 0.01, 18, ("roicat",)),
                ),
            ),
        ),
    ),
    Family(
        "SmartSPIM",
        "SPIM",
        10,
        650.0,
        0.5,
        41_000,
        ("Thalamus in the Middle", "Genetic Tools", "Whole-brain Projections"),
        (
            Step(
                "stitched",
                "Stitch, fuse and register to CCF",
                0.9,
                0.9,
                220_000,
                ("zarr", "CCFv3"),
                (Step("quantified", "Count cells by region", 0.5, 0.001, 260, ("cell-counts",)),),
            ),
        ),
    ),
    Family(
        "exaSPIM",
        "exaSPIM",
        6,
        15_000.0,
        0.6,
        1_200_000,
        ("Single-neuron Morphology", "Human Cortex Expansion"),
        (
            Step("flatfield-correction", "Correct the flat field", 0.6, 0.8, 900_000, ("n5",)),
            Step(
                "alignment",
                "Align tiles with BigStitcher",
                0.6,
                0.0001,
                18,
                ("bigstitcher",),
                (Step("fusion", "Fuse aligned tiles", 0.7, 9_000.0, 1_800_000, ("zarr",)),),
            ),
        ),
        species=(MOUSE, HUMAN, "Macaca mulatta"),
    ),
    Family(
        "HCR",
        "HCR",
        7,
        900.0,
        0.5,
        12_500,
        ("Learning mFISH", "Cell Types of the Basal Ganglia"),
        (
            Step(
                "processed",
                "Unmix and segment HCR rounds",
                0.7,
                1.3,
                64_000,
                ("cellpose",),
                (Step("spots", "Call spots and assign genes", 0.6, 0.01, 140, ("spots",)),),
            ),
        ),
        named="specimen",
    ),
    Family(
        "scRNAseq",
        "scRNA-seq",
        9,
        85.0,
        0.6,
        26,
        ("Cell Types of the Basal Ganglia", "Aging Brain Atlas", "Human Cortex Expansion"),
        (
            Step(
                "cellranger-7.1.0",
                "Align and count with Cell Ranger",
                0.9,
                0.2,
                48,
                ("10x", "counts"),
                (
                    Step(
                        "clustered",
                        "Cluster and annotate nuclei",
                        0.6,
                        0.1,
                        22,
                        ("scanpy", "umap"),
                        (Step("DE", "Differential expression", 0.3, 0.02, 37, ("deseq2",)),),
                    ),
                ),
            ),
        ),
        named="library",
        species=(MOUSE, HUMAN, "Callithrix jacchus"),
    ),
    Family(
        "FIP",
        "fiber-photometry",
        8,
        1.2,
        0.6,
        32,
        ("Dynamic Foraging", "Neuromodulators"),
        (Step("processed", "Demodulate and correct dF/F", 0.8, 0.4, 21, ("dff",)),),
    ),
)

MODELS = (
    ("deeplabcut-face", "pose"),
    ("sleap-bottom-view", "pose"),
    ("cellpose-HCR-nuclei", "segmentation"),
    ("unet3d-axons", "segmentation"),
    ("unitrefine-noise-classifier", "curation"),
    ("mapmycells-basal-ganglia", "annotation"),
    ("deepinterpolation-ophys", "denoising"),
)

REFERENCES = (
    "Mouse CCFv3 annotation, 25 um",
    "GRCm39 and GENCODE vM32, Cell Ranger index",
    "GRCh38 and GENCODE v44, Cell Ranger index",
    "10x barcode whitelists",
    "Neuropixels probe geometries",
    "SmartSPIM light-sheet template",
    "Opto-tagging stimulus tables",
    "Marmoset atlas v3",
)

RESULTS = (
    "Figure {n} panels",
    "QC report, week {n}",
    "Population decoding, take {n}",
    "Latent states with {n} components",
    "Cross-area coupling, {n} ms bins",
    "Cohort {n} summary tables",
)

GENOTYPES = (
    "wt/wt",
    "Sst-IRES-Cre/wt;Ai32(RCL-ChR2(H134R)_EYFP)/wt",
    "Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
    "Slc17a7-IRES2-Cre/wt;Oi1(TIT2L-jGCaMP8s)/wt",
    "Dbh-Cre-KI/wt",
    "Chat-IRES-Cre-neo/wt",
)

EXPERIMENTERS = (
    "Ada Nwosu",
    "Björn Åkesson",
    "Chen Wei-Ling",
    "Dolores Quintana",
    "Émile Gauthier",
    "Farah Haddad",
    "Grzegorz Łapiński",
    "Hana Sato",
)

REGIONS = ("VISp", "MOs", "CA1", "CP", "LGd", "PL", "SNr", "LC", "MD", "ACA")
RIGS = ("NP-0", "NP-1", "NP-3", "MESO-1", "MESO-2", "SPIM-A", "447-3-B", "446-2-D")

FAILURES = (
    "access denied to the bucket: check the access key and its policy",
    "no such bucket",
    "no files found under the given prefix",
    "the files changed while they were being copied",
    "indexing timed out after 12 hours",
    "quota exceeded: 18.2 TB needed, 11.7 TB free",
    "computation exited with code 137 (out of memory)",
    "checksum mismatch in behavior/side_camera.mp4",
)

EXTERNAL_BUCKET = "neuro-open-data"
INTERNAL_BUCKET = "neuro-private-uploads"
GCP_BUCKET = "genomics-archive"
REGISTRY = "registry.institute.example/capsules"
