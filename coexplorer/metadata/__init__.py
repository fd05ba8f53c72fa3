"""Custom metadata, typed by the deployment's schema: text ↔ value, and what is wrong with it. Pure.

A value is text, a number, or a date, which goes over the wire as whole seconds since the epoch; a
field that takes several has a list.
"""
