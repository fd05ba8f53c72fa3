"""Reads buckets of S3, and of whatever speaks like it, with the user's own AWS credentials.

It knows no platform and no asset. Import it late: it brings in httpx, and credentials bring in
botocore, where that is installed (extra `s3`).
"""

from coexplorer.s3.buckets import Bucket, Buckets
from coexplorer.s3.listing import StoredObject

__all__ = ["Bucket", "Buckets", "StoredObject"]
