"""The command line over the fake engine. usage: cli_test.py WEIR_FAKE"""
import fcntl, os, pty, re, signal, struct, subprocess, sys, tempfile, termios, time

passed = failed = 0
weir = os.path.abspath(sys.argv[1])


def check_equal(got, want, what):
    global passed, failed
    if got == want:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what}: got {got!r}, want {want!r}", file=sys.stderr)


def check_in(part, whole, what):
    check_equal(part if part in whole else whole, part, what)


def run(*args, **options):
    done = subprocess.run([weir, *args], capture_output=True, text=True, timeout=30, **options)
    return done.returncode, done.stdout, done.stderr


def script(text):
    file = tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False)
    file.write(text)
    file.close()
    return file.name


def test_usage():
    check_equal(run("--version")[:2], (0, "weir 0.1.0\n"), "--version")
    for args in [["--help"], ["-h"], ["help"], ["run", "--help"], ["serve", "-h"]]:
        code, out, _ = run(*args)
        check_equal((code, "--memory SIZE" in out), (0, True), f"help by {args}")
    for args, message in [
        ([], "usage:"),
        (["dance"], "unknown command: dance"),
        (["run"], "a script is needed"),
        (["run", "--dance", "x"], "unknown option: --dance"),
        (["run", "--memory", "lots", "x"], "not a size like 512MB or 4GB: lots"),
        (["run", "--memory", "-5", "x"], "not a size"),
        (["serve", "--memory"], "a size is needed"),
        (["run", "--workers=0", "x"], "not a number of workers: 0"),
        (["run", "--data"], "a directory is needed"),
        (["serve", "x"], "unexpected argument: x"),
        (["serve", "--exit-when-caught-up"], "unknown option"),
    ]:
        code, _, err = run(*args)
        check_equal(code, 2, f"exit code of {args}")
        check_in(message, err, f"message of {args}")
    code, _, err = run("run", "/no/such.sql")
    check_equal((code, "could not open /no/such.sql" in err), (1, True), "no such file")


def test_run():
    path = script("select generate 2; -- a comment\nnotice hello;\ncopy t from stdin;\n1\n2\n\\.\nselect count; create t")
    code, out, err = run("run", "--exit-when-caught-up", "--memory", "1.5GB", path)
    check_equal((code, out), (0, "1\n2\n2\n"), "rows of a script")
    check_in("NOTICE: hello\n", err, "notices")
    code, _, err = run("run", "--exit-when-caught-up", "--quiet", path)
    check_equal("NOTICE" in err, False, "--quiet")
    code, out, _ = run("run", "--exit-when-caught-up", "-", input="select 7")
    check_equal((code, out), (0, "7\n"), "from stdin")


def test_errors():
    path = script("select 1;\n  -- grüße\n\tselect 2; frobnicate it;\nselect 3")
    code, out, err = run("run", path)
    check_equal((code, out), (1, "1\n2\n"), "stops at the first error")
    check_in(f"{path}:3:12: error: syntax error at or near \"frobnicate\" (42601)\n"
             "  \tselect 2; frobnicate it;\n  \t          ^\n", err, "the place of an error")
    path = script("select 1;\n\n-- why\nselect fail 0;")
    _, _, err = run("run", path)
    check_in(f"{path}:4:1: error: division by zero (22012)\n  select fail 0;\n  ^\n", err, "an error without position")
    path = script("copy t from stdin;\n1\n")
    check_in("do not end with a line \\.", run("run", path)[2], "COPY without an end")
    path = script("copy t from stdin;\nbad\n\\.\n")
    check_in("invalid input syntax", run("run", path)[2], "COPY with a bad line")
    path = script("begin;\nselect 1;\n")
    code, _, err = run("run", "--exit-when-caught-up", path)
    check_equal(code, 1, "no COMMIT")
    check_in(f"{path}: error: the script ends inside a transaction: COMMIT is missing (25001)\n", err, "no COMMIT")
    path = script("select 1;" + " " * 1000 + "frobnicate" + " x" * 1000)
    err = run("run", path)[2]
    check_equal(max(len(line) for line in err.splitlines()) < 300, True, "long lines are cut")


def test_standard_files():
    path = script("select generate 100000; select 1")
    with open("/dev/full", "w") as full:
        done = subprocess.run([weir, "run", path], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    check_equal(done.returncode, 1, "rows that cannot be written")
    check_in("could not write to standard output: No space left on device (58030)", done.stderr, "rows that cannot be written")
    # closed ones are not the numbers of the database's files
    process = subprocess.Popen([weir, "serve", "--listen", "127.0.0.1:0"], preexec_fn=lambda: os.closerange(0, 3))
    deadline, found = time.time() + 10, []
    while found != ["/dev/null"] * 3 and time.time() < deadline:
        time.sleep(0.05)
        try:
            found = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)]
        except OSError:
            found = []
    check_equal(found, ["/dev/null"] * 3, "standard files that were closed")
    process.terminate()
    check_equal(process.wait(10), 0, "serve ends")


def test_signals():
    for number, code in [(signal.SIGINT, 0), (signal.SIGTERM, 0)]:
        process = subprocess.Popen([weir, "run", script("select 1;")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(number)
        check_equal(process.wait(10), code, f"signal {number} while pipelines run")
    process = subprocess.Popen([weir, "run", script("select 1; select sleep 60000;")], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    check_equal(process.wait(10), 130, "signal while a statement runs")
    check_in("canceling statement", process.stderr.read(), "the statement was cancelled")
    process = subprocess.Popen([weir, "run", "--exit-when-caught-up", "--quiet", script("select 1;")], stdout=subprocess.DEVNULL,
                               env={**os.environ, "WEIR_FAKE_BEHIND": "1"})
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    check_equal(process.wait(10), 130, "signal before it is caught up")


def test_stopped_by_itself():
    code, _, err = run("run", "--quiet", script("select 1;"), env={**os.environ, "WEIR_FAKE_DISK_FULL": "1"})
    check_equal((code, "no space left on device (53100)" in err), (1, True), "run ends when the database stops")


def test_serve():
    process = subprocess.Popen([weir, "serve", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    lines = [process.stderr.readline(), process.stderr.readline()]
    check_in("listening on 127.0.0.1:", lines[1], "serve says where")
    port = lines[1].split(":")[1].split(" ")[0]
    code, _, err = run("serve", "--listen", f"127.0.0.1:{port}")
    check_equal((code, "Is another weir running?" in err), (1, True), "a port in use")
    process.send_signal(signal.SIGTERM)
    check_equal(process.wait(10), 0, "serve ends")
    code, _, err = run("serve", "--listen", "127.0.0.1:0", env={**os.environ, "WEIR_FAKE_DISK_FULL": "1"})
    check_equal((code, "no space left on device (53100)" in err), (1, True), "serve ends when the database stops")
    for address in ["0.0.0.0:0", "[::]:0", ":99999", "nowhere.invalid:1"]:
        code, _, err = run("serve", "--listen", address)
        check_equal((code, "error" in err), (1, True), f"address {address}")
    with tempfile.TemporaryDirectory() as empty:
        check_in("loopback addresses only", run("serve", "--listen", "0.0.0.0", cwd=empty)[2], "not beyond loopback")
        check_equal(os.listdir(empty), [], "a refused address leaves nothing behind")


def test_terminal():
    leader, follower = pty.openpty()
    process = subprocess.Popen([weir, "run", "--exit-when-caught-up", script("insert; select 1;")], stderr=follower,
                               stdout=subprocess.DEVNULL)
    check_equal(process.wait(10), 0, "on a terminal")
    shown = os.read(leader, 65536).decode()
    check_in("in ", shown, "progress")
    check_in("memory 0 B of 512 MB  caught up", shown, "progress at the end")
    for columns in (200, 80, 40, 12, 3):
        check_width(columns)


def check_width(columns):
    """The line is never wrapped: then it could not be written over."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([weir, "run", "--exit-when-caught-up", script("insert; select 1;")], stderr=follower,
                               stdout=subprocess.DEVNULL)
    check_equal(process.wait(10), 0, f"{columns} columns")
    shown = [line.rstrip() for line in re.split(r"\r\x1b\[K", os.read(leader, 65536).decode())[1:]]
    shown = [line for line in shown if line[:columns - 1].startswith("in"[:columns - 1])]
    check_equal([line for line in shown if len(line) >= columns], [], f"{columns} columns")
    if columns >= 40:
        check_in("caught up", shown[-1], f"{columns} columns, at the end")


for test in [test_usage, test_run, test_errors, test_standard_files, test_signals, test_stopped_by_itself, test_serve, test_terminal]:
    test()
print(f"cli: {passed} passed, {failed} failed")
sys.exit(failed != 0)
