# One HTML page and one PDF of all that workflow/report/contents.yaml lists.


rule report:
    input:
        results=contents.files(SECTIONS, "<results>"),
    output:
        html="<results>/report/report.html",
        pdf="<results>/report/report.pdf",
    log:
        "<results>/logs/report.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        results=lambda wildcards, output: Path(output.html).parent.parent,
        settings=lambda wildcards: configuration.text(
            {
                "config": config,
                "labels": {name: data.label for name, data in REGISTRY.items()}
                | LABELS,
                "configfiles": [str(path) for path in workflow.overwrite_configfiles],
            }
        ),
        code=code(
            "scripts/report.py",
            CONTENTS,
            *(f"workflow/report/{name}.rst" for name in contents.captions(SECTIONS)),
            *(
                f"workflow/report/report.{kind}"
                for kind in ("html.j2", "css", "js", "typ")
            ),
            f"{PUBLISHED}/claims.csv",
            f"{PUBLISHED}/flaws.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/report.py" --layout "$SPIKESPEECH/workflow/report" '
        "--results={params.results:q} --settings {params.settings:q} "
        "--html {output.html:q} --pdf {output.pdf:q} > {log:q} 2>&1"
