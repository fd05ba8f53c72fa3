"""A change that meets trouble at each try: nobody is blamed for what the looks do not show."""

import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import CoexplorerError, Conflict
from coexplorer.fields import replace_values
from coexplorer.library import Library
from coexplorer.library.attempt import build_contested
from coexplorer.library.bulk_change import Change
from coexplorer.models import AssetId
from coexplorer.sharing.changes import SharingChange
from tests.support.server import RAW

ID = AssetId(RAW)


async def fail_to_edit(library: Library) -> CoexplorerError:
    base = (await library.platform.fetch(ID)).asset.fields
    with pytest.raises(CoexplorerError) as caught:
        await library.changes.edit(ID, base, replace_values(base, {"name": "mine"}))
    return caught.value


async def test_a_conflict_that_nobody_made_is_the_platforms(
    library: Library, server: DemoServer
) -> None:
    server.faults.add(409, "PUT", "data_assets/*")
    server.faults.add(409, "POST", "data_assets/*/permissions")
    error = await fail_to_edit(library)
    assert isinstance(error, Conflict)
    told = "the platform reports a conflict at each try, though nobody changes"
    assert error.message == f"{told} this asset"
    plan = await library.changes.plan([ID], Change(sharing=SharingChange({"everyone": "viewer"})))
    (result,) = (await library.changes.apply(plan)).results
    assert result.error is not None
    assert result.error.message == f"{told} who can see this asset"
    assert "others keep changing" in build_contested("it", is_changed=True).message
