# The thesis's figures, computed. Most depend on nothing but their own script.

# One network's settings name its loss; windows are compared for all losses of the configuration.
WINDOWS = {
    "losses": {name: own or {} for name, own in config["losses"].items()},
    "steps": config["time"]["steps"],
    "dt_ms": config["time"]["dt_ms"],
}

FOLD = config["networks"]["fold"][0]


rule plot_neuron_generations:
    output:
        figure=report(
            "<results>/figures/neuron_generations.svg",
            caption="../report/neuron_generations.rst",
            category="Illustrations",
        ),
        png="<results>/figures/neuron_generations.png",
        finding="<results>/figures/neuron_generations.txt",
        table="<results>/tables/neuron_generations.csv",
    log:
        "<results>/logs/plot_neuron_generations.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_neuron_generations.py"),
    shell:
        "python scripts/plot_neuron_generations.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_membrane:
    output:
        figure=report(
            "<results>/figures/membrane.svg",
            caption="../report/membrane.rst",
            category="Illustrations",
        ),
        png="<results>/figures/membrane.png",
        finding="<results>/figures/membrane.txt",
        table="<results>/tables/membrane.csv",
    log:
        "<results>/logs/plot_membrane.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_membrane.py"),
    shell:
        "python scripts/plot_membrane.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_hodgkin_huxley:
    output:
        figure=report(
            "<results>/figures/hodgkin_huxley.svg",
            caption="../report/hodgkin_huxley.rst",
            category="Illustrations",
        ),
        png="<results>/figures/hodgkin_huxley.png",
        finding="<results>/figures/hodgkin_huxley.txt",
        table="<results>/tables/hodgkin_huxley.csv",
    log:
        "<results>/logs/plot_hodgkin_huxley.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_hodgkin_huxley.py"),
    shell:
        "python scripts/plot_hodgkin_huxley.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_lif:
    output:
        figure=report(
            "<results>/figures/lif.svg",
            caption="../report/lif.rst",
            category="Illustrations",
        ),
        png="<results>/figures/lif.png",
        finding="<results>/figures/lif.txt",
        table="<results>/tables/lif.csv",
    log:
        "<results>/logs/plot_lif.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_lif.py"),
    shell:
        "python scripts/plot_lif.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_izhikevich:
    output:
        figure=report(
            "<results>/figures/izhikevich.svg",
            caption="../report/izhikevich.rst",
            category="Illustrations",
        ),
        png="<results>/figures/izhikevich.png",
        finding="<results>/figures/izhikevich.txt",
        table="<results>/tables/izhikevich.csv",
    log:
        "<results>/logs/plot_izhikevich.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_izhikevich.py"),
    shell:
        "python scripts/plot_izhikevich.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_network:
    output:
        figure=report(
            "<results>/figures/network.svg",
            caption="../report/network.rst",
            category="Illustrations",
        ),
        png="<results>/figures/network.png",
        finding="<results>/figures/network.txt",
        table="<results>/tables/network.csv",
    log:
        "<results>/logs/plot_network.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_network.py"),
    shell:
        "python scripts/plot_network.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_loss_surface:
    output:
        figure=report(
            "<results>/figures/loss_surface.svg",
            caption="../report/loss_surface.rst",
            category="Illustrations",
        ),
        png="<results>/figures/loss_surface.png",
        finding="<results>/figures/loss_surface.txt",
        table="<results>/tables/loss_surface.csv",
    log:
        "<results>/logs/plot_loss_surface.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_loss_surface.py"),
    shell:
        "python scripts/plot_loss_surface.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_gradient_descent:
    output:
        figure=report(
            "<results>/figures/gradient_descent.svg",
            caption="../report/gradient_descent.rst",
            category="Illustrations",
        ),
        png="<results>/figures/gradient_descent.png",
        finding="<results>/figures/gradient_descent.txt",
        table="<results>/tables/gradient_descent.csv",
    log:
        "<results>/logs/plot_gradient_descent.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_gradient_descent.py"),
    shell:
        "python scripts/plot_gradient_descent.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_paralif:
    output:
        figure=report(
            "<results>/figures/paralif.svg",
            caption="../report/paralif.rst",
            category="Illustrations",
        ),
        png="<results>/figures/paralif.png",
        finding="<results>/figures/paralif.txt",
        table="<results>/tables/paralif.csv",
    log:
        "<results>/logs/plot_paralif.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_paralif.py"),
    shell:
        "python scripts/plot_paralif.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_stdp:
    output:
        figure=report(
            "<results>/figures/stdp.svg",
            caption="../report/stdp.rst",
            category="Illustrations",
        ),
        png="<results>/figures/stdp.png",
        finding="<results>/figures/stdp.txt",
        table="<results>/tables/stdp.csv",
    log:
        "<results>/logs/plot_stdp.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_stdp.py"),
    shell:
        "python scripts/plot_stdp.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_eventprop:
    output:
        figure=report(
            "<results>/figures/eventprop.svg",
            caption="../report/eventprop.rst",
            category="Illustrations",
        ),
        png="<results>/figures/eventprop.png",
        finding="<results>/figures/eventprop.txt",
        table="<results>/tables/eventprop.csv",
    log:
        "<results>/logs/plot_eventprop.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/plot_eventprop.py"),
    shell:
        "python scripts/plot_eventprop.py --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule tabulate_chain_rule:
    output:
        table=report(
            "<results>/tables/chain_rule.csv",
            caption="../report/chain_rule.rst",
            category="Illustrations",
        ),
        finding="<results>/tables/chain_rule.txt",
    log:
        "<results>/logs/tabulate_chain_rule.log",
    group:
        "illustrations"
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/tabulate_chain_rule.py"),
    shell:
        "python scripts/tabulate_chain_rule.py --table {output.table:q} "
        "--finding {output.finding:q} > {log:q} 2>&1"


rule plot_loss_windows:
    output:
        figure=report(
            "<results>/figures/loss_windows.svg",
            caption="../report/loss_windows.rst",
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
        "../../envs/spikespeech.yaml"
    params:
        settings=text(WINDOWS),
        code=code("scripts/plot_loss_windows.py"),
    shell:
        "python scripts/plot_loss_windows.py --settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_gedanken:
    output:
        figure=report(
            "<results>/figures/gedanken.svg",
            caption="../report/gedanken.rst",
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
        "../../envs/spikespeech.yaml"
    params:
        settings=text(WINDOWS),
        code=code("scripts/plot_gedanken.py"),
    shell:
        "python scripts/plot_gedanken.py --settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_information:
    input:
        binned=[
            f"<results>/data/{DATASETS[0]}/binned/{part}.h5"
            for part in REGISTRY[DATASETS[0]].parts
            if part != "test"
        ],
        split=f"<results>/data/{DATASETS[0]}/splits/{FOLD}.csv",
        weights=told(DATASETS[0]),
    output:
        figure=report(
            "<results>/figures/information.svg",
            caption="../report/information.rst",
            category="Losses",
        ),
        png="<results>/figures/information.png",
        finding="<results>/figures/information.txt",
        table="<results>/tables/information.csv",
    log:
        "<results>/logs/plot_information.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text({"label": label(DATASETS[0]), "losses": WINDOWS["losses"]}),
        code=code("scripts/plot_information.py"),
    shell:
        "python scripts/plot_information.py --binned {input.binned:q} --split {input.split:q} "
        "--weights {input.weights:q} --settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_loss_study:
    input:
        histories="<results>/tables/histories.csv",
    output:
        figure=report(
            "<results>/figures/loss_study.svg",
            caption="../report/loss_study.rst",
            category="Losses",
        ),
        png="<results>/figures/loss_study.png",
        finding="<results>/figures/loss_study.txt",
        table="<results>/tables/loss_study.csv",
    log:
        "<results>/logs/plot_loss_study.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text({"normalise_losses": config["normalise_losses"]}),
        code=code("scripts/plot_loss_study.py"),
    shell:
        "python scripts/plot_loss_study.py --histories {input.histories:q} "
        "--settings {params.settings:q} --table {output.table:q} --finding {output.finding:q} "
        "--figure {output.figure:q} > {log:q} 2>&1"
