"""Raw data and everything derived from it, step by step: who made what from which."""

from __future__ import annotations

import random

from msgspec.structs import replace

from coexplorer.demo.asset import Bucket, MetadataValue, Provenance, StoredAsset
from coexplorer.demo.samples.calendar import (
    DAY_S,
    format_day,
    format_moment,
    pick_moment,
    pick_moment_after,
)
from coexplorer.demo.samples.descriptions import build_description
from coexplorer.demo.samples.maker import Maker
from coexplorer.demo.samples.vocabulary import (
    EXPERIMENTERS,
    EXTERNAL_BUCKET,
    FAILURES,
    FAMILIES,
    GB,
    GCP_BUCKET,
    GENOTYPES,
    HUMAN,
    INTERNAL_BUCKET,
    MOUSE,
    REGISTRY,
    Family,
    Step,
)

_QUARTER_S = 91 * DAY_S
_FIRST_SUBJECT, _SUBJECTS_A_QUARTER, _FIRST_QUARTER = 400_000, 13_000, 200
"""Subject numbers grow with time: about 400000 in 2020, 13,000 more each quarter."""

RUN_FAILS, METADATA_IS_GIVEN = 0.01, 0.8
COMMITS_A_CAPSULE = 5
RUN_SCRIPTS = ("code/run", "code/run", "code/run", "code/run_capsule.py", "code/main.nf")


class Session:
    """What is known about one acquisition, whoever works on it later."""

    def __init__(self, maker: Maker, family: Family, moment: int) -> None:
        rng = maker.rng
        quarter = moment // _QUARTER_S
        subjects = max(4, maker.count // 150)
        subject = (
            _FIRST_SUBJECT
            + (quarter - _FIRST_QUARTER) * _SUBJECTS_A_QUARTER
            + rng.randrange(subjects) * (_SUBJECTS_A_QUARTER // subjects)
        )
        self.family = family
        self.moment = moment
        self.owner = maker.pick_owner()
        self.subject = str(subject)
        self.project = family.projects[subject // 3 % len(family.projects)]
        self.species = _pick_species(family, self.project, subject)
        self.genotype = GENOTYPES[subject % len(GENOTYPES)]
        self.person = EXPERIMENTERS[subject // 7 % len(EXPERIMENTERS)]
        self.age_days = rng.randrange(50, 400)
        self.has_metadata = rng.random() < METADATA_IS_GIVEN

    def build_name(self, rng: random.Random) -> str:
        """Name the raw data as the uploader does."""
        prefix = self.family.prefix
        match self.family.named:
            case "library":
                lane = (
                    f"L{rng.randrange(1, 9):02}_{rng.choice('ABCDEFGH')}{rng.randrange(1, 13):02}"
                )
                return f"{prefix}_10xv3.1_{self.subject}_{lane}_{format_day(self.moment)}"
            case "specimen":
                slice_ = rng.randrange(1, 9)
                return f"{prefix}_{self.subject}-{slice_:02}_{format_moment(self.moment)}"
            case _:
                return f"{prefix}_{self.subject}_{format_moment(self.moment)}"

    def build_tags(self, level: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Tag data of a level (``raw`` or ``derived``)."""
        return (level, self.family.modality, self.subject, self.project, self.species, *more)

    def build_metadata(self, level: str) -> dict[str, MetadataValue]:
        """Fill the deployment's custom fields, where anybody cared to."""
        if not self.has_metadata:
            return {}
        return {
            "subject id": self.subject,
            "species": self.species,
            **({"genotype": self.genotype} if self.species == MOUSE else {}),
            "age": self.age_days,
            "session date": self.moment - self.moment % DAY_S,
            "experimenter": [self.person],
            "project name": self.project,
            "data level": level,
        }

    def describe(self, rng: random.Random, name: str) -> str:
        """Write the description of an asset of this session."""
        return build_description(
            rng,
            {
                "project": self.project,
                "modality": self.family.modality,
                "subject": self.subject,
                "person": self.person,
                "mount": name,
            },
        )


class Lineage:
    """Makes raw assets and their descendants, with the capsules that made these.

    Args:
        maker: Makes the single assets.
    """

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._capsules: dict[str, tuple[str, str, list[str]]] = {}
        self._weights = [family.weight for family in FAMILIES]

    def make_session(self) -> list[StoredAsset]:
        """Make raw data with all that is derived from them, ancestors first."""
        maker = self._maker
        family = maker.rng.choices(FAMILIES, self._weights)[0]
        session = Session(maker, family, pick_moment(maker.rng, maker.now))
        raw = self._make_raw(session)
        made = [raw]
        raw_bytes = raw.size or int(family.size_gb * GB)
        for step in family.steps:
            self._derive(session, raw, raw_bytes, step, made)
        return made

    def make_raw(self, moment: int) -> StoredAsset:
        """Make raw data alone, acquired at a moment (epoch seconds)."""
        maker = self._maker
        family = maker.rng.choices(FAMILIES, self._weights)[0]
        return self._make_raw(Session(maker, family, moment))

    def make_provenance(self, capsule: str, sources: tuple[str, ...]) -> Provenance:
        """Say how a run of a capsule, by its title, came to its result."""
        maker, rng = self._maker, self._maker.rng
        if capsule not in self._capsules:
            slug = capsule.lower().replace(" ", "-").replace("/", "")
            commits = [f"{rng.getrandbits(160):040x}" for _ in range(COMMITS_A_CAPSULE)]
            image = f"{REGISTRY}/{slug}:{rng.getrandbits(48):012x}"
            self._capsules[capsule] = (maker.make_id(), image, commits)
        capsule_id, image, commits = self._capsules[capsule]
        return Provenance(
            commit=rng.choice(commits),
            run_script=rng.choice(RUN_SCRIPTS),
            docker_image=image,
            capsule=capsule_id,
            computation=maker.make_id(),
            data_assets=sources,
        )

    def _make_raw(self, session: Session) -> StoredAsset:
        maker, family, rng = self._maker, session.family, self._maker.rng
        name = session.build_name(rng)
        created = min(session.moment + int(rng.uniform(0.5, 5) * 3600), maker.now)
        return maker.make(
            name,
            created,
            tree=family.prefix,
            owner=session.owner,
            size=int(family.size_gb * GB * rng.lognormvariate(0, family.spread)),
            files=int(family.files * rng.lognormvariate(0, 0.3)) + 1,
            tags=session.build_tags("raw"),
            description=session.describe(rng, name),
            source=_pick_source(rng, family, name),
            custom_metadata=session.build_metadata("raw"),
        )

    def _derive(
        self,
        session: Session,
        parent: StoredAsset,
        parent_bytes: int,
        step: Step,
        made: list[StoredAsset],
    ) -> None:
        """Add what a step makes of an asset, and what is made of that, if anybody did it yet.

        `parent_bytes` is how large the parent is, also where the platform does not say.
        """
        maker, rng = self._maker, self._maker.rng
        created = pick_moment_after(rng, maker.now, parent.created)
        if rng.random() > step.chance or created > maker.now:
            return
        name = f"{parent.name}_{step.label}_{format_moment(created)}"
        size = int(parent_bytes * step.size_ratio * rng.lognormvariate(0, 0.4)) + 512
        asset = maker.make(
            name,
            created,
            tree="result",
            owner=session.owner,
            type="result",
            size=size,
            files=int(step.files * rng.lognormvariate(0, 0.3)) + 1,
            tags=session.build_tags("derived", step.tags),
            description=session.describe(rng, name),
            provenance=self.make_provenance(step.capsule, (parent.id,)),
            custom_metadata=session.build_metadata("derived"),
        )
        if rng.random() < RUN_FAILS:
            made.append(make_failed(asset, rng))
            return
        made.append(asset)
        for following in step.next:
            self._derive(session, asset, size, following, made)


def _pick_species(family: Family, project: str, subject: int) -> str:
    if project.startswith("Human"):
        return HUMAN
    others = [species for species in family.species if species != HUMAN]
    return others[subject // 5 % len(others)]


def _pick_source(rng: random.Random, family: Family, name: str) -> Bucket | None:
    draw = rng.random()
    if family.named == "library" and draw < 0.4:
        return Bucket(GCP_BUCKET, "gcp", f"runs/{name}", external=True)
    if draw < 0.65:
        return Bucket(EXTERNAL_BUCKET, "aws", name, external=True)
    if draw < 0.95:
        return Bucket(INTERNAL_BUCKET, "aws", name, external=False)
    return Bucket(origin="local")


def make_failed(asset: StoredAsset, rng: random.Random) -> StoredAsset:
    """Return an asset as it is when its creation failed: with a reason and without files."""
    reason = rng.choice(FAILURES)
    return replace(asset, state="failed", failure_reason=reason, size=None, files=None, last_used=0)
