import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.16")

# Where this workflow lies: a run starts in any folder, by the link workflow/Snakefile, too, and
# another workflow may take this one as a module. Jobs find their scripts and the library by these
# variables, which no command line holds: a checkout that moves reruns nothing.
HERE = Path(workflow.current_basedir).resolve()
ROOT = (
    HERE if (HERE / "workflow").is_dir() else HERE.parent
)  # a copy may have made a file of the link
MAIN = Path(workflow.main_snakefile).resolve().parent in (ROOT, ROOT / "workflow")
LIBRARY = str(ROOT / "workflow")
sys.path.insert(0, LIBRARY)
inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
libraries = [LIBRARY, *(path for path in inherited if path not in ("", LIBRARY))]
# Jobs run the Python that runs Snakemake, activated or not.
programs = [str(Path(sys.executable).parent), *os.get_exec_path()]
os.environ |= {
    "SPIKESPEECH": str(ROOT),
    "PYTHONPATH": os.pathsep.join(libraries),
    "PATH": os.pathsep.join(programs),
}
# Images of containers set it: then each job compiles pandas and Matplotlib anew, for 3 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from spikespeech import schema
from spikespeech.errors import InputError

# Another folder that it runs in may have settings of its own where Snakemake's workflows have them.
SETTINGS = [ROOT / "config/config.yaml"]
if MAIN and Path("config/config.yaml").is_file() and Path.cwd() != ROOT:
    SETTINGS.append(Path("config/config.yaml"))
# Snakemake, which reads them next, ends in a traceback over some.
try:
    for file in SETTINGS:
        schema.check_file(file)
except InputError as error:
    raise WorkflowError(str(error)) from None


configfile: str(SETTINGS[0])


if len(SETTINGS) > 1:

    configfile: str(SETTINGS[1])


include: ROOT / "workflow/rules/common.smk"
include: ROOT / "workflow/rules/functions.smk"
include: ROOT / "workflow/rules/functions_of_methods.smk"
include: ROOT / "workflow/rules/data.smk"
include: ROOT / "workflow/rules/exhibits/data.smk"
include: ROOT / "workflow/rules/train.smk"
include: ROOT / "workflow/rules/search.smk"
include: ROOT / "workflow/rules/exhibits/search.smk"


if config["comparisons"]:

    include: ROOT / "workflow/rules/exhibits/comparisons.smk"


include: ROOT / "workflow/rules/exhibits/drawn.smk"
include: ROOT / "workflow/rules/exhibits/results.smk"


if config["deployment"]:

    include: ROOT / "workflow/rules/deploy.smk"
    include: ROOT / "workflow/rules/exhibits/deployment.smk"


include: ROOT / "workflow/rules/imports.smk"
include: ROOT / "workflow/rules/exhibits/losses.smk"
include: ROOT / "workflow/rules/exhibits/generalisation.smk"
include: ROOT / "workflow/rules/benchmark.smk"
include: ROOT / "workflow/rules/mlgenn.smk"
include: ROOT / "workflow/rules/methods.smk"
include: ROOT / "workflow/rules/linear.smk"
include: ROOT / "workflow/rules/predict.smk"
include: ROOT / "workflow/rules/report.smk"


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
