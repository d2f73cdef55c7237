# Figures and tables of networks as integers: accuracy, arithmetic, conversion, cost.


rule plot_deployment:
    input:
        evaluations="<results>/tables/evaluations.csv",
        fixed_point=networks(f"{NETWORK}/fixed_point.json"),
    output:
        figure=report(
            "<results>/figures/deployment.svg",
            caption="../../report/deployment.rst",
            category="Deployment",
        ),
        png="<results>/figures/deployment.png",
        finding="<results>/figures/deployment.txt",
        table="<results>/tables/deployment.csv",
    log:
        "<results>/logs/plot_deployment.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        code=code(
            "scripts/exhibits/deployment/plot_deployment.py",
            f"{PUBLISHED}/networks.csv",
            f"{PUBLISHED}/loihi.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/deployment/plot_deployment.py" --evaluations {input.evaluations:q} '
        "--fixed-point @<(printf '%s\\n' {input.fixed_point:q}) "
        "--table {output.table:q} --finding {output.finding:q} --figure {output.figure:q} "
        "> {log:q} 2>&1"


rule tabulate_inference_cost:
    input:
        evaluations="<results>/tables/evaluations.csv",
        cost=networks(f"{NETWORK}/cost.csv"),
    output:
        table=report(
            "<results>/tables/inference_cost.csv",
            caption="../../report/inference_cost.rst",
            category="Cost",
        ),
        finding="<results>/tables/inference_cost.txt",
    log:
        "<results>/logs/tabulate_inference_cost.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code(
            "scripts/exhibits/cost/tabulate_inference_cost.py",
            f"{PUBLISHED}/inference.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/cost/tabulate_inference_cost.py" --evaluations {input.evaluations:q} '
        "--cost "
        "@<(printf '%s\\n' {input.cost:q}) --labels {params.labels:q} --table {output.table:q} "
        "--finding {output.finding:q} > {log:q} 2>&1"


rule plot_fixed_point:
    input:
        evaluations="<results>/tables/evaluations.csv",
        results=networks(f"{NETWORK}/fixed_point.json"),
    output:
        figure=report(
            "<results>/figures/fixed_point.svg",
            caption="../../report/fixed_point.rst",
            category="Deployment",
        ),
        png="<results>/figures/fixed_point.png",
        finding="<results>/figures/fixed_point.txt",
        table="<results>/tables/fixed_point.csv",
    log:
        "<results>/logs/plot_fixed_point.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code(
            "scripts/exhibits/deployment/plot_fixed_point.py",
            f"{PUBLISHED}/networks.csv",
        ),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/deployment/plot_fixed_point.py" --evaluations {input.evaluations:q} '
        "--results @<(printf '%s\\n' {input.results:q}) "
        "--labels {params.labels:q} --table {output.table:q} --finding {output.finding:q} "
        "--figure {output.figure:q} > {log:q} 2>&1"


rule plot_ablation:
    input:
        results=studied(f"{NETWORK}/ablation.csv"),
    output:
        figure=report(
            "<results>/figures/ablation.svg",
            caption="../../report/ablation.rst",
            category="Deployment",
        ),
        png="<results>/figures/ablation.png",
        finding="<results>/figures/ablation.txt",
        table="<results>/tables/ablation.csv",
    log:
        "<results>/logs/plot_ablation.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/deployment/plot_ablation.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/deployment/plot_ablation.py" --results '
        "@<(printf '%s\\n' {input.results:q}) "
        "--labels {params.labels:q} --table {output.table:q} --finding {output.finding:q} "
        "--figure {output.figure:q} > {log:q} 2>&1"


rule plot_word_lengths:
    input:
        results=studied(f"{NETWORK}/word_lengths.csv"),
    output:
        figure=report(
            "<results>/figures/word_lengths.svg",
            caption="../../report/word_lengths.rst",
            category="Deployment",
        ),
        png="<results>/figures/word_lengths.png",
        finding="<results>/figures/word_lengths.txt",
        table="<results>/tables/word_lengths.csv",
    log:
        "<results>/logs/plot_word_lengths.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/deployment/plot_word_lengths.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/deployment/plot_word_lengths.py" --results '
        "@<(printf '%s\\n' {input.results:q}) "
        "--labels {params.labels:q} --table {output.table:q} --finding {output.finding:q} "
        "--figure {output.figure:q} > {log:q} 2>&1"


rule tabulate_conversion:
    input:
        reports=networks(f"{NETWORK}/conversion.json"),
        netx=networks(f"{NETWORK}/network.net"),
        nir=nir_files(),
    output:
        table=report(
            "<results>/tables/conversion.csv",
            caption="../../report/conversion.rst",
            category="Deployment",
        ),
        finding="<results>/tables/conversion.txt",
    log:
        "<results>/logs/tabulate_conversion.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/deployment/tabulate_conversion.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/deployment/tabulate_conversion.py" --reports '
        "@<(printf '%s\\n' {input.reports:q}) "
        "--labels {params.labels:q} "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"


rule tabulate_cost:
    input:
        costs=networks(f"{NETWORK}/cost.csv"),
    output:
        table=report(
            "<results>/tables/cost.csv",
            caption="../../report/cost.rst",
            category="Cost",
        ),
        finding="<results>/tables/cost.txt",
    log:
        "<results>/logs/tabulate_cost.log",
    conda:
        "../../../envs/spikespeech.yaml"
    params:
        labels=text(LABELS),
        code=code("scripts/exhibits/cost/tabulate_cost.py"),
    shell:
        'python "$SPIKESPEECH/scripts/exhibits/cost/tabulate_cost.py" --costs '
        "@<(printf '%s\\n' {input.costs:q}) "
        "--labels {params.labels:q} --table {output.table:q} "
        "--finding {output.finding:q} > {log:q} 2>&1"
