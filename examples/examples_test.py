"""Runs the examples and compares what they print; links one as weir.pc says."""
import os
import re
import subprocess
import sys
import tempfile

quickstart, subscribe, library, archive, pkgconfig = sys.argv[1:6]
here = os.path.dirname(os.path.abspath(__file__))
passed = failed = 0


def check(name, command, want):
    global passed, failed
    got = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if got.returncode == 0 and got.stdout == want:
        passed += 1
    else:
        failed += 1
        print(f"{name}: exit {got.returncode}, printed\n{got.stdout}{got.stderr}\nwant\n{want}")


quickstart_prints = "north\t5\t30\nsouth\t5\t37.5\nnorth\t1\t12\nsouth\t1\t13.5\n"
check("quickstart", [quickstart], quickstart_prints)
with tempfile.TemporaryDirectory() as empty, open(pkgconfig) as file:
    private = re.search(r"^Libs.private: (.*)", file.read(), re.M).group(1).split()
    linked = os.path.join(empty, "quickstart")
    source, include = os.path.join(here, "quickstart.c"), os.path.join(here, "../include")
    check("link with libweir.a", ["cc", source, "-I" + include, archive, *private, "-o", linked], "")
    check("quickstart with libweir.a", [linked], quickstart_prints)
check("subscribe", [sys.executable, subscribe, library], "+1 NULL\n-1 NULL\n+1 30\n-1 30\n+1 32\n")
print(f"examples: {passed} passed, {failed} failed")
sys.exit(failed != 0)
