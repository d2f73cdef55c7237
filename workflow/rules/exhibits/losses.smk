# The losses: their windows, what moving one spike does, when the spikes tell, and who learns faster.

# One network's settings name its loss; windows are compared for all losses of the configuration.
WINDOWS = {
    "losses": {name: own or {} for name, own in config["losses"].items()},
    "steps": config["time"]["steps"],
    "dt_ms": config["time"]["dt_ms"],
}


rule plot_loss_windows:
    output:
        figure=report(
            "<results>/figures/loss_windows.svg",
            caption="../../report/loss_windows.rst",
            category="Losses",
        ),
        png="<results>/figures/loss_windows.png",
        finding="<results>/figures/loss_windows.txt",
        table="<results>/tables/loss_windows.csv",
    log:
        "<results>/logs/plot_loss_windows.log",
    group:
        "illustrations"
    conda:
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        settings=text(WINDOWS),
        code=code("scripts/exhibits/losses/plot_loss_windows.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/losses/plot_loss_windows.py" --settings {params.settings:q} --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_gedanken:
    output:
        figure=report(
            "<results>/figures/gedanken.svg",
            caption="../../report/gedanken.rst",
            category="Losses",
        ),
        png="<results>/figures/gedanken.png",
        finding="<results>/figures/gedanken.txt",
        table="<results>/tables/gedanken.csv",
    log:
        "<results>/logs/plot_gedanken.log",
    group:
        "illustrations"
    conda:
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        settings=text(WINDOWS),
        code=code("scripts/exhibits/losses/plot_gedanken.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/losses/plot_gedanken.py" --settings {params.settings:q} --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_information:
    input:
        binned=[
            f"<results>/data/{DATASETS[0]}/binned/{part}.h5"
            for part in parts(DATASETS[0])
        ],
        split=f"<results>/data/{DATASETS[0]}/splits/{FOLD}.csv",
        weights=networks(f"{NETWORK}/weights.h5", **seeds_of(DATASETS[0])),
    output:
        figure=report(
            "<results>/figures/information.svg",
            caption="../../report/information.rst",
            category="Losses",
        ),
        png="<results>/figures/information.png",
        finding="<results>/figures/information.txt",
        table="<results>/tables/information.csv",
    log:
        "<results>/logs/plot_information.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text({"dataset": DATASETS[0], "label": LABELS[DATASETS[0]]}),
        code=code("scripts/exhibits/losses/plot_information.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/losses/plot_information.py" --binned {input.binned:q} --split {input.split:q} '
        "--weights {input.weights:q} --settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_loss_study:
    input:
        histories="<results>/tables/histories.csv",
    output:
        figure=report(
            "<results>/figures/loss_study.svg",
            caption="../../report/loss_study.rst",
            category="Losses",
        ),
        png="<results>/figures/loss_study.png",
        finding="<results>/figures/loss_study.txt",
        table="<results>/tables/loss_study.csv",
    log:
        "<results>/logs/plot_loss_study.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text({"normalise_losses": config["normalise_losses"]}),
        code=code("scripts/exhibits/losses/plot_loss_study.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/losses/plot_loss_study.py" --histories {input.histories:q} '
        "--settings {params.settings:q} --table {output.table:q} --finding {output.finding:q} "
        "--figure {output.figure:q} > {log:q} 2>&1"
