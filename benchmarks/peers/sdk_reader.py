"""Every asset by the official SDK's iterator: URL, TOKEN and the page's size are the arguments."""

import json
import resource
import sys
import time

from codeocean import CodeOcean
from codeocean.data_asset import DataAssetSearchParams


def main(url: str, token: str, page: str) -> None:
    client = CodeOcean(domain=url, token=token)
    params = DataAssetSearchParams(limit=int(page))
    started = time.perf_counter()
    first_s = 0.0
    count = 0
    for _ in client.data_assets.search_data_assets_iterator(params):
        first_s = first_s or time.perf_counter() - started
        count += 1
    total_s = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "assets": count,
                "first_s": first_s,
                "rows_s": total_s,
                "total_s": total_s,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_mb": usage.ru_maxrss / 1024,
            }
        )
    )


main(*sys.argv[1:])
