# What the rules of training methods and of mlGeNN's agreement ask while jobs are planned: the settings
# of networks that are trained side by side. They stand apart from the rules, as in functions.smk.
import shlex

from spikespeech.backends import registry


def method_settings(wildcards):
    """Settings of one method's job, as JSON text: the study's, but for the common budget."""
    method = TRAINING_METHODS[wildcards.method]
    network = configuration.settings(
        config,
        dataset=DATASETS[0],
        loss=METHODS["loss"],
        hidden=METHODS["hidden"],
        topology=config["networks"]["topology"][0],
        seed=0,  # the job's own
    )
    network |= {
        "backend": method.backend,
        "selection": "last",
        "finetune": 0,
        "epochs": METHODS["epochs"],
        # Each trial has its own; the study's must not make them stale.
        "learning_rate": None,
        "regularisation": {"spikes": network["regularisation"]["spikes"]},
    }
    own = network if method.backend else {key: network[key] for key in method.needs}
    return configuration.text(own | {key: METHODS[key] for key in method.also})


def method_job(wildcards):
    """The options that say what a method's job tries, and with which seeds it trains."""
    trials = configuration.text(METHODS["trials"][wildcards.method])
    tried, scored = (
        " ".join(map(str, METHODS[key])) for key in ("trial_seeds", "seeds")
    )
    epochs = METHODS["trial_epochs"]
    return (
        f"--trials {shlex.quote(trials)} --trial-epochs {epochs} --trial-seeds {tried} "
        f"--seeds {scored}"
    )


def method_script(wildcards):
    """What trains by a method."""
    return f"scripts/methods/{TRAINING_METHODS[wildcards.method].script}"


def method_code(wildcards):
    """What trains by a method, and its backend where it has one."""
    trains = TRAINING_METHODS[wildcards.method].backend
    return [method_script(wildcards), *([registry.source(trains)] if trains else [])]


def agreement_settings(wildcards):
    """Settings of the agreement rule: a network for each loss, the last of which is trained."""
    compared = [
        configuration.settings(
            config,
            dataset=DATASET,
            loss=loss,
            hidden=AGREEMENT["hidden"],
            topology=config["networks"]["topology"][0],
            seed=AGREEMENT["seeds"][0],
        )
        | {"batch_size": 1}
        for loss in AGREEMENT["losses"]
    ]
    for network in compared:
        configuration.update(network, AGREEMENT["set"])
    sizes = {
        key: AGREEMENT[key]
        for key in ("examples", "train", "validation", "epochs", "seeds")
    }
    return configuration.text({"networks": compared, **sizes})
