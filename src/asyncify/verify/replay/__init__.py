"""Record what a program asks over HTTP and play it back, for any client, over real sockets.

The program is not touched and no client is patched. It runs in a network of its own (:mod:`isolate`), where every
host is at the sockets of one process (:mod:`serve`); :mod:`wire` parses what arrives there, :mod:`taper` hands it on to the
real servers and records, :mod:`player` answers from a cassette at the recorded times. Where the system allows no
such network, Python's sockets and ``curl`` are led there instead (:mod:`gateway`), and the report says so.
"""
