# Do both backends agree? Not part of `all`: it needs mlGeNN.
#
#   snakemake <results>/figures/agreement.svg
#
# with --sdm conda, or with mlgenn.python naming an interpreter that has envs/mlgenn.txt.

AGREEMENT = config["mlgenn"]["agreement"]
DATASET = config["networks"]["dataset"][0]


rule agreement:
    input:
        parts=[
            f"<results>/data/{DATASET}/binned/{part}.h5"
            for part in parts(DATASET)
            if part != "test"
        ],
        split=f"<results>/data/{DATASET}/splits/{config['networks']['fold'][0]}.csv",
    output:
        table="<results>/tables/agreement.csv",
        histories="<results>/tables/agreement_training.csv",
    log:
        "<results>/logs/agreement.log",
    conda:
        "../../envs/mlgenn.yaml"
    resources:
        gpu=1,
    params:
        python=config["mlgenn"]["python"],
        device=config["mlgenn"]["device"],
        settings=agreement_settings,
        code=code(
            "scripts/peers/agreement.py",
            "workflow/spikespeech/backends/mlgenn/__init__.py",
        ),
    shell:
        '{params.python:q} "$SPIKESPEECH/scripts/peers/agreement.py" {input.parts:q} --split {input.split:q} '
        "--device {params.device} --settings {params.settings:q} --table {output.table:q} "
        "--histories {output.histories:q} > {log:q} 2>&1"


rule plot_agreement:
    input:
        table="<results>/tables/agreement.csv",
        histories="<results>/tables/agreement_training.csv",
    output:
        figure=report(
            "<results>/figures/agreement.svg",
            caption="../report/agreement.rst",
            category="Training",
        ),
        png="<results>/figures/agreement.png",
        finding="<results>/figures/agreement.txt",
    log:
        "<results>/logs/plot_agreement.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/exhibits/training/plot_agreement.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/training/plot_agreement.py" --table {input.table:q} --histories {input.histories:q} '
        "--figure {output.figure:q} --finding {output.finding:q} > {log:q} 2>&1"
