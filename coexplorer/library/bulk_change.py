"""One change to many assets, as it is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from coexplorer.errors import InvalidField, Refused
from coexplorer.fields import Fields, Value, replace_values
from coexplorer.lenient_json import encode_json
from coexplorer.library.attachments import Attaching
from coexplorer.library.entries import Action
from coexplorer.library.merge import unique
from coexplorer.library.transfer_target import Transferring
from coexplorer.metadata.reading import MetadataMistake, read_texts
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.sharing.changes import SharingChange
from coexplorer.written import trim


class Change(msgspec.Struct, frozen=True):
    """One change to many assets; parts that are None or empty change nothing.

    Attributes:
        add_tags: Tags to add.
        remove_tags: Tags to remove; renaming a tag means removing the old one and adding the new
            one.
        only_with: Skip assets that have none of these tags (for renaming and merging tags).
        values: New values by the field's name; for a set, its complete value.
        metadata: By the key of custom metadata, the values that were typed; None takes it away.
        archive: True archives, False unarchives.
        delete: Delete for good; assets that are not archived are skipped.
        archive_first: With `delete`: archive assets that are not archived, then delete them.
        sharing: Who is to be able to see them.
        attaching: To or from which workplace they are attached or detached.
        transferring: Where their files are moved to.
    """

    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()
    values: Mapping[str, Value] = {}
    metadata: Mapping[str, Sequence[str] | None] = {}
    archive: bool | None = None
    delete: bool = False
    archive_first: bool = False
    sharing: SharingChange | None = None
    attaching: Attaching | None = None
    transferring: Transferring | None = None

    @property
    def action(self) -> Action:
        """The one action that this change stands for.

        Raises:
            Refused: It mixes kinds of change, or does nothing.
        """
        actions = [Action.EDIT] if self._edits() else []
        if self.archive is not None:
            actions.append(Action.ARCHIVE if self.archive else Action.UNARCHIVE)
        if self.delete:
            actions.append(Action.DELETE)
        if self.sharing is not None:
            actions.append(Action.SHARE)
        if self.attaching is not None:
            actions.append(self.attaching.action)
        if self.transferring is not None:
            actions.append(Action.TRANSFER)
        if len(actions) != 1:
            what = "nothing" if not actions else " and ".join(actions)
            raise Refused(f"this asks for {what} at once", hint="give one kind of change at a time")
        return actions[0]

    @property
    def title(self) -> str:
        """One line for the log, e.g. ``add tag rna``."""
        parts = []
        for name, value in self.values.items():
            if isinstance(value, tuple):
                parts.append(f"set {name} {', '.join(value) or '(none)'}")
        parts += self._tell_tags()
        parts += [f"set {name}" for name, value in self.values.items() if isinstance(value, str)]
        parts += [
            f"take {key!r} away" if texts is None else f"set {key!r} to {', '.join(texts)}"
            for key, texts in self.metadata.items()
        ]
        if self.archive is not None:
            parts.append("archive" if self.archive else "unarchive")
        if self.delete:
            parts.append("archive and delete" if self.archive_first else "delete")
        if self.sharing is not None:
            parts.append(self.sharing.title)
        if self.attaching is not None:
            parts.append(self.attaching.told)
        if self.transferring is not None:
            parts.append(self.transferring.told)
        return "; ".join(parts)

    def _tell_tags(self) -> list[str]:
        removed = self.remove_tags
        if removed and len(self.add_tags) == 1 and {*removed} <= {*self.only_with}:
            return [f"rename {_list_tags(removed)} to {self.add_tags[0]}"]
        both = (("add", self.add_tags), ("remove", removed))
        return [f"{verb} {_list_tags(tags)}" for verb, tags in both if tags]

    def _edits(self) -> bool:
        return bool(self.add_tags or self.remove_tags or self.values or self.metadata)


def change_fields(fields: Fields, change: Change, schema: MetadataSchema = UNKNOWN) -> Fields:
    """Apply the editing part of `change` to `fields`.

    Raises:
        InvalidField: A value of custom metadata is not what the schema allows.
    """
    fields = replace_values(fields, {**change.values, **_read_metadata(fields, change, schema)})
    tags = fields.tags
    # What is typed with something around it means the tag, unless the asset has it just so.
    removed = {tag if tag in tags else trim(tag) for tag in change.remove_tags}
    kept = (tag for tag in tags if tag not in removed)
    return replace_values(fields, {"tags": unique([*kept, *change.add_tags])})


def _read_metadata(fields: Fields, change: Change, schema: MetadataSchema) -> dict[str, Value]:
    """Return the values that were typed for keys of custom metadata, as JSON text."""
    values: dict[str, Value] = {}
    before = fields.metadata or {}
    for key, texts in change.metadata.items():
        name, value = f"metadata.{key}", None
        if texts is not None:
            try:
                value = read_texts(schema.find(key), texts, before.get(key))
            except MetadataMistake as error:
                raise InvalidField(name, f"it {error}") from None
        values[name] = None if texts is None else encode_json(value).decode()
    return values


def _list_tags(tags: Sequence[str]) -> str:
    return f"{'tag' if len(tags) == 1 else 'tags'} {', '.join(tags)}"
