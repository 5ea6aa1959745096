"""Serve the small model on loopback by llama.cpp's own server: `serve.py WEIGHTS PORT`.

It ends with its input.
"""

import sys

import xllamacpp

settings = xllamacpp.CommonParams()
settings.model.path, settings.port = sys.argv[1], int(sys.argv[2])
settings.n_ctx, settings.n_parallel = 8_192, 1
settings.cpuparams.n_threads = 1  # two wait for each other on busy cores
server = xllamacpp.Server(settings)
sys.stdin.read()
