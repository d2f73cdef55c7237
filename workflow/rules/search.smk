# Search of hyper-parameters: propose → trials → propose … → best, unrolled over {round}.
#
# The number of rounds stands in the inputs of `best` alone, so that raising it adds the new
# rounds and redoes nothing. All proposers of an optimiser seed share the rounds of `initial`.
from spikespeech import studies

# A search that is null in one configuration file drops that of another.
config["search"] = {k: section for k, section in config["search"].items() if section}
try:
    STUDIES = studies.load(config)
except InputError as error:
    raise WorkflowError(f"configuration: {error}") from None

ROUND = "<results>/search/{search}/{proposer}/seed-{seed}/round-{round}"
CHAIN = "<results>/search/{search}/{proposer}/seed-{seed}"
CHAINS = [
    path
    for study in STUDIES.values()
    for path in study.chains("{proposer}/seed-{seed}/trials.csv")
]
LABELS = {name: label(study.dataset) for name, study in STUDIES.items()}
SPACES = {
    name: {"label": LABELS[name], "space": study.space}
    for name, study in STUDIES.items()
}


wildcard_constraints:
    search="[a-z][a-z0-9_]*",
    proposer="initial|bayesian|evolutionary|random|grid",
    candidate="defaults|bayesian|evolutionary|random|grid",
    round="[1-9][0-9]*",
    trial="[1-9][0-9]*",


rule propose:
    input:
        trials=lambda w: STUDIES[w.search].earlier(w.proposer, w.seed, int(w.round)),
    output:
        proposal=f"{ROUND}/proposal.json",
        time=f"{ROUND}/proposal.time.json",
    log:
        "<results>/logs/search/{search}/{proposer}/seed-{seed}/round-{round}/proposal.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=lambda w: configuration.text(STUDIES[w.search].proposing()),
        code=code("scripts/propose.py"),
    shell:
        "python scripts/propose.py --proposer {wildcards.proposer} --seed {wildcards.seed} "
        "--round {wildcards.round} --trials {input.trials:q} --settings {params.settings:q} "
        "--proposal {output.proposal:q} --time {output.time:q} > {log:q} 2>&1"


# A trial's epochs go to its log alone, its one line of result to the terminal, too.
rule trial:
    input:
        proposal=f"{ROUND}/proposal.json",
        spikes=lambda w: STUDIES[w.search].spikes(
            p for p in REGISTRY[STUDIES[w.search].dataset].parts if p != "test"
        ),
        splits=lambda w: STUDIES[w.search].splits(),
    output:
        record=f"{ROUND}/trial-{{trial}}.json",
        time=f"{ROUND}/trial-{{trial}}.time.json",
    log:
        "<results>/logs/search/{search}/{proposer}/seed-{seed}/round-{round}/trial-{trial}.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(700, neuron=1, hidden=searched_size),
        runtime="1d",
    params:
        settings=lambda w: configuration.text(STUDIES[w.search].trying()),
        code=lambda w: code(
            "scripts/trial.py", BACKENDS[STUDIES[w.search].base["backend"]]
        ),
    shell:
        "python scripts/trial.py --proposal {input.proposal:q} --trial {wildcards.trial} "
        "--spikes {input.spikes:q} --splits {input.splits:q} --settings {params.settings:q} "
        "--stamp {params.code:q} --record {output.record:q} --time {output.time:q} "
        "2> {log:q} | tee -a -- {log:q}"


rule best:
    input:
        trials=lambda w: STUDIES[w.search].records(w.proposer, w.seed),
        times=lambda w: STUDIES[w.search].times(w.proposer, w.seed),
    output:
        table=f"{CHAIN}/trials.csv",
        best=f"{CHAIN}/best.json",
    log:
        "<results>/logs/search/{search}/{proposer}/seed-{seed}/best.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=lambda w: configuration.text(
            {"search": w.search, "proposer": w.proposer, "seed": int(w.seed)}
        ),
        code=code("scripts/best.py"),
    shell:
        "python scripts/best.py --trials {input.trials:q} --settings {params.settings:q} "
        "--table {output.table:q} --best {output.best:q} > {log:q} 2>&1"


rule confirm:
    input:
        spikes=lambda w: STUDIES[w.search].spikes(("train", "test")),
        split=lambda w: STUDIES[w.search].split("main"),
        best=lambda w: STUDIES[w.search].bests(w.candidate),
    output:
        "<results>/search/{search}/confirm/{candidate}/seed-{seed}.json",
    log:
        "<results>/logs/search/{search}/confirm/{candidate}/seed-{seed}.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(700, neuron=1, hidden=searched_size),
        runtime="1d",
    params:
        settings=lambda w: configuration.text(STUDIES[w.search].base),
        code=lambda w: code(
            "scripts/confirm.py", BACKENDS[STUDIES[w.search].base["backend"]]
        ),
    shell:
        "python scripts/confirm.py --spikes {input.spikes:q} --split {input.split:q} "
        "--best {input.best:q} --settings {params.settings:q} --seed {wildcards.seed} "
        "--stamp {params.code:q} --out {output:q} 2> {log:q} | tee -a -- {log:q}"


rule tabulate_search_comparison:
    input:
        CHAINS,
    output:
        table=report(
            "<results>/tables/search_comparison.csv",
            caption="../report/search_comparison.rst",
            category="Search",
        ),
        finding="<results>/tables/search_comparison.txt",
    log:
        "<results>/logs/tabulate_search_comparison.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/tabulate_search_comparison.py"),
    shell:
        "python scripts/tabulate_search_comparison.py --trials {input:q} "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"


rule tabulate_search_best:
    input:
        CHAINS,
    output:
        table=report(
            "<results>/tables/search_best.csv",
            caption="../report/search_best.rst",
            category="Search",
        ),
        finding="<results>/tables/search_best.txt",
    log:
        "<results>/logs/tabulate_search_best.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        code=code("scripts/tabulate_search_best.py"),
    shell:
        "python scripts/tabulate_search_best.py --trials {input:q} "
        "--table {output.table:q} --finding {output.finding:q} > {log:q} 2>&1"


rule plot_search_convergence:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_convergence.svg",
            caption="../report/search_convergence.rst",
            category="Search",
        ),
        png="<results>/figures/search_convergence.png",
        finding="<results>/figures/search_convergence.txt",
        table="<results>/tables/search_convergence.csv",
    log:
        "<results>/logs/plot_search_convergence.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text(
            {
                name: {"label": LABELS[name], "initial": study.initial["trials"]}
                for name, study in STUDIES.items()
            }
        ),
        code=code("scripts/plot_search_convergence.py"),
    shell:
        "python scripts/plot_search_convergence.py --trials {input:q} "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_dependence:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_dependence.svg",
            caption="../report/search_dependence.rst",
            category="Search",
        ),
        png="<results>/figures/search_dependence.png",
        finding="<results>/figures/search_dependence.txt",
        table="<results>/tables/search_dependence.csv",
    log:
        "<results>/logs/plot_search_dependence.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text(SPACES),
        code=code("scripts/plot_search_dependence.py"),
    shell:
        "python scripts/plot_search_dependence.py --trials {input:q} "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_pairwise:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_pairwise.svg",
            caption="../report/search_pairwise.rst",
            category="Search",
        ),
        png="<results>/figures/search_pairwise.png",
        finding="<results>/figures/search_pairwise.txt",
        table="<results>/tables/search_pairwise.csv",
    log:
        "<results>/logs/plot_search_pairwise.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text(SPACES),
        code=code("scripts/plot_search_pairwise.py"),
    shell:
        "python scripts/plot_search_pairwise.py --trials {input:q} "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_trials:
    input:
        CHAINS,
    output:
        figure=report(
            "<results>/figures/search_trials.svg",
            caption="../report/search_trials.rst",
            category="Search",
        ),
        png="<results>/figures/search_trials.png",
        finding="<results>/figures/search_trials.txt",
        table="<results>/tables/search_trials.csv",
    log:
        "<results>/logs/plot_search_trials.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text(SPACES),
        code=code("scripts/plot_search_trials.py"),
    shell:
        "python scripts/plot_search_trials.py --trials {input:q} "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"


rule plot_search_confirmation:
    input:
        [path for study in STUDIES.values() for path in study.confirmations()],
    output:
        figure=report(
            "<results>/figures/search_confirmation.svg",
            caption="../report/search_confirmation.rst",
            category="Search",
        ),
        png="<results>/figures/search_confirmation.png",
        finding="<results>/figures/search_confirmation.txt",
        table="<results>/tables/search_confirmation.csv",
    log:
        "<results>/logs/plot_search_confirmation.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=text(
            [
                {"search": name, "label": LABELS[name], "candidate": candidate}
                for name, study in STUDIES.items()
                for candidate in study.candidates()
                for _ in study.confirm
            ]
        ),
        code=code("scripts/plot_search_confirmation.py"),
    shell:
        "python scripts/plot_search_confirmation.py --records {input:q} "
        "--settings {params.settings:q} --table {output.table:q} "
        "--finding {output.finding:q} --figure {output.figure:q} > {log:q} 2>&1"
