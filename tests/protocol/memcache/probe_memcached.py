#!/usr/bin/python3
"""Sends every line of odd_lines.txt to a real memcached and compares its answers.

    probe_memcached.py            starts Debian's memcached 1.6.18 on a socket and checks the file
    probe_memcached.py --record   writes that version's answers into the file's third column

Not a ctest: the file's second column, 1.6.45's answers, is what odd_lines_test holds the parser to;
this keeps the reader of the file and its third column honest.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "odd_lines.txt")
FENCE = b"mg no.such k Ofence\r\n"
FENCE_ANSWER = b"EN kno.such Ofence\r\n"
SILENCE_S = 0.4


def expand(text, prefix):
    """The bytes that a column stands for: see the head of odd_lines.txt."""
    text = re.sub(r"\{(\d+)\*([^}]*)\}", lambda m: m.group(2) * int(m.group(1)), text)
    text = text.replace("@", prefix)
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def shorten(answer, prefix):
    text = answer.decode("latin-1").replace(prefix, "@")
    return text.encode("unicode_escape").decode("ascii").replace("o" * 31, "{31*o}")


def ask(path, data):
    """All that is answered: up to the fence's answer, the close, or a silence."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    sock.settimeout(SILENCE_S)
    answer = b""
    try:
        sock.sendall(data + FENCE)
        while not answer.endswith(FENCE_ANSWER):
            more = sock.recv(65536)
            if not more:
                return answer + b"<closed>"
            answer += more
    except TimeoutError:
        return answer + b"<waits>"
    except (ConnectionResetError, BrokenPipeError):
        return answer + b"<closed>"
    finally:
        sock.close()
    return answer[: -len(FENCE_ANSWER)]


def start(folder):
    path = os.path.join(folder, "memcached.sock")
    os.chmod(folder, 0o777)
    process = subprocess.Popen(["memcached", "-s", path, "-a", "0777", "-U", "0", "-u", "nobody"])
    for _ in range(200):
        if os.path.exists(path):
            return process, path
        time.sleep(0.02)
    process.terminate()
    raise SystemExit("memcached did not start")


def check(path, lines, record):
    wrong, out = 0, []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            out.append(line)
            continue
        columns = line.split("\t")
        prefix = f"case{number}."
        answer = ask(path, expand(columns[0], prefix))
        rule = expand(columns[1], prefix)
        if record:
            out.append("\t".join(columns[:2] + [shorten(answer, prefix)] * (answer != rule)))
            continue
        expected = expand(columns[2], prefix) if len(columns) > 2 else rule
        if answer != expected:
            wrong += 1
            print(f"{FILE}:{number}: {columns[0]}: answered {answer!r}, the file says {expected!r}")
    return wrong, out


def main():
    record = sys.argv[1:] == ["--record"]
    with open(FILE, encoding="latin-1") as file:
        lines = file.read().split("\n")
    with tempfile.TemporaryDirectory() as folder:
        process, path = start(folder)
        try:
            wrong, out = check(path, lines, record)
        finally:
            process.terminate()
            process.wait()
    if record:
        with open(FILE, "w", encoding="latin-1") as file:
            file.write("\n".join(out))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
