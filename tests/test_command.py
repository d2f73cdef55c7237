"""What ends a script: errors that a user can mend, in one line."""

import pytest

from spikespeech import command
from spikespeech.errors import InputError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("is empty", file="a.h5", hint="fetch it"), "error: a.h5: is empty (fetch it)"),
        (MemoryError("Unable to allocate 3 TiB"), "error: out of memory: Unable to allocate 3 TiB"),
        (MemoryError(), "error: out of memory"),
        (OSError(28, "No space left on device", "a.h5"), "error: a.h5: No space left on device"),
    ],
)
def test_an_error_that_a_user_can_mend_is_one_line(error, said):
    def fail(_):
        raise error

    with pytest.raises(SystemExit) as stopped:
        command.run(fail, None)
    assert stopped.value.code == said
