# Tables and figures of the searches.
CHAINS = [
    path
    for study in STUDIES.values()
    for path in study.chains("{proposer}/seed-{seed}/trials.csv")
]
SEARCH_LABELS = {name: REGISTRY[study.dataset].label for name, study in STUDIES.items()}
SPACES = {
    name: {"label": SEARCH_LABELS[name], "space": study.space}
    for name, study in STUDIES.items()
}


rule tabulate_search_comparison:
    input:
        CHAINS,
    output:
        table=report(
            "<results>/tables/search_comparison.csv",
            caption="../../report/search_comparison.rst",
            category="Search",
        ),
        finding="<results>/tables/search_comparison.txt",
    log:
        "<results>/logs/tabulate_search_comparison.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code("scripts/exhibits/search/tabulate_search_comparison.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/tabulate_search_comparison.py" --trials '
        "@<(printf '%s\\n' {input:q}) "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"


rule tabulate_search_best:
    input:
        CHAINS,
    output:
        table=report(
            "<results>/tables/search_best.csv",
            caption="../../report/search_best.rst",
            category="Search",
        ),
        finding="<results>/tables/search_best.txt",
    log:
        "<results>/logs/tabulate_search_best.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code("scripts/exhibits/search/tabulate_search_best.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/tabulate_search_best.py" --trials '
        "@<(printf '%s\\n' {input:q}) "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"


rule plot_search_convergence:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_convergence.svg",
            caption="../../report/search_convergence.rst",
            category="Search",
        ),
        png="<results>/figures/search_convergence.png",
        finding="<results>/figures/search_convergence.txt",
        table="<results>/tables/search_convergence.csv",
    log:
        "<results>/logs/plot_search_convergence.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text(
            {
                name: {
                    "label": SEARCH_LABELS[name],
                    "initial": study.initial["trials"],
                }
                for name, study in STUDIES.items()
            }
        ),
        code=code("scripts/exhibits/search/plot_search_convergence.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/plot_search_convergence.py" --trials '
        "@<(printf '%s\\n' {input:q}) "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_dependence:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_dependence.svg",
            caption="../../report/search_dependence.rst",
            category="Search",
        ),
        png="<results>/figures/search_dependence.png",
        finding="<results>/figures/search_dependence.txt",
        table="<results>/tables/search_dependence.csv",
    log:
        "<results>/logs/plot_search_dependence.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text(SPACES),
        code=code("scripts/exhibits/search/plot_search_dependence.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/plot_search_dependence.py" --trials '
        "@<(printf '%s\\n' {input:q}) "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_pairwise:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_pairwise.svg",
            caption="../../report/search_pairwise.rst",
            category="Search",
        ),
        png="<results>/figures/search_pairwise.png",
        finding="<results>/figures/search_pairwise.txt",
        table="<results>/tables/search_pairwise.csv",
    log:
        "<results>/logs/plot_search_pairwise.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text(SPACES),
        code=code("scripts/exhibits/search/plot_search_pairwise.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/plot_search_pairwise.py" --trials '
        "@<(printf '%s\\n' {input:q}) "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_trials:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_trials.svg",
            caption="../../report/search_trials.rst",
            category="Search",
        ),
        png="<results>/figures/search_trials.png",
        finding="<results>/figures/search_trials.txt",
        table="<results>/tables/search_trials.csv",
    log:
        "<results>/logs/plot_search_trials.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text(SPACES),
        code=code("scripts/exhibits/search/plot_search_trials.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/plot_search_trials.py" --trials '
        "@<(printf '%s\\n' {input:q}) "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_confirmation:
    input:
        [path for study in STUDIES.values() for path in study.confirmations()],
    output:
        figure=report(
            "<results>/figures/search_confirmation.svg",
            caption="../../report/search_confirmation.rst",
            category="Search",
        ),
        png="<results>/figures/search_confirmation.png",
        finding="<results>/figures/search_confirmation.txt",
        table="<results>/tables/search_confirmation.csv",
    log:
        "<results>/logs/plot_search_confirmation.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(SEARCH_LABELS),
        code=code("scripts/exhibits/search/plot_search_confirmation.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/plot_search_confirmation.py" --records '
        "@<(printf '%s\\n' {input:q}) "
        "--labels {params.labels:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
