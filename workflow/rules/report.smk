# One HTML page and one PDF of all that workflow/report/contents.yaml lists.
from spikespeech.report import contents

REPORT = "workflow/report"
SECTIONS = contents.load(Path(workflow.basedir, REPORT, "contents.yaml"), config)


rule report:
    input:
        results=contents.files(SECTIONS, "<results>"),
        captions=[
            f"{REPORT}/{item.name}.rst"
            for section in SECTIONS
            for item in section.items
        ],
        contents=f"{REPORT}/contents.yaml",
        claims=[
            "workflow/spikespeech/report/published/claims.csv",
            "workflow/spikespeech/report/published/flaws.csv",
        ],
        template=f"{REPORT}/report.html.j2",
        style=f"{REPORT}/report.css",
        script=f"{REPORT}/report.js",
        typst=f"{REPORT}/report.typ",
    output:
        html="<results>/report/report.html",
        pdf="<results>/report/report.pdf",
    log:
        "<results>/logs/report.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        results=lambda wildcards, output: Path(output.html).parent.parent,
        captions=lambda wildcards, input: Path(input.contents).parent,
        settings=lambda wildcards: configuration.text(
            {
                "config": config,
                "labels": {name: data.label for name, data in REGISTRY.items()}
                | NAMED,
            }
        ),
        code=code("scripts/report.py"),
    shell:
        "python scripts/report.py --contents {input.contents:q} --results={params.results:q} "
        "--captions {params.captions:q} --template {input.template:q} --style {input.style:q} "
        "--script {input.script:q} --typst {input.typst:q} --settings {params.settings:q} "
        "--html {output.html:q} --pdf {output.pdf:q} > {log:q} 2>&1"
