"""`library.creation`: new data assets, and what is to be known before one is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from coexplorer.config.environment import find_session
from coexplorer.fields import Fields, Map
from coexplorer.library.bulk_change import Change, change_fields
from coexplorer.library.capture import CaptureChecks
from coexplorer.library.context import Context
from coexplorer.library.create import Creator, SharingTold
from coexplorer.library.edit import Editor
from coexplorer.library.metadata import ensure_schema, judge_metadata
from coexplorer.library.results import CreateProgress, EditResult, ReadyProgress
from coexplorer.models import AssetId, NewAsset, Record
from coexplorer.sharing.changes import SharingChange


class Creation:
    """Asks for new assets.

    Args:
        context: What the session's modules share.
        editor: Carries out journal entries.
    """

    def __init__(self, context: Context, editor: Editor) -> None:
        self._context = context
        checks = CaptureChecks(context, here=find_session(os.environ))
        self._creator = Creator(context, editor, checks)

    async def create(
        self,
        new: NewAsset,
        *,
        sharing: SharingChange | None = None,
        shared: SharingTold | None = None,
        failed_too: bool = False,
        heard: Callable[[CreateProgress], None] | None = None,
    ) -> Record:
        """Ask the platform for a new asset; it starts in ``draft``: see `wait_ready`.

        What it is to be made from is looked at before: a run, the folder, the parts. Keys of
        storage go to the platform and nowhere else. After a lost reply the asset is looked for;
        nothing is asked for twice.

        Args:
            new: What to ask for.
            sharing: Who is to see it: given as soon as it is there. Where that fails the asset is
                made nevertheless, and a retry of the change goes on with it.
            shared: Told what became of the sharing.
            failed_too: Take the results of a run that has failed.
            heard: Told once it is sent, and once it is known which asset it became.

        Raises:
            InvalidField: A value must not be sent; nothing was.
            Refused: It can't become an asset, or not yet; nothing was sent.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no, or the outcome is unknown (``outcome_unknown``).
        """
        return await self._creator.create(new, sharing, shared, failed_too=failed_too, heard=heard)

    async def share_again(self, result: EditResult) -> EditResult:
        """Try once more to share what was just made: a platform may not take it of a draft.

        Args:
            result: What became of it at first, from `create`.
        """
        return await self._creator.share_again(result)

    async def list_lacking(self, new: NewAsset) -> tuple[str, ...]:
        """Return the keys of custom metadata that the deployment requires and `new` does not have.

        That is no mistake, since many a platform takes an asset without them: say it before the
        asset is sent, with `describe_lacking`.
        """
        schema = await ensure_schema(self._context)
        return schema.list_lacking(new.metadata)

    async def read_metadata(self, typed: Mapping[str, Sequence[str] | None]) -> Map:
        """Return custom metadata of a new asset, as the deployment's schema types them.

        Args:
            typed: By the key, the values that were typed; None: no such key.

        Raises:
            InvalidField: A value is not what the schema allows; names what is.
        """
        change = Change(metadata=typed)
        fields = await judge_metadata(
            self._context, lambda schema: change_fields(Fields(""), change, schema)
        )
        return fields.metadata or {}

    async def wait_ready(
        self, asset_id: AssetId, *, progress: Callable[[ReadyProgress], None] | None = None
    ) -> Record:
        """Poll a draft (5 s, then slower) until it is ready or failed; the caller sets a deadline.

        Returns:
            The record, whose asset is in state ``ready`` or ``failed`` (with `failure_reason`).
        """
        return await self._creator.wait_ready(asset_id, progress)
