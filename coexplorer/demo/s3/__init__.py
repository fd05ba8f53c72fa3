"""An S3-compatible storage, to read from: what assets have whose files stay outside Code Ocean.

Buckets are folders of real files (`buckets`), or hold the made-up files of external assets below
their prefixes, or both. It sends objects, or parts of them, and lists; nothing is written.
"""
