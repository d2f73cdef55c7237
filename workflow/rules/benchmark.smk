# The engine's speed and memory on this machine, beside its peers: not part of `all`. Run
# `snakemake benchmark_engine`; peers take part where `peers_python`, `mlgenn.python` or `python` has
# them (envs/peers.txt, envs/mlgenn.txt), and are listed as not run where none has.


rule benchmark_engine:
    output:
        table="<results>/benchmarks/engine.csv",
    log:
        "<results>/logs/benchmarks/engine.log",
    conda:
        "../../envs/peers.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        peers=sorted({config["peers_python"] or "python", config["mlgenn"]["python"]}),
        code=code(
            "scripts/benchmark/benchmark_engine.py",
            "scripts/benchmark/benchmark_peer.py",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/benchmark/benchmark_engine.py" --threads 1 {threads} '
        "--delays 300 --peers {params.peers:q} --out {output.table:q} 2>&1 | tee -- {log:q}"


# A step of training by EventProp and by BPTT; the latter where `peers_python` has Spyx. One thread
# works; the other keeps the next job from disturbing it.
rule benchmark_training:
    output:
        table="<results>/benchmarks/training.csv",
    log:
        "<results>/logs/benchmarks/training.log",
    conda:
        "../../envs/peers.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        settings=text(config["benchmark"]),
        peers=config["peers_python"] or "",
        code=code(
            "scripts/benchmark/benchmark_training.py",
            "scripts/benchmark/benchmark_engine.py",
            "scripts/benchmark/benchmark_peer.py",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/benchmark/benchmark_training.py" --settings {params.settings:q} '
        "--peers={params.peers:q} --out {output.table:q} > {log:q} 2>&1"


rule plot_training_cost:
    input:
        measured="<results>/benchmarks/training.csv",
    output:
        figure=report(
            "<results>/figures/training_cost.svg",
            caption="../report/training_cost.rst",
            category="Cost",
        ),
        png="<results>/figures/training_cost.png",
        finding="<results>/figures/training_cost.txt",
        table="<results>/tables/training_cost.csv",
    log:
        "<results>/logs/plot_training_cost.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/cost/plot_training_cost.py",
            f"{PUBLISHED}/benchmark.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/cost/plot_training_cost.py" --measured {input.measured:q} '
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"
