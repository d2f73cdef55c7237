# Figures and tables that need no data: the thesis's models and methods, and what others have
# published, which the project holds as tables.
#
# One loop over contents.yaml makes a rule of each: every item whose script lies in the folder
# `illustrations` or `published`.
from spikespeech.report import contents

PUBLISHED = "workflow/spikespeech/report/published"
CONTENTS = "workflow/report/contents.yaml"
SECTIONS = contents.load(ROOT / CONTENTS, config)

# The tables that a figure draws: a change of theirs reruns it.
HELD = {
    "published_accuracy": ["networks", "loihi"],
    "published_training_cost": ["benchmark"],
    "published_cost": ["inference"],
    "published_training_speed": ["training_speed", "flaws"],
    "published_hardware": ["hardware", "flaws"],
    "published_methods": ["methods"],
    "verification": ["verification"],
    "state_of_the_art": ["state_of_the_art"],
}

for section, item in [(s.title, i) for s in SECTIONS for i in s.items]:
    verb = "plot" if item.kind == "figure" else "tabulate"
    for script in (ROOT / "scripts/exhibits").glob(f"*/{verb}_{item.name}.py"):
        if script.parent.name not in ("illustrations", "published"):
            continue
        script = script.relative_to(ROOT).as_posix()
        shown = "svg" if item.kind == "figure" else "numbers"

        rule:
            name:
                f"{verb}_{item.name}"
            output:
                **{
                    role: (
                        report(
                            path,
                            caption=f"../../report/{item.name}.rst",
                            category=section,
                        )
                        if role == shown
                        else path
                    )
                    for role, path in item.files("<results>").items()
                },
            log:
                f"<results>/logs/{verb}_{item.name}.log",
            group:
                "illustrations"
            conda:
                "../../../envs/spikespeech.yaml"
            resources:
                runtime=5,  # ten of them in one submission
            params:
                script=script,
                figure=lambda wildcards, output: (
                    f"--figure {shlex.quote(output.svg)}"
                    if "svg" in output.keys()
                    else ""
                ),
                code=code(
                    script,
                    *(f"{PUBLISHED}/{table}.csv" for table in HELD.get(item.name, [])),
                ),
            shell:
                'python "$SPIKESPEECH/{params.script}" --table {output.numbers:q} '
                "--finding {output.finding:q} {params.figure} > {log:q} 2>&1"
