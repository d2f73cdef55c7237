"""The registry of data sets: what each one is, where it comes from and under which licence."""

import json
import os
from dataclasses import dataclass, field

from spikespeech.data import folders
from spikespeech.data.folders import PARTS

ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GERMAN = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
DIGITS = ENGLISH + GERMAN
"""The 20 classes of SHD, in its order."""

SHD_TRAINING_SPEAKERS = (0, 1, 2, 3, 6, 7, 8, 9, 10, 11)
"""The others, 4 and 5, are in SHD's test part alone."""

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
"""In the order of their numbers."""


@dataclass(frozen=True)
class File:
    """A file to be downloaded.

    Attributes
    ----------
    url : its address
    checksum : MD5 or SHA-256 (`md5:...`, `sha256:...`), or None
    others : addresses that are tried where the first does not answer
    """

    url: str
    checksum: str | None = None
    others: tuple = ()

    @property
    def name(self):
        """Last part of the address."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Dataset:
    """A data set of single spoken words as spike trains.

    Attributes
    ----------
    name : its name in configuration, paths and tables
    label : its name in captions; says where speech is synthetic
    source : how it is made: "download", "synthesise" or "audio"; "own" where the
        configuration says which (`source`)
    synthetic : whether no human speaks
    description, licence, reference : for the report
    language : of the words
    classes : their names, in the order of the labels; empty where the files name them
    n_channels, n_speakers : None where the files decide
    parts : of train, valid and test
    files : what is downloaded, by part ("all" for one archive)
    sizes : number of utterances by part; empty where the configuration decides
    unheard : speakers who are in the test part alone, where the configuration does not decide
    """

    name: str
    label: str
    source: str
    synthetic: bool = False
    description: str = ""
    licence: str = "the user's own"
    reference: str = ""
    language: str = ""
    classes: tuple = ()
    n_channels: int | None = 700
    n_speakers: int | None = None
    parts: tuple = ("train", "test")
    files: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)
    unheard: int = 0


# What a user's own audio folder need not set.
OWN_AUDIO = {
    "test_speakers": [],
    "test_share": 0.0,
    "window": "ramps",
    "pre_emphasis": 0.0,
    "channels": 700,
    "seed": 1,
}


SOURCES = {"audio_folder": "audio", "spike_file": "spikes", "tonic": "tonic"}
"""How a user's own data set is made, by its `source` in the configuration."""


PATHS = ("archive", "folder", "mirror", "table", "train", "valid", "test")
"""Keys of a data set's section that name files."""


def expand_home(sections):
    """Put the user's home folder for ~ at the beginning of the paths in all `sections`."""
    for section in sections.values():
        for key in PATHS:
            if isinstance(section.get(key), str):
                section[key] = os.path.expanduser(section[key])  # noqa: PTH111 - also addresses


def source(name, section):
    """Return how the data set with this section of the configuration is made.

    "download", "synthesise", "audio" (recordings), "spikes" (a user's own spike files) or "tonic".
    """
    return SOURCES[section["source"]] if name not in REGISTRY else REGISTRY[name].source


def channels(name, section):
    """Return the number of input channels of a data set."""
    return section.get("channels", REGISTRY[name].n_channels)


def parts(name, section):
    """Return the parts of a data set with this section of the configuration, in their order."""
    named = {"train", "test"}
    if name in REGISTRY:
        return REGISTRY[name].parts
    if section["source"] == "audio_folder":
        if "lists" in section:
            named |= section["lists"].keys()
        elif "table" in section or "{part}" in section["pattern"]:
            named |= {row.part for row in folders.planned(section).rows}
    elif "valid" in section or "valid" in section.get("parts", ()):
        named.add("valid")
    return tuple(part for part in PARTS if part in named)


def local_files(name, section):
    """Return the user's files that a data set is made from, whose change makes it stale."""
    if name == "fsdd":
        archive = section["archive"]
        return [] if archive is None or "://" in archive else [archive]
    return folders.inputs(section)


def sizes(name, section):
    """Return the number of utterances of each part, as planned; {} for a user's own data."""
    dataset = REGISTRY[name]
    if dataset.sizes or dataset.source not in ("synthesise", "audio"):
        return dataset.sizes
    speakers = section.get("speakers", dataset.n_speakers)
    known = training_speakers(name, section)
    each = section["utterances"] * len(section.get("classes", dataset.classes))
    test = round(each * (speakers - known + known * section["test_share"]))
    return {"train": each * speakers - test, "test": test}


def training_speakers(name, section):
    """Return how many speakers a data set of known size has in its training part."""
    dataset = REGISTRY[name]
    unheard = len(section["test_speakers"]) if "test_speakers" in section else dataset.unheard
    return section.get("speakers", dataset.n_speakers) - unheard


def provenance(name, settings):
    """Return what the files of data set `name` say of themselves, as HDF5 attributes."""
    dataset = REGISTRY[name]
    return {
        "dataset": dataset.name,
        "label": dataset.label,
        "synthetic": dataset.synthetic,
        "licence": dataset.licence,
        "reference": dataset.reference,
        "settings": json.dumps(settings, sort_keys=True),
        **sound(settings),
    }


def sound(settings):
    """Return what a data set's settings say of how recordings enter the cochlea, for `encode`."""
    return {key: settings[key] for key in ("window", "pre_emphasis") if key in settings}


CRAMER = (
    "Cramer, Stradmann, Schemmel and Zenke, The Heidelberg spiking data sets for the systematic "
    "evaluation of spiking neural networks, IEEE TNNLS 33(7), 2022"
)
HOSTS = ("https://zenkelab.org/datasets/", "https://compneuro.net/datasets/")


def _heidelberg(name, md5):
    """Return a file of the Heidelberg spiking data sets, which two hosts have."""
    first, *others = (f"{host}{name}.h5.zip" for host in HOSTS)
    return File(first, f"md5:{md5}", tuple(others))


class _Registry(dict):
    """Data sets by name; an unknown name is a user's own data, which that name labels."""

    def __missing__(self, name):
        return Dataset(name=name, label=name, source="own")


REGISTRY = _Registry(
    (dataset.name, dataset)
    for dataset in (
        Dataset(
            name="shd",
            label="SHD",
            source="download",
            description="Spiking Heidelberg Digits: spoken digits, recorded in a studio",
            licence="CC BY 4.0",
            reference=CRAMER,
            language="English and German",
            classes=DIGITS,
            n_speakers=12,
            sizes={"train": 8156, "test": 2264},
            unheard=2,
            files={
                "train": _heidelberg("shd_train", "f3252aeb598ac776c1b526422d90eecb"),
                "test": _heidelberg("shd_test", "1503a5064faa34311c398fb0a1ed0a6f"),
            },
        ),
        Dataset(
            name="ssc",
            label="SSC",
            source="download",
            description="Spiking Speech Commands: 35 words by many speakers",
            licence="CC BY 4.0",
            reference=CRAMER,
            language="English",
            parts=("train", "valid", "test"),
            sizes={"train": 75466, "valid": 9981, "test": 20382},
            files={
                "train": _heidelberg("ssc_train", "d102be95e7144fcc0553d1f45ba94170"),
                "valid": _heidelberg("ssc_valid", "b4eee3516a4a90dd0c71a6ac23a8ae43"),
                "test": _heidelberg("ssc_test", "a35ff1e9cffdd02a20eb850c17c37748"),
            },
        ),
        Dataset(
            name="digits",
            label="digits (synthetic speech)",
            source="synthesise",
            synthetic=True,
            description="Digits said by voices of eSpeak NG, in SHD's classes, through the "
            "cochlea model that made SHD",
            licence="CC0 1.0",
            reference="eSpeak NG 1.52, github.com/espeak-ng/espeak-ng",
            language="English and German",
            classes=DIGITS,
            n_speakers=24,
        ),
        Dataset(
            name="fsdd",
            label="FSDD",
            source="audio",
            description="Free Spoken Digit Dataset 1.0.10: 3,000 recordings at 8 kHz, through "
            "the cochlea model that made SHD",
            licence="CC BY-SA 4.0",
            reference="Jackson et al., Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401",
            language="English",
            classes=ENGLISH,
            n_speakers=6,
            files={
                "all": File(
                    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/"
                    "v1.0.10.tar.gz"
                )
            },
        ),
    )
)
