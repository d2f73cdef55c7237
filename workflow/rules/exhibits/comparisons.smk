# What searches found, side by side.


rule plot_comparisons:
    input:
        records=[
            path
            for study in {s.name: s for c in COMPARED.values() for s in c}.values()
            for path in study.found()
        ],
    output:
        figure=report(
            "<results>/figures/comparisons.svg",
            caption="../../report/comparisons.rst",
            category="Search",
        ),
        png="<results>/figures/comparisons.png",
        finding="<results>/figures/comparisons.txt",
        table="<results>/tables/comparisons.csv",
    log:
        "<results>/logs/plot_comparisons.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        settings=text(
            {
                name: {
                    "label": SEARCH_LABELS[searches[0].name],
                    "searches": [study.name for study in searches],
                }
                for name, searches in COMPARED.items()
            }
        ),
        code=code("scripts/exhibits/search/plot_comparisons.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/search/plot_comparisons.py" --records '
        "@<(printf '%s\\n' {input.records:q}) "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
