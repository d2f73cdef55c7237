# How trained networks bear what they were not trained on.


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
