# From the internet, a synthesiser or the user's own files to spikes, all in SHD's HDF5 layout,
# then on the study's grid of time steps.
# Data sets that have a validation part of their own, of those that the study uses.
WITH_VALID = {name for name in planning.uses(config) if "valid" in parts(name)}


# Downloads run where Snakemake was started: compute nodes often have no internet.
rule download:
    output:
        "<results>/data/{dataset}/{part}.h5",
    log:
        "<results>/logs/data/{dataset}/{part}.log",
    wildcard_constraints:
        dataset=made_by("download"),
    localrule: True
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        runtime=240,
    params:
        settings=lambda w: configuration.text(config["datasets"][w.dataset]),
        code=code("scripts/data/download.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/download.py" --dataset {wildcards.dataset} --part {wildcards.part} '
        "--settings {params.settings:q} --out {output:q} 2>&1 | tee -- {log:q}"


rule download_recordings:
    output:
        "<results>/data/{dataset}/recordings.tar.gz",
    log:
        "<results>/logs/data/{dataset}/recordings.log",
    wildcard_constraints:
        dataset=made_by("audio"),
    localrule: True
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=lambda w: configuration.text(
            {"archive": config["datasets"][w.dataset]["archive"]}
        ),
        code=code("scripts/data/download.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/download.py" --dataset {wildcards.dataset} --part all '
        "--settings {params.settings:q} --out {output:q} 2>&1 | tee -- {log:q}"


rule synthesise:
    output:
        train="<results>/data/{dataset}/train.h5",
        test="<results>/data/{dataset}/test.h5",
    log:
        "<results>/logs/data/{dataset}/synthesise.log",
    wildcard_constraints:
        dataset=made_by("synthesise"),
    conda:
        "../../envs/spikespeech.yaml"
    threads: 8
    resources:
        mem_mb=memory(2000),
    params:
        settings=lambda w: configuration.text(config["datasets"][w.dataset]),
        code=code("scripts/data/synthesise.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/synthesise.py" --settings {params.settings:q} --threads {threads} '
        "--train {output.train:q} --test {output.test:q} 2>&1 | tee -- {log:q}"


rule convert_audio:
    input:
        recordings,
    output:
        train="<results>/data/{dataset}/train.h5",
        test="<results>/data/{dataset}/test.h5",
    log:
        "<results>/logs/data/{dataset}/convert_audio.log",
    wildcard_constraints:
        dataset=made_by("audio", valid=False),
    conda:
        "../../envs/spikespeech.yaml"
    threads: 8
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        settings=lambda w: configuration.text(config["datasets"][w.dataset]),
        archive=archive,
        outputs=outputs,
        code=code("scripts/data/convert_audio.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/convert_audio.py" --dataset {wildcards.dataset} '
        "--settings {params.settings:q} {params.archive} --threads {threads} "
        "{params.outputs} 2>&1 | tee -- {log:q}"


use rule convert_audio as convert_audio_with_valid with:
    output:
        train="<results>/data/{dataset}/train.h5",
        valid="<results>/data/{dataset}/valid.h5",
        test="<results>/data/{dataset}/test.h5",
    wildcard_constraints:
        dataset=made_by("audio", valid=True),


# tonic downloads what its folder has not, so that it runs where the workflow does.
rule import_tonic:
    output:
        train="<results>/data/{dataset}/train.h5",
        test="<results>/data/{dataset}/test.h5",
    log:
        "<results>/logs/data/{dataset}/import_tonic.log",
    wildcard_constraints:
        dataset=made_by("tonic", valid=False),
    localrule: True
    conda:
        "../../envs/spikespeech.yaml"
    params:
        settings=lambda w: configuration.text(config["datasets"][w.dataset]),
        outputs=outputs,
        code=code("scripts/data/import_tonic.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/import_tonic.py" --name {wildcards.dataset} '
        "--settings {params.settings:q} {params.outputs} 2>&1 | tee -- {log:q}"


use rule import_tonic as import_tonic_with_valid with:
    output:
        train="<results>/data/{dataset}/train.h5",
        valid="<results>/data/{dataset}/valid.h5",
        test="<results>/data/{dataset}/test.h5",
    wildcard_constraints:
        dataset=made_by("tonic", valid=True),


# The other parts tell which number each class has in all of them.
rule import_spikes:
    input:
        file=lambda w: config["datasets"][w.dataset][w.part],
        parts=lambda w: [
            config["datasets"][w.dataset][part] for part in parts(w.dataset)
        ],
    output:
        "<results>/data/{dataset}/{part}.h5",
    log:
        "<results>/logs/data/{dataset}/{part}.log",
    wildcard_constraints:
        dataset=made_by("spikes"),
    conda:
        "../../envs/spikespeech.yaml"
    params:
        channels=lambda w: datasets.channels(w.dataset, config["datasets"][w.dataset]),
        code=code("scripts/data/import_spikes.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/import_spikes.py" --channels {params.channels} '
        "--out {output:q} --parts {input.parts:q} -- {input.file:q} 2>&1 | tee -- {log:q}"


# The grid of all data sets, or that of a search of its own.
rule bin_spikes:
    input:
        "<results>/data/{dataset}/{part}.h5",
    output:
        "<results>/data/{dataset}/binned{grid}/{part}.h5",
    log:
        "<results>/logs/data/{dataset}/binned{grid}/{part}.log",
    conda:
        "../../envs/spikespeech.yaml"
    resources:
        mem_mb=memory(1000),
    params:
        settings=binning,
        code=code("scripts/data/bin_spikes.py"),
    shell:
        'python "$SPIKESPEECH/scripts/data/bin_spikes.py" {input:q} --settings {params.settings:q} --out {output:q} '
        "2>&1 | tee -- {log:q}"
