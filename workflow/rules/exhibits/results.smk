# Figures and tables of trained networks.
#
# What all of them draw from is collected once, so that a figure's own script, style or caption
# reruns that figure alone.


rule collect:
    input:
        histories=networks(f"{NETWORK}/history.csv"),
        evaluations=networks(f"{NETWORK}/evaluation.json"),
    output:
        histories="<results>/tables/histories.csv",
        evaluations="<results>/tables/evaluations.csv",
    log:
        "<results>/logs/collect.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/training/collect.py"),
    shell:
        'python "$SPIKESPEECH/scripts/training/collect.py" --history '
        "@<(printf '%s\\n' {input.histories:q}) "
        "--evaluation @<(printf '%s\\n' {input.evaluations:q}) --labels {params.labels:q} "
        "--histories {output.histories:q} --evaluations {output.evaluations:q} > {log:q} 2>&1"


rule tabulate_settings:
    input:
        weights=networks(f"{NETWORK}/weights.h5"),
    output:
        table=report(
            "<results>/tables/settings.csv",
            caption="../../report/settings.rst",
            category="Training",
        ),
        finding="<results>/tables/settings.txt",
    log:
        "<results>/logs/tabulate_settings.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/training/tabulate_settings.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/training/tabulate_settings.py" --weights '
        "@<(printf '%s\\n' {input.weights:q}) "
        "--labels {params.labels:q} "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"


rule plot_learning_curves:
    input:
        histories="<results>/tables/histories.csv",
    output:
        figure=report(
            "<results>/figures/learning_curves.svg",
            caption="../../report/learning_curves.rst",
            category="Training",
        ),
        png="<results>/figures/learning_curves.png",
        finding="<results>/figures/learning_curves.txt",
        table="<results>/tables/learning_curves.csv",
    log:
        "<results>/logs/plot_learning_curves.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code("scripts/exhibits/training/plot_learning_curves.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/training/plot_learning_curves.py" --histories {input.histories:q} '
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"


rule plot_accuracy:
    input:
        evaluations="<results>/tables/evaluations.csv",
        linear="<results>/tables/linear.csv",
    output:
        figure=report(
            "<results>/figures/accuracy.svg",
            caption="../../report/accuracy.rst",
            category="Results",
        ),
        png="<results>/figures/accuracy.png",
        finding="<results>/figures/accuracy.txt",
        table="<results>/tables/accuracy.csv",
    log:
        "<results>/logs/plot_accuracy.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/results/plot_accuracy.py",
            f"{PUBLISHED}/networks.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_accuracy.py" --evaluations {input.evaluations:q} '
        "--linear {input.linear:q} --table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"


rule plot_confusion:
    input:
        evaluations="<results>/tables/evaluations.csv",
        predictions=networks(f"{NETWORK}/predictions.csv"),
        binned=[f"<results>/data/{dataset}/binned/test.h5" for dataset in DATASETS],
    output:
        figure=report(
            "<results>/figures/confusion.svg",
            caption="../../report/confusion.rst",
            category="Results",
        ),
        png="<results>/figures/confusion.png",
        finding="<results>/figures/confusion.txt",
        table="<results>/tables/confusion.csv",
    log:
        "<results>/logs/plot_confusion.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code("scripts/exhibits/results/plot_confusion.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_confusion.py" --evaluations {input.evaluations:q} '
        "--predictions @<(printf '%s\\n' {input.predictions:q}) --binned {input.binned:q} "
        "--table {output.table:q} --finding {output.finding:q} "
        "--figure {output.figure:q} > {log:q} 2>&1"


rule plot_groups:
    input:
        evaluations="<results>/tables/evaluations.csv",
        evaluation=networks(f"{NETWORK}/evaluation.json"),
        predictions=networks(f"{NETWORK}/predictions.csv"),
    output:
        figure=report(
            "<results>/figures/groups.svg",
            caption="../../report/groups.rst",
            category="Results",
        ),
        png="<results>/figures/groups.png",
        finding="<results>/figures/groups.txt",
        table="<results>/tables/groups.csv",
    log:
        "<results>/logs/plot_groups.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/results/plot_groups.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_groups.py" --evaluations {input.evaluations:q} '
        "--evaluation "
        "@<(printf '%s\\n' {input.evaluation:q}) --predictions "
        "@<(printf '%s\\n' {input.predictions:q}) --labels {params.labels:q} "
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"


rule plot_activity:
    input:
        evaluations="<results>/tables/evaluations.csv",
        weights=networks(f"{NETWORK}/weights.h5", dataset=DATASETS[0]),
        predictions=networks(f"{NETWORK}/predictions.csv", dataset=DATASETS[0]),
        binned=f"<results>/data/{DATASETS[0]}/binned/test.h5",
    output:
        figure=report(
            "<results>/figures/activity.svg",
            caption="../../report/activity.rst",
            category="Results",
        ),
        png="<results>/figures/activity.png",
        finding="<results>/figures/activity.txt",
        table="<results>/tables/activity.csv",
    log:
        "<results>/logs/plot_activity.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        dataset=DATASETS[0],
        label=LABELS[DATASETS[0]],
        code=code("scripts/exhibits/results/plot_activity.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_activity.py" --evaluations {input.evaluations:q} '
        "--predictions @<(printf '%s\\n' {input.predictions:q}) --binned {input.binned:q} "
        "--dataset {params.dataset} --label {params.label:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
