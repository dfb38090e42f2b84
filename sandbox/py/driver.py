"""The Python inside Otari's sandbox: keeps one `__main__` and runs cells in it.

Runs twice. While the component is built, every module of MODULES is imported, and the interpreter is frozen in that
state: the component has no file system with a standard library, so nothing else can be imported later. In a session,
`exec` is called once for each cell.
"""

import wit_world

from cells import Cells
from modules import MODULES
from platform_limits import apply
from preload import preload

preload(MODULES)
CELLS = Cells()
STARTED = False


class WitWorld(wit_world.WitWorld):
    def exec(self, code: str) -> int:
        global STARTED
        if not STARTED:
            STARTED = True
            apply()
        return CELLS.run(code)
