"""What the files of a search hold, the keys that are read; see `forms`.

Apart from the code that trains, which takes longer to load than most jobs of a search take.
"""

from spikespeech.forms import COUNT, Number

PROPOSAL = {"proposer": str, "seed": COUNT, "round": COUNT, "points": [dict]}
RECORD = {
    **{"proposer": str, "round": COUNT, "trial": COUNT, "point": dict},
    **{"status": str, "reason": str, "objective": Number()},
    **{key: (None, Number()) for key in ("accuracy", "spikes", "parameters")},
}
