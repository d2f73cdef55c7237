# The thesis's figures of models and methods, computed from nothing but their own scripts.


rule plot_neuron_generations:
    output:
        figure=report(
            "<results>/figures/neuron_generations.svg",
            caption="../../report/neuron_generations.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_neuron_generations.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_neuron_generations.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_membrane:
    output:
        figure=report(
            "<results>/figures/membrane.svg",
            caption="../../report/membrane.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_membrane.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_membrane.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_hodgkin_huxley:
    output:
        figure=report(
            "<results>/figures/hodgkin_huxley.svg",
            caption="../../report/hodgkin_huxley.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_hodgkin_huxley.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_hodgkin_huxley.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_lif:
    output:
        figure=report(
            "<results>/figures/lif.svg",
            caption="../../report/lif.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_lif.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_lif.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_izhikevich:
    output:
        figure=report(
            "<results>/figures/izhikevich.svg",
            caption="../../report/izhikevich.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_izhikevich.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_izhikevich.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_network:
    output:
        figure=report(
            "<results>/figures/network.svg",
            caption="../../report/network.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_network.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_network.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_loss_surface:
    output:
        figure=report(
            "<results>/figures/loss_surface.svg",
            caption="../../report/loss_surface.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_loss_surface.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_loss_surface.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_gradient_descent:
    output:
        figure=report(
            "<results>/figures/gradient_descent.svg",
            caption="../../report/gradient_descent.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_gradient_descent.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_gradient_descent.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_paralif:
    output:
        figure=report(
            "<results>/figures/paralif.svg",
            caption="../../report/paralif.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_paralif.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_paralif.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_stdp:
    output:
        figure=report(
            "<results>/figures/stdp.svg",
            caption="../../report/stdp.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_stdp.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_stdp.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_eventprop:
    output:
        figure=report(
            "<results>/figures/eventprop.svg",
            caption="../../report/eventprop.rst",
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
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/plot_eventprop.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/plot_eventprop.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule tabulate_chain_rule:
    output:
        table=report(
            "<results>/tables/chain_rule.csv",
            caption="../../report/chain_rule.rst",
            category="Illustrations",
        ),
        finding="<results>/tables/chain_rule.txt",
    log:
        "<results>/logs/tabulate_chain_rule.log",
    group:
        "illustrations"
    conda:
        "../../../envs/spikespeech.yaml"
    resources:
        runtime=5,  # ten of them in one submission
    params:
        code=code("scripts/exhibits/illustrations/tabulate_chain_rule.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/illustrations/tabulate_chain_rule.py" --table {output.table:q} '
        "--finding {output.finding:q} > {log:q} 2>&1"
