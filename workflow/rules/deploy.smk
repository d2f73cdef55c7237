# Trained networks as integers: NetX and NIR files, fixed-point accuracy, what it loses and why.
#
# Every network is converted, evaluated and counted; ablations and word lengths are those of the
# networks that `deployment.study` selects.
DEPLOYMENT = config["deployment"]
STUDY = {"loss": config["networks"]["loss"][:1]} | DEPLOYMENT["study"]
STUDIED = [
    network
    for network in GRID
    if all(network[axis] in values for axis, values in STUDY.items())
]
if not STUDIED:
    raise WorkflowError(
        f"configuration: deployment.study: {DEPLOYMENT['study']} selects none of the networks"
    )


# Word lengths that the studied networks are trained on with; 32 is the control, without a grid.
QUANTISED_BITS = DEPLOYMENT["quantised_training"]["bits"]
QUANTISED_BITS = [*QUANTISED_BITS, 32] if QUANTISED_BITS else []


rule convert:
    input:
        weights=f"{NETWORK}/weights.h5",
        parts=calibration_parts,
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        netx=f"{NETWORK}/network.net",
        report=f"{NETWORK}/conversion.json",
    log:
        f"{NETWORK_LOG}/convert.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=deployment("bits", "scale", "calibration_examples", "long_delays"),
        code=code("scripts/deployment/convert.py"),
    shell:
        'python "$SPIKESPEECH/scripts/deployment/convert.py" {input.weights:q} --parts {input.parts:q} '
        "--split {input.split:q} --settings {params.settings:q} --netx {output.netx:q} "
        "--report {output.report:q} > {log:q} 2>&1"


rule export_nir:
    input:
        weights=f"{NETWORK}/weights.h5",
    output:
        nir=f"{NETWORK}/network.nir",
    log:
        f"{NETWORK_LOG}/export_nir.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/deployment/export_nir.py"),
    shell:
        'python "$SPIKESPEECH/scripts/deployment/export_nir.py" {input.weights:q} --nir {output.nir:q} > {log:q} 2>&1'


rule fixed_point:
    input:
        netx=f"{NETWORK}/network.net",
        report=f"{NETWORK}/conversion.json",
        predictions=f"{NETWORK}/predictions.csv",
        test="<results>/data/{dataset}/binned/test.h5",
        events="<results>/data/{dataset}/test.h5",
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        result=f"{NETWORK}/fixed_point.json",
    log:
        f"{NETWORK_LOG}/fixed_point.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(1000, neuron=0.5),
        runtime=120,
    params:
        inputs=DEPLOYMENT["inputs"],
        code=code("scripts/deployment/fixed_point.py"),
    shell:
        'python "$SPIKESPEECH/scripts/deployment/fixed_point.py" {input.netx:q} --report {input.report:q} '
        "--test {input.test:q} --events {input.events:q} --split {input.split:q} "
        "--predictions {input.predictions:q} "
        "--inputs {params.inputs} --threads {threads} --out {output.result:q} > {log:q} 2>&1"


rule ablate:
    input:
        weights=f"{NETWORK}/weights.h5",
        parts=calibration_parts,
        test="<results>/data/{dataset}/binned/test.h5",
        events="<results>/data/{dataset}/test.h5",
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        table=f"{NETWORK}/ablation.csv",
    log:
        f"{NETWORK_LOG}/ablate.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(1800, neuron=1),
        runtime=120,
    params:
        deployment=deployment("bits", "scale", "calibration_examples", "long_delays"),
        code=code("scripts/deployment/ablate.py"),
    shell:
        'python "$SPIKESPEECH/scripts/deployment/ablate.py" {input.weights:q} --parts {input.parts:q} '
        "--test {input.test:q} --events {input.events:q} --split {input.split:q} "
        "--deployment {params.deployment:q} "
        "--threads {threads} --out {output.table:q} > {log:q} 2>&1"


rule train_quantised:
    input:
        weights=f"{NETWORK}/weights.h5",
        parts=calibration_parts,
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        weights=f"{NETWORK}/quantised-{{bits}}/weights.h5",
        history=f"{NETWORK}/quantised-{{bits}}/history.csv",
    log:
        f"{NETWORK_LOG}/train_quantised-{{bits}}.log",
    wildcard_constraints:
        bits="[0-9]+",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(700, neuron=1),
        runtime="1d",
    params:
        quantised_training=lambda w: configuration.text(
            {**DEPLOYMENT["quantised_training"], "bits": int(w.bits)}
        ),
        code=code("scripts/training/train_quantised.py"),
    shell:
        'python "$SPIKESPEECH/scripts/training/train_quantised.py" {input.weights:q} --parts {input.parts:q} '
        "--split {input.split:q} "
        "--quantised-training {params.quantised_training:q} --threads {threads} "
        "--out {output.weights:q} --history {output.history:q} > {log:q} 2>&1"


rule word_lengths:
    input:
        weights=f"{NETWORK}/weights.h5",
        trained=[f"{NETWORK}/quantised-{bits}/weights.h5" for bits in QUANTISED_BITS],
        parts=calibration_parts,
        test="<results>/data/{dataset}/binned/test.h5",
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        table=f"{NETWORK}/word_lengths.csv",
    log:
        f"{NETWORK_LOG}/word_lengths.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(800, neuron=0.5),
        runtime=120,
    params:
        deployment=text(
            {
                "word_lengths": DEPLOYMENT["word_lengths"],
                "calibration_examples": DEPLOYMENT["calibration_examples"],
                "long_delays": DEPLOYMENT["long_delays"],
            }
        ),
        code=code("scripts/deployment/word_lengths.py"),
    shell:
        'python "$SPIKESPEECH/scripts/deployment/word_lengths.py" {input.weights:q} --parts {input.parts:q} '
        "--test {input.test:q} --split {input.split:q} "
        "--deployment {params.deployment:q} --threads {threads} --out {output.table:q} "
        "--trained {input.trained:q} > {log:q} 2>&1"


rule cost:
    input:
        weights=f"{NETWORK}/weights.h5",
        netx=f"{NETWORK}/network.net",
        report=f"{NETWORK}/conversion.json",
        test="<results>/data/{dataset}/binned/test.h5",
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        table=f"{NETWORK}/cost.csv",
    log:
        f"{NETWORK_LOG}/cost.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(1000, neuron=0.5),
        runtime=120,
    params:
        code=code("scripts/deployment/cost.py"),
    shell:
        'python "$SPIKESPEECH/scripts/deployment/cost.py" {input.weights:q} --netx {input.netx:q} '
        "--report {input.report:q} --test {input.test:q} --split {input.split:q} "
        "--out {output.table:q} > {log:q} 2>&1"


# What the report shows of all networks.
