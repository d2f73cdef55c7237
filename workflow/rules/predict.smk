# What the study's trainings will take: not part of `all`, and needs no data. Run
# `snakemake predict_cost --configfile config/paper.yaml`.


rule predict_cost:
    output:
        table="<results>/tables/predicted_cost.csv",
        finding="<results>/tables/predicted_cost.txt",
    log:
        "<results>/logs/predict_cost.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text(
            {
                key: config[key]
                for key in (
                    "datasets",
                    "time",
                    "splits",
                    "networks",
                    "training",
                    "normalise_losses",
                    "losses",
                    "overrides",
                    "search",
                    "deployment",
                )
            }
        ),
        code=code(
            "scripts/benchmark/predict_cost.py",
            "scripts/benchmark/benchmark_engine.py",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/benchmark/predict_cost.py" --settings {params.settings:q} --table {output.table:q} '
        "--finding {output.finding:q} 2>&1 | tee {log:q}"
