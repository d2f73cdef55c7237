# Who trains, validates and tests; the trainings; their evaluation.


rule split:
    input:
        parts=lambda w: [
            f"<results>/data/{w.dataset}/{part}.h5" for part in parts(w.dataset)
        ],
    output:
        split="<results>/data/{dataset}/splits/{fold}.csv",
    log:
        "<results>/logs/data/{dataset}/splits/{fold}.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=split_settings,
        code=code("scripts/data/split.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/split.py" {input.parts:q} --fold {wildcards.fold} '
        "--settings {params.settings:q} --out {output.split:q} > {log:q} 2>&1"


# The checkpoints of an interrupted training lie beside the weights, unknown to Snakemake, which
# would delete them. `--set-threads train=4` speeds up a single training; results stay the same.
rule train:
    input:
        parts=lambda w: [
            f"<results>/data/{w.dataset}/binned/{part}.h5"
            for part in parts(w.dataset)
            if part != "test"
        ],
        split="<results>/data/{dataset}/splits/{fold}.csv",
        tables=tables,
    output:
        weights=f"{NETWORK}/weights.h5",
        history=f"{NETWORK}/history.csv",
        timing=f"{NETWORK}/timing.json",
    log:
        f"{NETWORK_LOG}/train.log",
    conda:
        lambda w: environment(backend(w))
    threads: 1
    resources:
        gpu=lambda w: registry.BACKENDS[backend(w)].gpus,
        mem_mb=memory(700, neuron=1),
        runtime="1d",
    params:
        network=lambda w: configuration.text(configuration.network(w)),
        settings=settings,
        code=lambda w: code("scripts/training/train.py", registry.source(backend(w))),
        python=lambda w: registry.interpreter(backend(w), config),
        device=lambda w: registry.device(backend(w), config),
    shell:
        '{params.python:q} "$SPIKESPEECH/scripts/training/train.py" {input.parts:q} --split {input.split:q} '
        "--device {params.device} --network {params.network:q} --settings "
        "@<(printf '%s\\n' {params.settings:q}) --threads {threads} --stamp {params.code} "
        "--weights {output.weights:q} --history {output.history:q} 2>&1 | tee -- {log:q}"


rule evaluate:
    input:
        weights=f"{NETWORK}/weights.h5",
        test="<results>/data/{dataset}/binned/test.h5",
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        evaluation=f"{NETWORK}/evaluation.json",
        predictions=f"{NETWORK}/predictions.csv",
    log:
        f"{NETWORK_LOG}/evaluate.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(700, neuron=1),
    params:
        code=code("scripts/training/evaluate.py"),
    shell:
        'python "$SPIKESPEECH/scripts/training/evaluate.py" {input.weights:q} --test {input.test:q} '
        "--split {input.split:q} "
        "--evaluation {output.evaluation:q} --predictions {output.predictions:q} > {log:q} 2>&1"
