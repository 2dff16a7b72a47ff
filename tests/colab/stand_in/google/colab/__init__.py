"""A stand-in for the module that only Colab's kernels have.

Colab loads `google.colab` before the first cell runs; that is how code recognises
Colab. The stand-in is loaded in the same way and can do nothing, so that a lesson
that leans on one of Colab's own functions fails the simulation.
"""
