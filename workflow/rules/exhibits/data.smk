# Figures and tables of the data: how much of it, what it looks like, who is on which side.


rule tabulate_datasets:
    input:
        binned=[
            f"<results>/data/{dataset}/binned/{part}.h5"
            for dataset in DATASETS
            for part in parts(dataset)
        ],
    output:
        table=report(
            "<results>/tables/datasets.csv",
            caption="../../report/datasets.rst",
            category="Data",
        ),
        finding="<results>/tables/datasets.txt",
    log:
        "<results>/logs/tabulate_datasets.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/data/tabulate_datasets.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/data/tabulate_datasets.py" --binned {input.binned:q} '
        "--labels {params.labels:q} --table {output.table:q} "
        "--finding {output.finding:q} > {log:q} 2>&1"


rule plot_rasters:
    input:
        binned=[f"<results>/data/{dataset}/binned/train.h5" for dataset in DATASETS],
    output:
        figure=report(
            "<results>/figures/rasters.svg",
            caption="../../report/rasters.rst",
            category="Data",
        ),
        png="<results>/figures/rasters.png",
        finding="<results>/figures/rasters.txt",
        table="<results>/tables/rasters.csv",
    log:
        "<results>/logs/plot_rasters.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/data/plot_rasters.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/data/plot_rasters.py" --binned {input.binned:q} --labels {params.labels:q} '
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"


rule plot_speakers:
    input:
        splits=[
            f"<results>/data/{dataset}/splits/{fold}.csv"
            for dataset in DATASETS
            for fold in config["networks"]["fold"]
        ],
    output:
        figure=report(
            "<results>/figures/speakers.svg",
            caption="../../report/speakers.rst",
            category="Data",
        ),
        png="<results>/figures/speakers.png",
        finding="<results>/figures/speakers.txt",
        table="<results>/tables/speakers.csv",
    log:
        "<results>/logs/plot_speakers.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/data/plot_speakers.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/data/plot_speakers.py" --splits {input.splits:q} --labels {params.labels:q} '
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"
