"""Recorder: a relay before a real server that writes down what passes."""
