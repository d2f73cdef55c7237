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
        mem_mb=4000,
        runtime=60,
    params:
        peers=sorted({config["peers_python"] or "python", config["mlgenn"]["python"]}),
        code=code("scripts/benchmark_engine.py", "scripts/benchmark_peer.py"),
    shell:
        "python scripts/benchmark_engine.py --threads 1 {threads} --peers {params.peers:q} "
        "--out {output.table:q} 2>&1 | tee {log:q}"
