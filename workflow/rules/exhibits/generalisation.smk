# What unheard speakers and noise tell about trained networks and their input.


rule plot_noise:
    input:
        weights=networks(f"{NETWORK}/weights.h5", **seeds_of(DATASETS[0])),
        binned=f"<results>/data/{DATASETS[0]}/binned/test.h5",
    output:
        figure=report(
            "<results>/figures/noise.svg",
            caption="../../report/noise.rst",
            category="Results",
        ),
        png="<results>/figures/noise.png",
        finding="<results>/figures/noise.txt",
        table="<results>/tables/noise.csv",
    log:
        "<results>/logs/plot_noise.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        label=LABELS[DATASETS[0]],
        code=code("scripts/exhibits/results/plot_noise.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_noise.py" --weights {input.weights:q} '
        "--binned {input.binned:q} --label {params.label:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_coding:
    input:
        binned=[
            f"<results>/data/{DATASETS[0]}/binned/{part}.h5"
            for part in parts(DATASETS[0])
        ],
        split=f"<results>/data/{DATASETS[0]}/splits/{FOLD}.csv",
        weights=networks(f"{NETWORK}/weights.h5", **seeds_of(DATASETS[0])),
    output:
        figure=report(
            "<results>/figures/coding.svg",
            caption="../../report/coding.rst",
            category="Results",
        ),
        png="<results>/figures/coding.png",
        finding="<results>/figures/coding.txt",
        table="<results>/tables/coding.csv",
    log:
        "<results>/logs/plot_coding.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        label=LABELS[DATASETS[0]],
        code=code("scripts/exhibits/results/plot_coding.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_coding.py" --binned {input.binned:q} --split {input.split:q} '
        "--weights {input.weights:q} --label {params.label:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
