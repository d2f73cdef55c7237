# Networks that others trained: read, then evaluated, converted, simulated in integers and counted as
# the study's own are, by the same scripts. They stand in tables and a figure of their own, since a
# mean over the study's seeds must not take in a stranger.
IMPORTS = config["networks"]["import"]
IMPORTED = "<results>/networks/imported/{imported}"
IMPORTED_LABELS = {
    section["dataset"]: REGISTRY[section["dataset"]].label
    for section in IMPORTS.values()
}
IMPORTED_LOG = IMPORTED.replace("<results>", "<results>/logs")


wildcard_constraints:
    imported="|".join(IMPORTS) or "(?!)",


rule import_network:
    input:
        files=lambda w: formats.files(IMPORTS[w.imported]),
        data=imported_data("binned/train.h5"),
    output:
        weights=f"{IMPORTED}/weights.h5",
    log:
        f"{IMPORTED_LOG}/import.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(1000),
    params:
        settings=lambda w: configuration.text(
            configuration.imported(config, w.imported)
        ),
        code=code("scripts/training/import_network.py"),
    shell:
        'python "$SPIKESPEECH/scripts/training/import_network.py" --name {wildcards.imported} '
        "--settings {params.settings:q} --data {input.data:q} --weights {output.weights:q} "
        "> {log:q} 2>&1"


use rule evaluate as evaluate_imported with:
    input:
        weights=f"{IMPORTED}/weights.h5",
        test=imported_data("binned/test.h5"),
        split=imported_data("splits/main.csv"),
    output:
        evaluation=f"{IMPORTED}/evaluation.json",
        predictions=f"{IMPORTED}/predictions.csv",
    log:
        f"{IMPORTED_LOG}/evaluate.log",
    resources:
        mem_mb=memory(2000),


if config["deployment"]:

    use rule convert as convert_imported with:
        input:
            weights=f"{IMPORTED}/weights.h5",
            parts=imported_calibration,
            split=imported_data("splits/main.csv"),
        output:
            netx=f"{IMPORTED}/network.net",
            report=f"{IMPORTED}/conversion.json",
        log:
            f"{IMPORTED_LOG}/convert.log",

    use rule export_nir as export_nir_imported with:
        input:
            weights=f"{IMPORTED}/weights.h5",
        output:
            nir=f"{IMPORTED}/network.nir",
        log:
            f"{IMPORTED_LOG}/export_nir.log",

    use rule fixed_point as fixed_point_imported with:
        input:
            netx=f"{IMPORTED}/network.net",
            report=f"{IMPORTED}/conversion.json",
            predictions=f"{IMPORTED}/predictions.csv",
            test=imported_data("binned/test.h5"),
            events=imported_data("test.h5"),
            split=imported_data("splits/main.csv"),
        output:
            result=f"{IMPORTED}/fixed_point.json",
        log:
            f"{IMPORTED_LOG}/fixed_point.log",
        resources:
            mem_mb=memory(2000),
            runtime=120,

    use rule ablate as ablate_imported with:
        input:
            weights=f"{IMPORTED}/weights.h5",
            parts=imported_calibration,
            test=imported_data("binned/test.h5"),
            events=imported_data("test.h5"),
            split=imported_data("splits/main.csv"),
        output:
            table=f"{IMPORTED}/ablation.csv",
        log:
            f"{IMPORTED_LOG}/ablate.log",
        resources:
            mem_mb=memory(3000),
            runtime=120,

    use rule cost as cost_imported with:
        input:
            weights=f"{IMPORTED}/weights.h5",
            netx=f"{IMPORTED}/network.net",
            report=f"{IMPORTED}/conversion.json",
            test=imported_data("binned/test.h5"),
            split=imported_data("splits/main.csv"),
        output:
            table=f"{IMPORTED}/cost.csv",
        log:
            f"{IMPORTED_LOG}/cost.log",
        resources:
            mem_mb=memory(2000),
            runtime=120,


rule plot_imported:
    input:
        weights=expand(f"{IMPORTED}/weights.h5", imported=IMPORTS),
        evaluations=expand(f"{IMPORTED}/evaluation.json", imported=IMPORTS),
        ablations=imported_deployed("ablation.csv"),
    output:
        figure=report(
            "<results>/figures/imported.svg",
            caption="../report/imported.rst",
            category="Results",
        ),
        png="<results>/figures/imported.png",
        finding="<results>/figures/imported.txt",
        table="<results>/tables/imported.csv",
    log:
        "<results>/logs/plot_imported.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        labels=text(IMPORTED_LABELS),
        code=code("scripts/exhibits/results/plot_imported.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/plot_imported.py" '
        "--weights @<(printf '%s\\n' {input.weights:q}) "
        "--evaluations @<(printf '%s\\n' {input.evaluations:q}) "
        "--ablations @<(printf '%s\\n' {input.ablations:q}) --labels {params.labels:q} "
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"


# It asks for the files that a chip or another simulator opens, too.
rule tabulate_imported_networks:
    input:
        weights=expand(f"{IMPORTED}/weights.h5", imported=IMPORTS),
        costs=imported_deployed("cost.csv"),
        others=imported_deployed("fixed_point.json", "network.nir"),
    output:
        table=report(
            "<results>/tables/imported_networks.csv",
            caption="../report/imported_networks.rst",
            category="Results",
        ),
        finding="<results>/tables/imported_networks.txt",
    log:
        "<results>/logs/tabulate_imported_networks.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        labels=text(IMPORTED_LABELS),
        code=code("scripts/exhibits/results/tabulate_imported_networks.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/results/tabulate_imported_networks.py" '
        "--weights @<(printf '%s\\n' {input.weights:q}) "
        "--costs @<(printf '%s\\n' {input.costs:q}) --labels {params.labels:q} "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"
