"""What to tell a model that ran into a wall of the sandbox."""

NO_PACKAGES = (
    "Only the standard library is available in this sandbox, and packages cannot be installed. Rewrite the code without {name}."
)
SCIENCE = frozenset("matplotlib numpy pandas PIL scipy seaborn sklearn openpyxl".split())
NO_SCIENCE = NO_PACKAGES + " (An operator can add it with `otari sandbox install science`.)"


def explain(error):
    """A line to add to the traceback, or nothing."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        text = NO_SCIENCE if top in SCIENCE else NO_PACKAGES
        return text.format(name=top)
    return None
