# Search of hyper-parameters: propose → trials → propose … → best, unrolled over {round}.
#
# The number of rounds stands in the inputs of `best` alone, so that raising it adds the new
# rounds and redoes nothing. All proposers of an optimiser seed share the rounds of `initial`.
from spikespeech.search import studies
from spikespeech.search.propose import INITIAL, PROPOSERS

# A search that is null in one configuration file drops that of another.
config["search"] = {k: section for k, section in config["search"].items() if section}
try:
    STUDIES = studies.load(config)
    COMPARED = studies.compared(config["comparisons"], STUDIES)
except InputError as error:
    raise WorkflowError(f"configuration: {error}") from None

ROUND = "<results>/search/{search}/{proposer}/seed-{seed}/round-{round}"
CHAIN = "<results>/search/{search}/{proposer}/seed-{seed}"


wildcard_constraints:
    search="[a-z][a-z0-9_]*",
    proposer="|".join((INITIAL, *PROPOSERS)),
    candidate="|".join((studies.DEFAULTS, *PROPOSERS)),
    round="[1-9][0-9]*",
    trial="[1-9][0-9]*",


rule propose:
    input:
        trials=lambda w: STUDIES[w.search].records_before(
            w.proposer, w.seed, int(w.round)
        ),
    output:
        proposal=f"{ROUND}/proposal.json",
        time=f"{ROUND}/proposal.time.json",
    log:
        "<results>/logs/search/{search}/{proposer}/seed-{seed}/round-{round}/proposal.log",
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=lambda w: configuration.text(STUDIES[w.search].proposal_settings()),
        code=code("scripts/search/propose.py"),
    shell:
        'python "$SPIKESPEECH/scripts/search/propose.py" --proposer {wildcards.proposer} --seed {wildcards.seed} '
        "--round {wildcards.round} --trials "
        "@<(printf '%s\\n' {input.trials:q}) --settings {params.settings:q} "
        "--proposal {output.proposal:q} --time {output.time:q} > {log:q} 2>&1"


# A trial's epochs go to its log alone, its one line of result to the terminal, too.
rule trial:
    input:
        proposal=f"{ROUND}/proposal.json",
        spikes=lambda w: STUDIES[w.search].spikes(
            p for p in parts(STUDIES[w.search].dataset) if p != "test"
        ),
        splits=lambda w: STUDIES[w.search].splits(),
    output:
        record=f"{ROUND}/trial-{{trial}}.json",
        time=f"{ROUND}/trial-{{trial}}.time.json",
    log:
        "<results>/logs/search/{search}/{proposer}/seed-{seed}/round-{round}/trial-{trial}.log",
    conda:
        lambda w: environment(searching_backend(w))
    resources:
        gpu=lambda w: registry.BACKENDS[searching_backend(w)].gpus,
        mem_mb=memory(700, neuron=1, hidden=searched_size),
        runtime="1d",
    params:
        settings=lambda w: configuration.text(STUDIES[w.search].trial_settings()),
        python=lambda w: registry.interpreter(searching_backend(w), config),
        device=lambda w: registry.device(searching_backend(w), config),
        code=lambda w: code(
            "scripts/search/trial.py", registry.source(searching_backend(w))
        ),
    shell:
        '{params.python:q} "$SPIKESPEECH/scripts/search/trial.py" --device {params.device} --proposal {input.proposal:q} '
        "--trial {wildcards.trial} "
        "--spikes {input.spikes:q} --splits {input.splits:q} --settings {params.settings:q} "
        "--stamp {params.code:q} --record {output.record:q} --time {output.time:q} "
        "2> {log:q} | tee -a -- {log:q}"


rule best:
    input:
        trials=lambda w: STUDIES[w.search].records(w.proposer, w.seed),
        times=lambda w: STUDIES[w.search].time_files(w.proposer, w.seed),
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
        code=code("scripts/search/best.py"),
    shell:
        'python "$SPIKESPEECH/scripts/search/best.py" --trials '
        "@<(printf '%s\\n' {input.trials:q}) --settings {params.settings:q} "
        "--table {output.table:q} --best {output.best:q} > {log:q} 2>&1"


rule confirm:
    input:
        spikes=lambda w: STUDIES[w.search].spikes(("train", "test")),
        split=lambda w: STUDIES[w.search].split("main"),
        best=lambda w: STUDIES[w.search].best_records(w.candidate),
    output:
        record="<results>/search/{search}/confirm/{candidate}/seed-{seed}.json",
        time="<results>/search/{search}/confirm/{candidate}/seed-{seed}.time.json",
    log:
        "<results>/logs/search/{search}/confirm/{candidate}/seed-{seed}.log",
    conda:
        lambda w: environment(searching_backend(w))
    resources:
        gpu=lambda w: registry.BACKENDS[searching_backend(w)].gpus,
        mem_mb=memory(700, neuron=1, hidden=searched_size),
        runtime="1d",
    params:
        settings=lambda w: configuration.text(STUDIES[w.search].base),
        python=lambda w: registry.interpreter(searching_backend(w), config),
        device=lambda w: registry.device(searching_backend(w), config),
        code=lambda w: code(
            "scripts/search/confirm.py", registry.source(searching_backend(w))
        ),
    shell:
        '{params.python:q} "$SPIKESPEECH/scripts/search/confirm.py" --device {params.device} --spikes {input.spikes:q} --split {input.split:q} '
        "--search {wildcards.search} --candidate {wildcards.candidate} "
        "--best {input.best:q} --settings {params.settings:q} --seed {wildcards.seed} "
        "--stamp {params.code:q} --out {output.record:q} --time {output.time:q} "
        "2> {log:q} | tee -a -- {log:q}"
