"""Runs the examples and compares what they print."""
import subprocess
import sys

quickstart, subscribe, library = sys.argv[1:4]
passed = failed = 0


def check(name, command, want):
    global passed, failed
    got = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if got.returncode == 0 and got.stdout == want:
        passed += 1
    else:
        failed += 1
        print(f"{name}: exit {got.returncode}, printed\n{got.stdout}{got.stderr}\nwant\n{want}")


check("quickstart", [quickstart], "north\t5\t30\nsouth\t5\t37.5\nnorth\t1\t12\nsouth\t1\t13.5\n")
check("subscribe", [sys.executable, subscribe, library], "+1 NULL\n-1 NULL\n+1 30\n-1 30\n+1 32\n")
print(f"examples: {passed} passed, {failed} failed")
sys.exit(failed != 0)
