# The control of every network: a linear read-out of spike counts. Where the networks are fine-tuned
# with the validation speakers it is trained on them, too, once the strength of its penalty is chosen.
rule linear_readout:
    input:
        parts=lambda w: [
            f"<results>/data/{w.dataset}/binned/{part}.h5"
            for part in REGISTRY[w.dataset].parts
        ],
        split="<results>/data/{dataset}/splits/{fold}.csv",
    output:
        record="<results>/linear/{dataset}/{fold}.json",
        predictions="<results>/linear/{dataset}/{fold}.csv",
    log:
        "<results>/logs/linear/{dataset}/{fold}.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=lambda w, input, attempt: int(1000 + 3 * input.size_mb) * attempt,
        runtime="1d",
    params:
        both="--both" if config["training"]["finetune"] else "",
        code=code("scripts/training/linear.py", "scripts/training/evaluate.py"),
    shell:
        'python "$SPIKESPEECH/scripts/training/linear.py" {input.parts:q} --split {input.split:q} '
        "--dataset {wildcards.dataset} --fold {wildcards.fold} {params.both} "
        "--record {output.record:q} --predictions {output.predictions:q} "
        "> {log:q} 2>&1"


READOUTS = [
    {"dataset": dataset, "fold": fold}
    for dataset in DATASETS
    for fold in config["networks"]["fold"]
]


rule collect_linear:
    input:
        records=[
            "<results>/linear/{dataset}/{fold}.json".format(**axes)
            for axes in READOUTS
        ],
        readouts=[
            "<results>/linear/{dataset}/{fold}.csv".format(**axes) for axes in READOUTS
        ],
        predictions=networks(f"{NETWORK}/predictions.csv"),
        evaluations="<results>/tables/evaluations.csv",
    output:
        table="<results>/tables/linear.csv",
    log:
        "<results>/logs/collect_linear.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/training/collect_linear.py"),
    shell:
        'python "$SPIKESPEECH/scripts/training/collect_linear.py" --records {input.records:q} '
        "--readouts {input.readouts:q} --predictions "
        "@<(printf '%s\\n' {input.predictions:q}) "
        "--evaluations {input.evaluations:q} --table {output.table:q} > {log:q} 2>&1"
