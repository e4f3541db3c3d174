"""The faults a command can end with on purpose; anything else is a bug of ours."""


class UserError(Exception):
    """Something the person at the keyboard can mend: a spec, a data file, a missing folder (exit code 2).

    The message is what they read: where it is, what is wrong, what to do; several lines for several faults.
    """


class RunFailed(Exception):
    """Training or prediction went wrong although the input was sound (exit code 3)."""


class Interrupted(BaseException):
    """A signal asked us to stop, and what was done so far is kept (exit code 75); nothing that handles faults may swallow it."""


class Aborted(BaseException):
    """A second Ctrl-C: stop at once (exit code 130)."""


class PeerLost(BaseException):
    """One of the processes that share our work is gone, and we cannot go on without it (exit code 3)."""
