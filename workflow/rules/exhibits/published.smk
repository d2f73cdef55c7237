# What others have published, which the project holds as data: drawn and tabulated.
PUBLISHED = "workflow/spikespeech/report/published"


rule plot_published_accuracy:
    output:
        figure=report(
            "<results>/figures/published_accuracy.svg",
            caption="../../report/published_accuracy.rst",
            category="Published results",
        ),
        png="<results>/figures/published_accuracy.png",
        finding="<results>/figures/published_accuracy.txt",
        table="<results>/tables/published_accuracy.csv",
    log:
        "<results>/logs/plot_published_accuracy.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/published/plot_published_accuracy.py",
            f"{PUBLISHED}/networks.csv",
            f"{PUBLISHED}/loihi.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/published/plot_published_accuracy.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_published_training_cost:
    output:
        figure=report(
            "<results>/figures/published_training_cost.svg",
            caption="../../report/published_training_cost.rst",
            category="Published results",
        ),
        png="<results>/figures/published_training_cost.png",
        finding="<results>/figures/published_training_cost.txt",
        table="<results>/tables/published_training_cost.csv",
    log:
        "<results>/logs/plot_published_training_cost.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/published/plot_published_training_cost.py",
            f"{PUBLISHED}/benchmark.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/published/plot_published_training_cost.py" --table {output.table:q} '
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule tabulate_published_cost:
    output:
        table=report(
            "<results>/tables/published_cost.csv",
            caption="../../report/published_cost.rst",
            category="Published results",
        ),
        finding="<results>/tables/published_cost.txt",
    log:
        "<results>/logs/tabulate_published_cost.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/published/tabulate_published_cost.py",
            f"{PUBLISHED}/inference.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/published/tabulate_published_cost.py" --table {output.table:q} '
        "--finding {output.finding:q} > {log:q} 2>&1"


rule tabulate_state_of_the_art:
    output:
        table=report(
            "<results>/tables/state_of_the_art.csv",
            caption="../../report/state_of_the_art.rst",
            category="Published results",
        ),
        finding="<results>/tables/state_of_the_art.txt",
    log:
        "<results>/logs/tabulate_state_of_the_art.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/published/tabulate_state_of_the_art.py",
            f"{PUBLISHED}/state_of_the_art.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/published/tabulate_state_of_the_art.py" --table {output.table:q} '
        "--finding {output.finding:q} > {log:q} 2>&1"


rule tabulate_published_training_speed:
    output:
        table=report(
            "<results>/tables/published_training_speed.csv",
            caption="../../report/published_training_speed.rst",
            category="Published results",
        ),
        finding="<results>/tables/published_training_speed.txt",
    log:
        "<results>/logs/tabulate_published_training_speed.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/published/tabulate_published_training_speed.py",
            f"{PUBLISHED}/training_speed.csv",
            f"{PUBLISHED}/flaws.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/published/tabulate_published_training_speed.py" --table {output.table:q} '
        "--finding {output.finding:q} > {log:q} 2>&1"


rule tabulate_published_hardware:
    output:
        table=report(
            "<results>/tables/published_hardware.csv",
            caption="../../report/published_hardware.rst",
            category="Published results",
        ),
        finding="<results>/tables/published_hardware.txt",
    log:
        "<results>/logs/tabulate_published_hardware.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/published/tabulate_published_hardware.py",
            f"{PUBLISHED}/hardware.csv",
            f"{PUBLISHED}/flaws.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/published/tabulate_published_hardware.py" --table {output.table:q} '
        "--finding {output.finding:q} > {log:q} 2>&1"
