"""Versions of models on disk: publish, aliases, verify, watch. Independent of HTTP and training.

In reading order: `layout`, `serving` (aliases), `version`, `durable` (crash-safe writing), `promote`, `publish`,
`watch`.

<models>/<name>/serving.json         the aliases, and the number of the next version
<models>/<name>/<version>/           model.npz, manifest.json and further files such as the report
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
