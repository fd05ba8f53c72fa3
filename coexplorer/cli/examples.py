"""One to three examples for each command: its help, the man pages and the documentation show them.

A test lets each of them be read by the command itself.
"""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "ls": (
        ("coexplorer ls tag:raw -tag:test 'size:>10GB' --sort -size", "the largest raw data"),
        ("coexplorer ls is:mine created:yesterday -n 5", "what you made yesterday"),
        ("coexplorer ls used:never -o csv --columns id,name,size", "a list for a spreadsheet"),
    ),
    "show": (
        ("coexplorer show ecephys_729875_2026-03-05_14-23-38", "everything about one asset"),
        ("coexplorer show tag:raw -o json", "everything about many, for a script"),
    ),
    "files": (
        ("coexplorer files 6b2be3dc --tree", "all of them, with the size of each folder"),
        ("coexplorer files 6b2be3dc behavior --recursive", "all files below a folder"),
        ("coexplorer ls tag:raw -o ids | coexplorer files - -o csv", "those of many assets"),
    ),
    "cat": (
        ("coexplorer cat 6b2be3dc data_description.json", "read one file, or pipe it into jq"),
        ("coexplorer ls tag:raw -o ids | coexplorer cat - metadata.json", "that of each asset"),
        ("coexplorer cat 6b2be3dc video.mp4 --range 64MB:65MB >part", "a part of a large one"),
    ),
    "head": (
        ("coexplorer head 6b2be3dc behavior/trials.csv -n 3", "the first three lines"),
        ("coexplorer head 6b2be3dc video.mp4 -c 100 >part", "the first 100 bytes"),
    ),
    "tail": (("coexplorer tail 6b2be3dc output -n 50", "how a run ended"),),
    "get": (
        ("coexplorer get 6b2be3dc behavior --to here", "download a folder"),
        ("coexplorer get 6b2be3dc --include '*.json' --to here", "all files of a kind"),
        ("coexplorer ls tag:raw -o ids | coexplorer get - --to data", "download many assets"),
    ),
    "du": (
        ("coexplorer du 6b2be3dc", "which folders are large"),
        ("coexplorer du type:result is:mine --depth 0 -o csv", "each asset, as its files are now"),
    ),
    "open": (("coexplorer open 6b2be3dc", "open its page in the browser"),),
    "edit": (
        ("coexplorer edit 6b2be3dc --add-tag atlas --meta 'subject id=655019'", "change one"),
        ("coexplorer edit --query 'tag:raw -tag:keep' --add-tag old --dry-run", "see the plan"),
        ("coexplorer edit --query tag:draft --editor", "change many in your editor"),
    ),
    "metadata": (
        ("coexplorer metadata", "what assets of your platform can have"),
        ("coexplorer metadata species -o json", "all about one key, for a script"),
    ),
    "archive": (
        ("coexplorer archive --query 'used:<1y -tag:keep' --dry-run", "see what would go"),
        ("coexplorer duplicates -o ids | coexplorer archive - -y", "archive a list"),
    ),
    "unarchive": (("coexplorer unarchive --query 'is:archived tag:raw'", "bring many back"),),
    "rm": (
        ("coexplorer rm 6b2be3dc --dry-run", "see what would be lost"),
        ("coexplorer rm --query 'is:archived state:failed'", "delete; it asks first"),
    ),
    "share": (
        ("coexplorer share 6b2be3dc", "who can see it"),
        ("coexplorer share 6b2be3dc --user jonas.lind@example.org:editor", "let somebody edit it"),
        (
            "coexplorer ls 'is:mine type:result' -o ids | coexplorer share - --everyone viewer",
            "show everyone your results",
        ),
    ),
    "attach": (
        ("coexplorer attach 6b2be3dc --wait", "to the workstation that you are in"),
        ("coexplorer attach --query 'tag:raw ecephys' --onto 'Spike sorting'", "to a capsule"),
    ),
    "detach": (("coexplorer attached -o ids | coexplorer detach - -y", "all that is attached"),),
    "attached": (("coexplorer attached 'Spike sorting'", "what a capsule has"),),
    "create": (
        ("coexplorer create 'Session 12' --bucket lab-data --prefix session-12 --wait", "copy"),
        (
            "coexplorer create atlas --bucket open-data --public --keep-on-external-storage",
            "leave the files where they are",
        ),
        (
            "coexplorer create sorted --from-computation $RUN --everyone viewer --wait",
            "capture the results of a run, and share them",
        ),
    ),
    "runs": (
        ("coexplorer runs 'Spike sorting' -n 5 --sizes", "the newest, and how large they are"),
        ("coexplorer runs 4471234 -o json", "all of them, for a script"),
    ),
    "run": (
        (
            "coexplorer run 'Spike sorting' --attach 6b2be3dc --parameter threshold=5 --wait",
            "run it on one asset",
        ),
        (
            'coexplorer create sorted --from-computation "$(coexplorer run 4471234 --wait -o ids)"',
            "run, then capture",
        ),
    ),
    "wait": (("coexplorer wait state:draft is:mine --timeout 600", "until all are ready"),),
    "tags": (
        ("coexplorer tags is:mine -n 20", "the tags you use most"),
        ("coexplorer tags rename ephys ecephys --dry-run", "see what a new name would change"),
    ),
    "tags rename": (("coexplorer tags rename ephys ecephys --dry-run", "see the plan"),),
    "tags merge": (("coexplorer tags merge ephys Ecephys --into ecephys", "make one of two"),),
    "stats": (
        ("coexplorer stats", "where the space is"),
        ("coexplorer stats tag:raw --by month", "how it grew"),
        ("coexplorer stats is:mine created:2024 -o csv", "yours of one year, for a spreadsheet"),
    ),
    "duplicates": (("coexplorer duplicates -o ids | coexplorer archive - --dry-run", "tidy"),),
    "lineage": (
        ("coexplorer lineage 6b2be3dc", "what it was made from, and what from it"),
        ("coexplorer lineage 6b2be3dc --tree --depth 5", "over five steps"),
        ("coexplorer lineage 6b2be3dc --mermaid", "a flowchart for a Markdown page"),
    ),
    "uses": (
        ("coexplorer uses 6b2be3dc", "which capsules and pipelines it is attached to"),
        ("coexplorer uses 'tag:raw' 'used:never' -o csv", "of all matches, for a spreadsheet"),
    ),
    "transfer": (
        ("coexplorer transfer 6b2be3dc --to s3://archive/2024/raw --dry-run", "only look"),
        ("coexplorer transfer --query 'tag:raw' --to 's3://archive/{id}' --wait", "a folder each"),
    ),
    "sync": (("coexplorer sync", "read all assets again"),),
    "cache": (
        ("coexplorer cache", "how much is kept here, and of which assets"),
        ("coexplorer cache 6b2be3dc --clear", "forget the files of one"),
    ),
    "log": (
        ("coexplorer log -n 5", "the last five changes"),
        ("coexplorer log 12", "what happened to each asset of change 12"),
    ),
    "undo": (
        ("coexplorer undo", "take back the last change"),
        ("coexplorer undo 12", "take back change 12"),
    ),
    "redo": (("coexplorer redo", "after an undo"),),
    "retry": (
        ("coexplorer retry", "send what could not be sent"),
        ("coexplorer retry --batch 12", "go on with an interrupted change"),
        ("coexplorer retry -y -o jsonl", "in a script: ask nothing, a row for each asset"),
    ),
    "discard": (("coexplorer discard 41 42", "give up two changes that can't be sent"),),
    "mount": (
        ("coexplorer mount ~/assets", "see your assets as folders"),
        ("coexplorer mount ~/assets --read-only", "only look"),
    ),
    "umount": (("coexplorer umount ~/assets", "end it"),),
    "status": (("coexplorer status", "your mounts, and what they could not send"),),
    "login": (
        ("coexplorer login acme", "sign in to codeocean.acme.com"),
        ("coexplorer login acme --token-command 'pass show codeocean'", "keep the token safe"),
    ),
    "logout": (("coexplorer --profile acme logout", "forget one profile"),),
    "profiles": (
        ("coexplorer profiles", "where you are signed in"),
        ("coexplorer profiles --check", "and which tokens still work"),
    ),
    "whoami": (("coexplorer whoami", "does my token still work?"),),
    "doctor": (
        ("coexplorer doctor", "what is wrong here, and what to do about it"),
        ("coexplorer doctor -o json", "for a bug report or a script"),
    ),
    "config": (
        ("coexplorer config list", "what is set"),
        ("coexplorer config set default_profile acme", "change one setting"),
    ),
    "config get": (("coexplorer config get profiles.acme.domain", "print one"),),
    "config set": (
        ("coexplorer config set columns name size tags", "the columns of the app and of ls"),
        ("coexplorer config set profiles.acme.mount_folder ~/data", "where to mount"),
    ),
    "config unset": (("coexplorer config unset columns", "back to the default"),),
    "config list": (("coexplorer config list -o json", "for a script"),),
    "config path": (("coexplorer config path", "the file to edit"),),
    "demo": (
        ("coexplorer demo", "try everything on sample data"),
        ("coexplorer demo --fresh --assets 5000", "start over with more of them"),
    ),
    "serve": (
        ("coexplorer serve --assets 100", "a platform of your own"),
        ("coexplorer serve --import export.jsonl --fresh", "rehearse on an export of your assets"),
    ),
    "completion": (("coexplorer completion bash", "print the script"),),
    "help": (
        ("coexplorer help search", "the search language"),
        ("coexplorer help tags rename", "one command"),
    ),
}
"""Command → its examples, each with what it is for."""


def format_examples(name: str) -> str:
    """Return the examples of a command as click prints text that is not to be wrapped."""
    rows = EXAMPLES.get(name, ())
    if not rows:
        return ""
    lines = [line for example, told in rows for line in (f"  # {told}", f"  {example}")]
    return "\b\nExamples:\n" + "\n".join(lines)
