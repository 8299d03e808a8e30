"""Runs the Python blocks of docs/guide/python.md, and the cells of the notebook, on the results of the quick sweep.

    python tests/python_page.py RUNNER RESULTS

RESULTS is the folder that holds the sweep `quick`. The blocks run in one session, in order, in a temporary folder where
`results` is RESULTS and `runner` is RUNNER. Needs: numpy, safetensors, pandas, matplotlib.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path


def blocks(page):
    """Returns the Python blocks of a page of Markdown."""
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def run(name, pieces):
    """Executes pieces of code in one session; a failure names the piece."""
    session = {"__name__": "__main__"}
    for number, code in enumerate(pieces, 1):
        exec(compile(code, f"{name}, piece {number}", "exec"), session)
    return session


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    runner, results = (Path(argument).resolve() for argument in sys.argv[1:])
    root = Path(__file__).resolve().parent.parent
    page = blocks((root / "docs/guide/python.md").read_text())
    notebook = json.loads((root / "examples/sweep.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "bin").mkdir()
        (folder / "bin/runner").symlink_to(runner)
        (folder / "results").symlink_to(results)
        os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        os.environ["MPLBACKEND"] = "Agg"
        os.chdir(folder)
        session = run("docs/guide/python.md", page)
        if not Path("curves.png").stat().st_size or session["curves"].empty:
            sys.exit("the page plots nothing")
        run("examples/sweep.ipynb", cells)
        os.chdir(root)
    print(f"{len(page)} blocks and {len(cells)} cells run")


main()
