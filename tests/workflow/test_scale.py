"""No job's memory grows with the spikes of its data: `scale.py` at a smaller size."""

import pytest
from scale import study

# Bytes that a job may take for each further utterance of the training part: a quarter of its
# spikes, which are 32 kB when binned. At SSC's 75,466 utterances that is 600 MB.
LIMIT = 8192
# Even of the few, every part fills the buffers. A training keeps them in memory, 145 MB
# (`stored.load_if_small`); of the many the validation side alone: all, 435 MB, would be noticed.
FEW, MANY = 4000, 12000
# They hold some thousand examples at once, of data of any size.
BY_THE_THOUSAND = ("ablate", "cost")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_spikes(tmp_path):
    peaks = []
    for n in (FEW, MANY):
        folder = tmp_path / str(n)
        folder.mkdir()
        jobs = study(folder, n, hidden=16, leave_out=BY_THE_THOUSAND)
        peaks.append({name: peak for name, peak, *_ in jobs})
    grown = {name: (peaks[1][name] - peaks[0][name]) * 2**20 / (MANY - FEW) for name in peaks[0]}
    assert len(grown) > 8
    assert {name: round(by) for name, by in grown.items() if by > LIMIT} == {}
