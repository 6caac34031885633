"""What is not an operation: a call that sends nothing, importing, and the size of what is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import clip_saver_db
import clip_saver_db.database as db

from rounds import Cost

HERE = Path(__file__).parent
"""No package is beside it that an import would take for the installed one."""
MODULES = ["clip_saver_db", "psycopg", "asyncpg", "tortoise", "sqlalchemy.ext.asyncio"]


async def overhead() -> Cost:
    """A call that the facade answers without the server: what lies between Python and the facade, there and back."""
    costs = []
    for _ in range(25):
        wall, cpu = perf_counter(), process_time()
        for _ in range(500):
            await db.delete_guilds([])
        costs.append(Cost((perf_counter() - wall) / 500, (process_time() - cpu) / 500))
    return Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))


def imports() -> dict[str, float]:
    """Milliseconds of each module's import in a fresh process: medians, in turns."""
    times: dict[str, list[float]] = {module: [] for module in MODULES}
    for _ in range(15):
        for module in MODULES:
            program = f"from time import perf_counter as t; a = t(); import {module}; print((t() - a) * 1000)"
            times[module].append(float(subprocess.check_output([sys.executable, "-c", program], cwd=HERE)))
    return {module: median(taken) for module, taken in times.items()}


def installed_megabytes() -> float:
    """The package's files, as they are installed."""
    folder = Path(clip_saver_db.__file__).parent
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc") / 1e6
