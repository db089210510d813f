"""A copy of joined results in a store that fsspec knows: files in; objects below a URL such as s3://bucket/prefix out.

The record of a video is written last and removed first: whoever finds one finds whole tables.
"""

import fsspec

# Stores of objects, which have no folders: what makes one there would make a bucket.
WITHOUT_FOLDERS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"}
# Written and removed again, to see whether the store takes anything.
PROBE = ".ray-archive"


class ResultStore:
    """A place in a store. Keys of s3 and others come from where their own libraries look for them.

    Raises OSError where nothing can be written there, ValueError for a URL of no store that fsspec knows, ImportError where the
    store's own library is missing.
    """

    def __init__(self, url):
        self.files, self.root = fsspec.core.url_to_fs(url)
        try:
            self.make_folder(self.path(PROBE))
            self.files.pipe_file(self.path(PROBE), b"")
            self.remove([PROBE])
        except Exception as error:  # whatever the store's own library says
            raise OSError(f"cannot write to {url}: {error}") from error

    def make_folder(self, path):
        """The folder that a file is to lie in."""
        protocols = {self.files.protocol} if isinstance(self.files.protocol, str) else set(self.files.protocol)
        if not protocols & WITHOUT_FOLDERS:
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)

    def has(self, name):
        """Whether there is an object of that name."""
        return self.files.exists(self.path(name))

    def put(self, folder, names):
        """Copies files of a folder, in their order; an object is there whole or not at all."""
        for name in names:
            target = self.path(name)
            self.make_folder(target)
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
