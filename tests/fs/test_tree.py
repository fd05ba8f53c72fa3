"""The tree against a model: names are unique and sticky, tags and folders agree, links resolve."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coexplorer.fs.core.nodes import NOWHERE, AssetFlag, KnownAsset, build_flags
from coexplorer.fs.core.tree import ALIAS_LIFE_S, Tree
from coexplorer.fs.kernel.inodes import Place
from coexplorer.models import AssetId

IDS = [AssetId(f"{number:08x}-0000-4000-8000-000000000000") for number in range(6)]
NAMES = ["a", "b", "a/b", ".hidden", "%41", "x" * 300, "a~00000001", ""]
TAGS = ["raw", "rna", "a/b", "."]
ids = st.sampled_from(IDS)
names = st.sampled_from(NAMES)
tags = st.lists(st.sampled_from(TAGS), unique=True).map(tuple)
flags = st.sampled_from(
    [AssetFlag(0), AssetFlag.ARCHIVED, AssetFlag.MINE, AssetFlag.FAVORITE | AssetFlag.ARCHIVED]
)


class TreeMachine(RuleBasedStateMachine):
    """Applies changes as the catalog and the mount do, and compares with plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree()
        self.model: dict[AssetId, KnownAsset] = {}
        self.deleted: set[AssetId] = set()
        self.now = 1000.0

    @rule(asset_id=ids, name=names, tags=tags, flags=flags)
    def apply(self, asset_id: AssetId, name: str, tags: tuple[str, ...], flags: AssetFlag) -> None:
        if asset_id in self.deleted:
            return
        before = {node.id: node.file_name for node in self.tree.iter_nodes()}
        same = asset_id in self.model and self.model[asset_id].name == name
        known = KnownAsset(asset_id, name, tags, 1.0, flags)
        node = self.tree.apply(known, self.now)
        self.model[asset_id] = known
        before.pop(asset_id, None) if not same else None
        after = {each.id: each.file_name for each in self.tree.iter_nodes()}
        # Nobody else's name changes, and one's own only with the name itself.
        assert all(after[each] == file_name for each, file_name in before.items())
        assert node.id == asset_id

    @rule(asset_id=ids)
    def remove(self, asset_id: AssetId) -> None:
        if asset_id not in self.deleted:
            self.tree.remove(asset_id)
            self.model.pop(asset_id, None)

    @rule(asset_id=ids, archived=st.booleans())
    def archive(self, asset_id: AssetId, *, archived: bool) -> None:
        node = self.tree.find_id(asset_id)
        if node is None or asset_id not in self.model:
            return
        self.tree.set_archived(node, archived=archived)
        known = self.model[asset_id]
        rest = known.flags & ~AssetFlag.ARCHIVED
        flags = rest | AssetFlag.ARCHIVED if archived else rest
        self.model[asset_id] = KnownAsset(asset_id, known.name, known.tags, known.created, flags)

    @rule(asset_id=ids)
    def delete(self, asset_id: AssetId) -> None:
        node = self.tree.find_id(asset_id)
        if node is not None and asset_id in self.model and asset_id not in self.deleted:
            name = node.file_name
            if name in self.tree.folders[Place.DELETED]:
                return
            self.tree.set_deleted(node)
            self.deleted.add(asset_id)
            del self.model[asset_id]

    @rule(seconds=st.sampled_from([1.0, ALIAS_LIFE_S + 1]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.tree.expire_aliases(self.now)

    @rule()
    def tell(self) -> None:
        self.tree.take_stale()

    @invariant()
    def every_asset_has_one_name_in_its_folder(self) -> None:
        nodes = {node.id: node for node in self.tree.iter_nodes()}
        assert set(nodes) == set(self.model)
        assert len({node.file_name for node in nodes.values()}) == len(nodes)
        for asset_id, node in nodes.items():
            flags = self.model[asset_id].flags
            place = Place.ARCHIVED if flags & AssetFlag.ARCHIVED else Place.ALL
            assert self.tree.folders[place][node.file_name] is node
            assert self.tree.find_name(node.file_name) is node
            assert self.tree.find_number(node.number) is self.tree.find_slot(node.slot) is node
            assert node.file_name not in (b"", b".", b"..")
            assert b"/" not in node.file_name
            assert len(node.file_name) <= 255

    @invariant()
    def tag_folders_hold_exactly_the_tagged(self) -> None:
        wanted: dict[str, set[AssetId]] = {}
        for known in self.model.values():
            for tag in known.tags:
                wanted.setdefault(tag, set()).add(known.id)
        found = {
            folder.tag: {node.id for node in folder.members} for folder in self.tree.tags.list()
        }
        assert found == wanted
        for folder in self.tree.tags.list():
            assert self.tree.tags.find(folder.file_name) is folder

    @invariant()
    def former_names_lead_to_the_living_and_hide_nobody(self) -> None:
        for name in [node.file_name for node in self.tree.iter_nodes()]:
            assert self.tree.find_name(name) is not None


TestTree = TreeMachine.TestCase
TestTree.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_the_oldest_keeps_the_name_as_long_as_nobody_saw_the_others() -> None:
    held: set[AssetId] = set()
    tree = Tree(is_held=lambda node: node.id in held)
    young = tree.apply(KnownAsset(IDS[2], "twin", created=3.0), 0.0)
    old = tree.apply(KnownAsset(IDS[0], "twin", created=1.0), 0.0)
    assert (old.file_name, young.file_name) == (b"twin", b"twin~00000002")

    held.add(old.id)
    oldest = tree.apply(KnownAsset(IDS[1], "twin", created=0.5), 0.0)
    assert (old.file_name, oldest.file_name) == (b"twin", b"twin~00000001")


def test_a_former_name_resolves_until_it_is_unused_for_a_minute() -> None:
    tree = Tree()
    node = tree.apply(KnownAsset(IDS[0], "before"), 0.0)
    tree.rename(node, "after", 0.0, alias=True)

    assert tree.find_alias(b"before", 50.0) is node
    assert tree.find_alias(b"before", 100.0) is node
    tree.expire_aliases(100.0 + ALIAS_LIFE_S + 1)
    assert tree.find_alias(b"before", 100.0 + ALIAS_LIFE_S + 1) is None


def test_a_name_that_was_just_left_is_not_given_to_a_newcomer() -> None:
    tree = Tree()
    node = tree.apply(KnownAsset(IDS[0], "name"), 0.0)
    tree.rename(node, "other", 0.0, alias=True)
    assert tree.apply(KnownAsset(IDS[1], "name"), 1.0).file_name == b"name~00000001"


def test_what_it_is_filled_with_makes_nothing_stale_and_what_comes_later_does() -> None:
    tree = Tree()
    tree.fill((KnownAsset(AssetId(letter), "same", ("t",)) for letter in "ab"), 0.0)
    assert tree.take_stale() == []
    assert len({node.file_name for node in tree.iter_nodes()}) == len(tree) == 2
    tree.apply(KnownAsset(AssetId("a"), "other", ("t",)), 1.0)
    assert {stale.name for stale in tree.take_stale()} >= {b"same", b"other"}


def test_what_is_known_of_an_asset_says_where_it_is_shown() -> None:
    nothing = {"archived": None, "favorite": False, "mine": None, "shared": False}
    assert build_flags(**nothing) == NOWHERE
    for name in nothing:
        assert build_flags(**{**nothing, name: True}) == AssetFlag[name.upper()]
    everything = AssetFlag.ARCHIVED | AssetFlag.FAVORITE | AssetFlag.MINE | AssetFlag.SHARED
    assert build_flags(archived=True, favorite=True, mine=True, shared=True) == everything
