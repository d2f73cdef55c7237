"""What the library has of each kind, as the part of the configuration's schema that follows it.

Each list stands beside the code that it names. The schemas in `workflow/schemas/` refer to this
part as `library#/$defs/...`, so that a configuration can name all that the library can do.
"""

from spikespeech import losses
from spikespeech.backends.registry import BACKENDS
from spikespeech.data.datasets import SOURCES
from spikespeech.deployment.conventions import INPUTS
from spikespeech.importing.formats import FORMATS
from spikespeech.loihi.quantise import LONG_DELAYS, SCALES, WORD_LENGTHS
from spikespeech.methods.registry import TRAINING_METHODS
from spikespeech.network.neurons import HIDDEN
from spikespeech.search.propose import ACQUISITIONS, DESIGNS, PROPOSERS, SURROGATES

NAME = "library"
"""By which the schemas refer to this one."""


def schema():
    """Return the schema of what the library has: `$defs` by kind."""
    named = {
        "backend": BACKENDS,
        "hidden_neuron": HIDDEN,
        "windowed_loss": [*losses.WINDOWS, "table"],
        "source": SOURCES,
        "input": INPUTS,
        "import_format": FORMATS,
        "scale": SCALES,
        "long_delays": LONG_DELAYS,
        "word_length": WORD_LENGTHS,
        "method": TRAINING_METHODS,
        "proposer": PROPOSERS,
        "surrogate": SURROGATES,
        "acquisition": ACQUISITIONS,
        "design": DESIGNS,
    }
    return {
        "$id": NAME,
        "$defs": {
            **{kind: {"enum": list(names)} for kind, names in named.items()},
            "losses": _object({name: _loss(name) for name in losses.LOSSES}),
            "method_trials": _object(
                {
                    name: _object(
                        {key: _NUMBERS[key == "lambda"] for key in method.tries},
                        required=list(method.tries),
                        description=method.label,
                    )
                    for name, method in TRAINING_METHODS.items()
                }
            ),
        },
    }


_NUMBERS = [
    {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "number", limit: 0},
        "description": "values that are tried",
    }
    for limit in ("exclusiveMinimum", "minimum")
]
"""Lists of numbers: positive ones, and those that may be 0."""


def _object(properties, **more):
    return {"type": "object", "additionalProperties": False, "properties": properties, **more}


_READS = {
    "input": "w follows the input spikes of each example, low-pass filtered",
    "table": "w is given",
    "max": "the largest voltage of the trial",
    "first_spike": "the time of the first spike of each output, which spikes",
    "per_timestep": "the voltage of every step, each with a cross-entropy of its own",
}
"""What losses read whose window is no function of the time alone."""


def _loss(name):
    window = losses.LOSSES[name].window
    about = window.__doc__.splitlines()[0].rstrip(".") if window else _READS[name]
    if name == "table":
        values = {
            "type": ["array", "string"],
            "items": {"type": "number"},
            "minLength": 1,
            "description": "w at each step: a list, or a file with one number a line",
        }
        return _object({"values": values}, required=["values"], description=about)
    return _object(
        {
            key: {
                "type": "number",
                "description": f"{parameter.meaning} ({parameter.default:g})",
                **({} if parameter.above is None else {"exclusiveMinimum": parameter.above}),
            }
            for key, parameter in losses.LOSSES[name].parameters.items()
        },
        description=about,
    )
