"""Search studies of the configuration: what is searched, in which chains of trials.

A chain is one proposer with one optimiser seed. Its first rounds are the initial design, which
all proposers of that seed share: they lie in the folder of the proposer `initial` and are
trained once. Paths are templates of Snakemake (`<results>`).
"""

from dataclasses import dataclass

from spikespeech import configuration, losses
from spikespeech.errors import InputError, nearest
from spikespeech.search import space
from spikespeech.search.propose import GRID_LEVELS, INITIAL, LEARNING
from spikespeech.training.settings import Settings

MAX_TRIALS = 100_000
"""Trials of a search: each is a job, of which Snakemake plans some thousand a second."""
MAX_GRID = 1_000_000
"""Points of a grid, which is drawn in a random order."""
DEFAULTS = "defaults"
"""Name of the settings that a search starts from, among those that are confirmed."""


@dataclass(frozen=True)
class Study:
    """One search: its section of the configuration, see `workflow/schemas/search.schema.yaml`.

    `name` is the section's key and `base` the resolved training settings, before any point is
    applied; the other attributes are the section's own keys.
    """

    name: str
    base: dict
    dataset: str
    loss: str
    hidden: int | list[int]
    topology: str
    set: dict
    space: dict
    objective: dict
    initial: dict
    rounds: int
    trials: int
    proposers: list
    surrogate: str
    acquisition: str
    random_budget: int
    seeds: list
    confirm: list
    time: dict | None = None

    @property
    def folder(self):
        """Folder of the study's proposals and records."""
        return f"<results>/search/{self.name}"

    @property
    def initial_rounds(self):
        """Number of rounds that the initial design fills."""
        return self.initial["trials"] // self.trials

    def rounds_of(self, proposer):
        """Number of rounds of a chain; random search goes on for `random_budget` times as many."""
        return self.rounds * (self.random_budget if proposer == "random" else 1)

    def records(self, proposer, seed, rounds=None):
        """Return the paths of a chain's trial records, in order; of its first `rounds`, or all."""
        return [
            f"{self.folder}/{INITIAL if r <= self.initial_rounds else proposer}"
            f"/seed-{seed}/round-{r}/trial-{trial}.json"
            for r in range(1, (rounds if rounds is not None else self.rounds_of(proposer)) + 1)
            for trial in range(1, self.trials + 1)
        ]

    def records_before(self, proposer, seed, round):
        """Return the paths of the records that a proposal rests on: none for a control."""
        return self.records(proposer, seed, round - 1) if proposer in LEARNING else []

    def proposal_settings(self):
        """Return the settings of `scripts/search/propose.py`, without the number of rounds."""
        keys = ("space", "trials", "initial", "surrogate", "acquisition")
        return {key: getattr(self, key) for key in keys}

    def trial_settings(self):
        """Return the settings of `scripts/search/trial.py`."""
        # A trial has its own values of what is searched: the study's must not make it stale.
        base = space.apply(self.base, dict.fromkeys(self.space))
        return {"base": base, **{key: self.objective[key] for key in ("seeds", "cost")}}

    def time_files(self, proposer, seed):
        """Return the paths of what a chain's trials and proposals took, beside the records."""
        records = self.records(proposer, seed)
        folders = dict.fromkeys(record.rsplit("/", 1)[0] for record in records)
        return [record.replace(".json", ".time.json") for record in records] + [
            f"{folder}/proposal.time.json" for folder in folders
        ]

    def chains(self, pattern):
        """Return a path of every chain; `pattern` has {proposer} and {seed} below the folder."""
        return [
            f"{self.folder}/{pattern}".format(proposer=proposer, seed=seed)
            for proposer in self.proposers
            for seed in self.seeds
        ]

    def candidates(self):
        """Return what is trained in the end: the defaults, and the best of each proposer."""
        return [DEFAULTS, *self.proposers]

    def best_records(self, candidate):
        """Return the paths of the best records a candidate is chosen from; none for defaults."""
        if candidate == DEFAULTS:
            return []
        return [f"{self.folder}/{candidate}/seed-{seed}/best.json" for seed in self.seeds]

    def confirmations(self):
        """Return the paths of the final trainings, candidate by candidate."""
        return [
            f"{self.folder}/confirm/{candidate}/seed-{seed}.json"
            for candidate in self.candidates()
            for seed in self.confirm
        ]

    def found(self):
        """Return the paths of the final trainings of what the first proposer found."""
        return [
            f"{self.folder}/confirm/{self.proposers[0]}/seed-{seed}.json" for seed in self.confirm
        ]

    def spikes(self, parts):
        """Return the paths of the data set's `parts`, binned on the study's grid."""
        grid = "-{steps}x{dt_ms}ms".format(**self.time) if self.time else ""
        return [f"<results>/data/{self.dataset}/binned{grid}/{part}.h5" for part in parts]

    def split(self, fold):
        """Return the path of one fold's split."""
        return f"<results>/data/{self.dataset}/splits/{fold}.csv"

    def splits(self):
        """Return the paths of the splits of the folds that every trial is trained on."""
        return [self.split(fold) for fold in self.objective["folds"]]


def load(config):
    """Return {name: Study} of the configuration; raise InputError, naming the key, for a bad one.

    A study that is `null` is left out, so that one configuration file can drop another's.
    """
    return {
        name: _study(name, section, config)
        for name, section in config["search"].items()
        if section is not None
    }


TUNING = (
    *("dataset", "objective", "initial", "rounds", "trials", "proposers", "surrogate"),
    *("acquisition", "random_budget", "seeds", "confirm"),
)
"""What compared searches have in common, so that each is tuned and judged as the others are."""


def compared(comparisons, studies):
    """Return {comparison: [the reference, then the other Studies]} of the configuration.

    Raises InputError, naming the key, for a search that there is not, or that is tuned otherwise.
    """
    found = {}
    for name, section in comparisons.items():
        where = f"comparisons.{name}"
        named = [("reference", section["reference"])]
        named += [("searches", search) for search in section["searches"]]
        for key, search in named:
            if search not in studies:
                raise InputError(
                    f"{where}.{key}: {search!r} is not defined{nearest(search, studies)}"
                )
        found[name] = first, *others = [studies[search] for _, search in named]
        if first in others:
            raise InputError(f"{where}.searches: {first.name!r} is the reference")
        for other in others:
            for key in TUNING:
                if getattr(other, key) != getattr(first, key):
                    raise InputError(
                        f"{where}.searches: {other.name!r} has another {key} than {first.name!r}",
                        hint="compare what is tuned alike",
                    )
        if len(first.proposers) > 1:
            raise InputError(
                f"{where}.reference: {first.name!r} has {len(first.proposers)} proposers",
                hint="compare what one proposer finds",
            )
    return found


def _study(name, section, config):
    where = f"search.{name}"
    for key, known in (("dataset", config["datasets"]), ("loss", config["losses"])):
        if section[key] not in known:
            raise InputError(
                f"{where}.{key}: {section[key]!r} is not defined{nearest(section[key], known)}"
            )
    base = configuration.settings(
        config, **{k: section[k] for k in ("dataset", "loss", "hidden", "topology")}, seed=0
    )
    configuration.update(base, section["set"])
    study = Study(name=name, base=base, **section)
    dimensions = space.parse(section["space"], f"{where}.space")
    space.check(dimensions, base, f"{where}.space")
    for dimension in dimensions:
        for value in dimension.levels(2):
            _check_settings(
                space.apply(base, {dimension.key: value}),
                (study.time or config["time"])["steps"],
                f"{where}.space.{dimension.key}",
            )
    _check_budget(study, dimensions, where)
    return study


def _check_settings(settings, n_steps, where):
    """Raise InputError unless a training could start with a point's settings."""
    try:
        losses.make(**Settings.parse(settings).loss, n_steps=n_steps)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_budget(study, dimensions, where):
    initial, trials = study.initial["trials"], study.trials
    total = sum(map(study.rounds_of, study.proposers)) * trials * len(study.seeds)
    if total > MAX_TRIALS:
        raise InputError(
            f"{where}.rounds: {study.rounds} rounds come to {total:,} trials, more than the "
            f"{MAX_TRIALS:,} that can be planned"
        )
    if study.rounds * trials < initial:
        raise InputError(
            f"{where}.rounds: {study.rounds} rounds of {trials} are fewer trials than the "
            f"initial design's {initial}"
        )
    if initial % trials:
        raise InputError(
            f"{where}.initial.trials: {initial} is no multiple of the {trials} trials a round"
        )
    size = 1
    for dimension in dimensions:
        size *= len(dimension.levels(GRID_LEVELS))
    if "grid" in study.proposers and size > MAX_GRID:
        raise InputError(
            f"{where}.proposers: the grid has {size:,} points, more than {MAX_GRID:,}",
            hint="search fewer settings, or leave the grid out",
        )
    wanted = study.rounds * trials - initial
    if "grid" in study.proposers and size < wanted:
        raise InputError(
            f"{where}.proposers: the grid has {size} points, fewer than its {wanted} trials",
            hint="search more settings, or leave the grid out",
        )
    if "evolutionary" in study.proposers and trials < 2:
        raise InputError(
            f"{where}.trials: a generation of evolutionary search is a round, and needs at least 2",
            hint="try more a round, or leave evolutionary out",
        )
    if set(study.confirm) & set(study.objective["seeds"]):
        raise InputError(
            f"{where}.confirm: repeats a seed of {where}.objective.seeds", hint="take fresh seeds"
        )
