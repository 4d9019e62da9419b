"""The process that starts a measured program, samples its tree and waits for its end.

It is a process of its own, run by :mod:`asyncify.verify.measure` without ``asyncify`` and without site packages, so that

* the kernel's account of the program's peak does not begin with our size (a child begins as a copy of its parent),
* orphans of the program come back to it: they are found, counted, ended and their CPU time is known,
* sampling never waits for the interpreter lock of what asyncify does meanwhile, and its cost is known exactly.

So the modules here import nothing but each other and the standard library (psutil too, where there is no ``/proc``).
"""
