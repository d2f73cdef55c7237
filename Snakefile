from snakemake.utils import min_version

min_version("9.16")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/functions.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/data_figures.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/search_figures.smk"
include: "workflow/rules/published.smk"
include: "workflow/rules/figures.smk"


if config["deployment"]:

    include: "workflow/rules/deploy.smk"
    include: "workflow/rules/deployment_figures.smk"


include: "workflow/rules/illustrations.smk"
include: "workflow/rules/losses.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/mlgenn.smk"
include: "workflow/rules/methods.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "<results>/report/report.html",
        "<results>/report/report.pdf",
