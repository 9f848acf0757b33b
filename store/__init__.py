"""Versions of models on a disk: publish, aliases, verify, watch. Knows nothing of HTTP or training.

In reading order: `layout`, `serving` (aliases), `version`, `durable` (crash-safe writing), `promote`, `publish`,
`watch`.

<models>/<name>/serving.json         what is served, and the number that comes next
<models>/<name>/<version>/           model.npz, manifest.json and whatever else was published
"""

from store.layout import StoreError
from store.promote import Verdict, promote, set_alias
from store.publish import Publication, publish
from store.serving import find_number
from store.version import Version, read_version

__all__ = [
    "Publication",
    "StoreError",
    "Verdict",
    "Version",
    "find_number",
    "promote",
    "publish",
    "read_version",
    "set_alias",
]
