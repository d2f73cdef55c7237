# Training methods side by side on one task: the first data set, its first fold. Each method's job
# tries as many settings on the validation speakers and trains the best with fresh seeds: together,
# as trials share what they can. A method whose library is not here is reported as not run.
from spikespeech.methods.registry import TRAINING_METHODS

METHODS = config["methods"] or {"train": [], "seeds": [], "trials": {}}
METHOD_DATA = {
    "parts": [
        f"<results>/data/{DATASETS[0]}/binned/{part}.h5" for part in parts(DATASETS[0])
    ],
    "split": f"<results>/data/{DATASETS[0]}/splits/{FOLD}.csv",
}


wildcard_constraints:
    method="|".join(TRAINING_METHODS),


rule train_method:
    input:
        **METHOD_DATA,
    output:
        result="<results>/methods/{method}.json",
    log:
        "<results>/logs/methods/{method}.log",
    wildcard_constraints:
        method="|".join(n for n, method in TRAINING_METHODS.items() if not method.peer),
    conda:
        "../../envs/spikespeech.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, input, attempt: memory(1000 + 10 * int(input.size_mb))(
            w, attempt
        ),
        runtime="1d",
    params:
        settings=method_settings,
        job=method_job,
        script=method_script,
        code=lambda w: code(*method_code(w)),
    shell:
        'python "$SPIKESPEECH/"{params.script:q} {input.parts:q} --split {input.split:q} '
        "--settings {params.settings:q} {params.job} --out {output.result:q} > {log:q} 2>&1"


rule train_method_in_peer:
    input:
        **METHOD_DATA,
    output:
        result="<results>/methods/{method}.json",
    log:
        "<results>/logs/methods/{method}.log",
    wildcard_constraints:
        method="|".join(n for n, method in TRAINING_METHODS.items() if method.peer),
    conda:
        "../../envs/peers.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, input, attempt: memory(4000 + 10 * int(input.size_mb))(
            w, attempt
        ),
        runtime="1d",
    params:
        settings=method_settings,
        job=method_job,
        python=config["peers_python"] or "",
        code=lambda w: code("scripts/methods/peer.py", method_script(w)),
    shell:
        'python "$SPIKESPEECH/scripts/methods/peer.py" {input.parts:q} --split {input.split:q} '
        "--method {wildcards.method} --python={params.python:q} "
        "--settings {params.settings:q} {params.job} --out {output.result:q} > {log:q} 2>&1"


rule plot_training_methods:
    input:
        results=expand(
            "<results>/methods/{method}.json",
            method=METHODS["train"],
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
        settings=text(
            {
                "label": LABELS[DATASETS[0]],
                "epochs": METHODS.get("epochs"),
                "trial_epochs": METHODS.get("trial_epochs"),
                "trial_seeds": len(METHODS.get("trial_seeds", [])),
                "trials": max(
                    (
                        configuration.trials(METHODS, method)
                        for method in METHODS["train"]
                    ),
                    default=0,
                ),
            }
        ),
        code=code("scripts/exhibits/training/plot_training_methods.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/training/plot_training_methods.py" '
        "@<(printf '%s\\n' {input.results:q}) --settings {params.settings:q} "
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
