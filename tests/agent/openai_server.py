"""An OpenAI-compatible chat server on loopback that plays a script: started as a process by the tests.

`python openai_server.py SCRIPT.json` prints its port. The script is a list of replies, one a request; the last one is
repeated. A reply is {"text"}, {"calls": [[name, args], ...]}, {"status", "message"}, {"cut": text}, {"hangup": true},
{"body": raw text}, {"bad_args": [name, text]}, {"cut_call": [name, text]} (the stream ends inside a call's arguments)
or {"stall": seconds}; beside them "pause" seconds between pieces and "usage" [read, written] tokens. Every request's
body is appended to SCRIPT.log.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.argv[1])
REPLIES: list[dict[str, Any]] = json.loads(SCRIPT.read_text())
SERVED = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        global SERVED
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with SCRIPT.with_suffix(".log").open("a") as log:
            log.write(json.dumps({"auth": self.headers.get("Authorization"), "body": json.loads(body)}) + "\n")
        reply = REPLIES[min(SERVED, len(REPLIES) - 1)]
        SERVED += 1
        time.sleep(reply.get("stall", 0))
        if "status" in reply:
            error = {"error": {"message": reply.get("message", "no"), "type": "error", "code": None}}
            self._send(reply["status"], "application/json", json.dumps(error))
        elif "body" in reply:
            self._send(200, reply.get("type", "application/json"), reply["body"])
        else:
            self._stream(reply)

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, reply: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk({"role": "assistant", "content": ""})
        if "hangup" in reply:
            self._chunk({"content": "The epi"})
            self.close_connection = True
            self.connection.close()
            return
        text = reply.get("text") or reply.get("cut") or ""
        for start in range(0, len(text), 7):
            time.sleep(reply.get("pause", 0))
            self._chunk({"content": text[start : start + 7]})
        calls = [(name, json.dumps(args)) for name, args in reply.get("calls", [])]
        calls += [tuple(reply[key]) for key in ("bad_args", "cut_call") if key in reply]
        for index, (name, args) in enumerate(calls):
            head = {"index": index, "id": f"call_{SERVED}_{index}", "type": "function"}
            self._chunk({"tool_calls": [head | {"function": {"name": name, "arguments": ""}}]})
            for start in range(0, len(args), 5):
                self._chunk({"tool_calls": [{"index": index, "function": {"arguments": args[start : start + 5]}}]})
        if "cut" not in reply and "cut_call" not in reply:
            self._chunk({}, "tool_calls" if calls else "stop")
            if "usage" in reply:
                self._usage(*reply["usage"])
            self._write("data: [DONE]\n\n")
        self._write("")

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test", "choices": [choice]}
        self._write(f"data: {json.dumps(event)}\n\n")

    def _usage(self, read: int, written: int) -> None:
        """The last event of a stream: no choice, but what it took."""
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        event = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test", "choices": []}
        self._write(f"data: {json.dumps(event | {'usage': usage})}\n\n")

    def _write(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
sys.stdout.write(f"{server.server_address[1]}\n")
sys.stdout.flush()
server.serve_forever()
