"""What to tell a model that ran into a wall of the sandbox."""

import errno

NO_PACKAGES = (
    "Only the standard library is available in this sandbox, and packages cannot be installed. Rewrite the code without {name}."
)


def explain(error):
    """A line to add to the traceback, or nothing."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return NO_PACKAGES.format(name=top)
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.EFBIG, errno.ENOSPC):
        return "The workspace, or this file, may have reached its size limit."
    return None
