"""matplotlib's backend: what a program shows is a picture in its working folder."""

from matplotlib import pyplot
from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

SHOWN = 0


def show(*_args, **_kwargs):
    """Saves every open figure as `figure-1.png` and so on, says so, and closes it, as a closed window would be."""
    global SHOWN
    for number in pyplot.get_fignums():
        SHOWN += 1
        name = f"figure-{SHOWN}.png"
        pyplot.figure(number).savefig(name)
        pyplot.close(number)
        print(f"[saved {name}]")
