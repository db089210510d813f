"""A copy of joined results in a store that fsspec knows: files in; objects below a URL such as s3://bucket/prefix out.

The record of a video is written last and removed first: whoever finds one finds whole tables.
"""

import fsspec


class ResultStore:
    """A place in a store. Keys of s3 and others come from where their own libraries look for them."""

    def __init__(self, url):
        self.files, self.root = fsspec.core.url_to_fs(url)

    def has(self, name):
        """Whether there is an object of that name."""
        return self.files.exists(self.path(name))

    def put(self, folder, names):
        """Copies files of a folder, in their order; an object is there whole or not at all."""
        for name in names:
            target = self.path(name)
            self.files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(folder / name), target)

    def remove(self, names):
        """Removes what is there of these, in their order."""
        for name in names:
            try:
                self.files.rm_file(self.path(name))
            except FileNotFoundError:
                pass

    def path(self, name):
        return f"{self.root.rstrip('/')}/{name}"
