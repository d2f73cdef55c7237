from snakemake.utils import min_version

min_version("9.16")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/functions.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/exhibits/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/exhibits/search.smk"
include: "workflow/rules/exhibits/published.smk"
include: "workflow/rules/exhibits/results.smk"


if config["deployment"]:

    include: "workflow/rules/deploy.smk"
    include: "workflow/rules/exhibits/deployment.smk"


include: "workflow/rules/exhibits/illustrations.smk"
include: "workflow/rules/exhibits/losses.smk"
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


# To keep to Snakemake's default limit, of 100 jobs a second, its scheduler comes back to all waiting
# jobs every second, once more for each job that has started: after 100 jobs it takes a quarter of a
# core. Without the limit it looks when a job has ended. One that the user has set stays.
onstart:
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
