#!/usr/bin/env python3
"""How long a function takes from exec to its first poll for an event, and to its first answer; and its peak memory.

    startup.py RUNS FUNCTION [FUNCTION...]

The functions take turns, run by run, against the same small runtime API, so that a change of the machine's speed meets
all alike. Printed are medians, and the ratio of each to the last one named.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

EVENT = json.dumps({
    "version": "2.0", "routeKey": "$default", "rawPath": "/v2/", "rawQueryString": "",
    "headers": {"host": "registry.example"}, "isBase64Encoded": False,
    "requestContext": {
        "accountId": "1", "apiId": "a", "domainName": "registry.example", "domainPrefix": "registry",
        "http": {"method": "GET", "path": "/v2/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench"},
        "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000",
        "timeEpoch": 1767225600000,
    },
}).encode()


def read_request(connection):
    """The head of a request; its body is read and dropped."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    remaining = int(headers.get("content-length", 0)) - len(body)
    while remaining > 0:
        remaining -= len(connection.recv(65536))
    if headers.get("transfer-encoding") == "chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
    return lines[0]


def run(function):
    """Milliseconds to the first poll, milliseconds to the first answer, peak memory in MiB."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(30)
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.getsockname()[1]}", "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a", "KMS_KEY_ID": "alias/bench", "LEDGER_TABLE": "bench",
        # Nobody answers there: nothing may wait for it.
        "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9", "RUST_LOG": "off",
    }
    began = time.perf_counter()
    process = subprocess.Popen([function], env=environment, stdout=subprocess.DEVNULL)
    polled = answered = None
    try:
        connections = [server.accept()[0]]
        server.settimeout(0.001)
        while answered is None:
            connection = connections[-1]
            connection.settimeout(0.001)
            try:
                line = read_request(connection)
            except TimeoutError:
                line = None
            if line is None:
                try:
                    connections.append(server.accept()[0])
                except TimeoutError:
                    connections.insert(0, connections.pop())
                continue
            if line.startswith("GET"):
                polled = polled or time.perf_counter()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 1\r\nlambda-runtime-deadline-ms: 9999999999999\r\n"
                    b"lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:1:function:bench\r\n"
                    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(EVENT) + EVENT)
            else:
                answered = time.perf_counter()
        with open(f"/proc/{process.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    finally:
        process.kill()
        process.wait()
    return (polled - began) * 1000, (answered - began) * 1000, peak


def main():
    runs, functions = int(sys.argv[1]), sys.argv[2:]
    results = {function: [] for function in functions}
    for number in range(runs + 1):
        for function in functions:
            result = run(function)
            if number:  # the first brings the files into memory
                results[function].append(result)
    medians = {function: [statistics.median(column) for column in zip(*rows)] for function, rows in results.items()}
    base = medians[functions[-1]]
    print(f"{'function':<16} {'first poll':>18} {'first answer':>18} {'peak memory':>18}")
    for function in functions:
        columns = [f"{value:.1f} {unit} ({value / of:.2f})" for value, of, unit in
                   zip(medians[function], base, ("ms", "ms", "MiB"))]
        print(f"{os.path.basename(function):<16} {columns[0]:>18} {columns[1]:>18} {columns[2]:>18}")


main()
