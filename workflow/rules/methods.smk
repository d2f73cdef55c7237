# Training methods side by side on one task: the first data set, its first fold. A method whose
# library is not here is reported as not run.

METHODS = config["methods"] or {"train": [], "seeds": []}
METHOD_DATA = {
    "parts": [
        f"<results>/data/{DATASETS[0]}/binned/{part}.h5"
        for part in REGISTRY[DATASETS[0]].parts
        if part != "test"
    ],
    "split": f"<results>/data/{DATASETS[0]}/splits/{FOLD}.csv",
}
# The interpreter, and with --sdm conda the environment, of a method by another library.
PEERS = {
    "bptt": (METHODS.get("peers_python"), "../../envs/peers.yaml"),
    "eprop": (config["mlgenn"]["python"], "../../envs/mlgenn.yaml"),
}


def method_network(wildcards):
    """Settings of the network of a method with gradients: the study's, but for the common budget."""
    resolved = configuration.settings(
        config,
        dataset=DATASETS[0],
        loss=METHODS["loss"],
        hidden=METHODS["hidden"],
        topology=config["networks"]["topology"][0],
        seed=wildcards.seed,
    )
    return resolved | {
        "backend": "native",
        "selection": "training",
        "epochs": METHODS["epochs"],
        "augmentation": {"shift": 0, "blend": False},
    }


def method_settings(wildcards):
    """Settings of one method's job, as JSON text: only what the method reads."""
    network = method_network(wildcards)
    if wildcards.method not in ("conversion", "stdp"):
        return configuration.text(network)
    own = {key: network[key] for key in ("hidden", "epochs", "seed")}
    own["bins"] = METHODS["bins"]
    if wildcards.method == "stdp":
        constants = network["neuron"]
        own["neuron"] = {key: constants[key] for key in ("tau_mem", "tau_syn")}
    else:
        own |= {key: network[key] for key in ("batch_size", "learning_rate")}
        own["steps"] = METHODS["steps"]
    return configuration.text(own)


rule train_method:
    input:
        **METHOD_DATA,
    output:
        result="<results>/methods/{method}/seed-{seed}.json",
    log:
        "<results>/logs/methods/{method}/seed-{seed}.log",
    wildcard_constraints:
        method="eventprop|conversion|stdp",
    conda:
        "../../envs/spikespeech.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, input, attempt: int(1000 + 10 * input.size_mb) * attempt,
        runtime="1d",
    params:
        settings=method_settings,
        code=lambda w: code(f"scripts/method_{w.method}.py"),
    shell:
        "python scripts/method_{wildcards.method}.py {input.parts:q} --split {input.split:q} "
        "--settings {params.settings:q} --out {output.result:q} > {log:q} 2>&1"


rule train_method_in_peer:
    input:
        **METHOD_DATA,
    output:
        result="<results>/methods/{method}/seed-{seed}.json",
    log:
        "<results>/logs/methods/{method}/seed-{seed}.log",
    wildcard_constraints:
        method="bptt|eprop",
    conda:
        lambda w: PEERS[w.method][1]
    threads: 1
    resources:
        mem_mb=lambda w, input, attempt: int(4000 + 10 * input.size_mb) * attempt,
        runtime="1d",
    params:
        settings=method_settings,
        python=lambda w: PEERS[w.method][0] or "",
        code=lambda w: code("scripts/method_peer.py", f"scripts/method_{w.method}.py"),
    shell:
        "python scripts/method_peer.py {input.parts:q} --split {input.split:q} "
        "--method {wildcards.method} --python={params.python:q} "
        "--settings {params.settings:q} --out {output.result:q} > {log:q} 2>&1"


rule plot_training_methods:
    input:
        results=expand(
            "<results>/methods/{method}/seed-{seed}.json",
            method=METHODS["train"],
            seed=METHODS["seeds"],
        ),
    output:
        figure=report(
            "<results>/figures/training_methods.svg",
            caption="../report/training_methods.rst",
            category="Training",
        ),
        png="<results>/figures/training_methods.png",
        finding="<results>/figures/training_methods.txt",
        table="<results>/tables/training_methods.csv",
    log:
        "<results>/logs/plot_training_methods.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text({"label": label(DATASETS[0]), "epochs": METHODS.get("epochs")}),
        code=code("scripts/plot_training_methods.py"),
    shell:
        "python scripts/plot_training_methods.py {input.results:q} --settings {params.settings:q} "
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
